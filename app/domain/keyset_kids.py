"""Kids that a source was asked for: those that a good fetch lacked count as missing for a while.

Pure. A kid is judged only by a fetch that began after it was asked for, and only by one that succeeded.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from app.domain.keyset import Keyset, KeysetPolicy
from app.domain.keyset_refresh import is_success


def with_asked_kids(keyset: Keyset, kids: frozenset[str], now: datetime, policy: KeysetPolicy) -> Keyset:
    """Return `keyset` remembering that `kids` were asked for at `now`; the oldest questions fall out."""
    asked = {**dict.fromkeys(sorted(kids), now), **keyset.asked_kids}
    return replace(keyset, asked_kids=_newest(asked, policy))


def judge_asked(saved: Keyset, asked_kids: Mapping[str, datetime], policy: KeysetPolicy) -> Keyset:
    """Return `saved`, as an attempt left it, with a verdict on the kids asked for until it began."""
    if not is_success(saved) or saved.fetched_at is None:
        return replace(saved, asked_kids=asked_kids)
    answered = frozenset(kid for kid, moment in asked_kids.items() if moment <= saved.fetched_at)
    present = {key.get("kid") for key in saved.keys}
    later = {kid: moment for kid, moment in asked_kids.items() if kid not in answered}
    return replace(with_missing_kids(saved, answered - present, policy), asked_kids=later)


def with_missing_kids(keyset: Keyset, kids: frozenset[str], policy: KeysetPolicy) -> Keyset:
    """Return `keyset` remembering that its last good fetch lacked `kids`; at most 256 are kept, newest first."""
    if keyset.fetched_at is None:
        return keyset
    until = keyset.fetched_at + policy.negative_kid_ttl
    known = {kid: end for kid, end in keyset.negative_kids.items() if end > keyset.fetched_at}
    return replace(keyset, negative_kids=_newest({**known, **dict.fromkeys(sorted(kids), until)}, policy))


def _newest(moments: Mapping[str, datetime], policy: KeysetPolicy) -> dict[str, datetime]:
    """Return the newest entries, as many as are kept, oldest first."""
    ordered = sorted(moments.items(), key=lambda entry: entry[1])
    return dict(ordered[-policy.negative_kids_max :])
