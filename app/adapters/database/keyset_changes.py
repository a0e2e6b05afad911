"""What a save changes of a key set: the history of its keys, by kid and thumbprint, and the kids that it lacked."""

import base64
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from app.domain.keyset import Keyset, KeysetPolicy, with_missing_kids

_MATERIAL: Mapping[str, tuple[str, ...]] = {
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
}


class KeyEvent(StrEnum):
    """What happened to a key."""

    ADDED = "added"
    REMOVED = "removed"
    RETURNED = "returned"  # had been removed before
    CHANGED = "changed"  # the same kid with other material


@dataclass(frozen=True, slots=True)
class KeyChange:
    """One key's change."""

    event: KeyEvent
    kid: str
    thumbprint: str


def key_changes(
    before: Sequence[Mapping[str, object]], after: Sequence[Mapping[str, object]], known: Collection[str]
) -> list[KeyChange]:
    """Return what became of each key; `known` holds the thumbprints that this source's history names."""
    old, new = _by_kid(before), _by_kid(after)
    changes = []
    for kid, thumbprint in new.items():
        if kid not in old:
            event = KeyEvent.RETURNED if thumbprint in known else KeyEvent.ADDED
            changes.append(KeyChange(event, kid, thumbprint))
        elif old[kid] != thumbprint:
            changes.append(KeyChange(KeyEvent.CHANGED, kid, thumbprint))
    removed = [KeyChange(KeyEvent.REMOVED, kid, thumbprint) for kid, thumbprint in old.items() if kid not in new]
    return changes + removed


def thumbprint_of(key: Mapping[str, object]) -> str:
    """Return the key's thumbprint (RFC 7638 section 3): the one it carries, or that of its material."""
    carried = key.get("thumbprint")
    if isinstance(carried, str):
        return carried
    names = _MATERIAL.get(str(key.get("kty")), tuple(sorted(key)))
    material = json.dumps({name: key.get(name) for name in names}, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(material).digest()).decode().rstrip("=")


def remember_asked(keyset: Keyset, kids: frozenset[str], now: datetime, policy: KeysetPolicy) -> Keyset:
    """Return `keyset` with `kids` marked as asked for: an end that is over counts as no verdict."""
    asked = {kid: now for kid in kids if keyset.negative_kids.get(kid, now) <= now}
    merged = {**keyset.negative_kids, **asked}
    return replace(keyset, negative_kids=dict(list(merged.items())[-policy.negative_kids_max :]))


def judge_asked(saved: Keyset, stored: Keyset, policy: KeysetPolicy) -> Keyset:
    """Return `saved` with a verdict on the kids that `stored` has marked: those that a good fetch lacked are missing.

    A kid asked for after the fetch began keeps its mark for the next one; after a failed fetch all do.
    """
    if saved.fetched_at is None or saved.fetched_at != saved.attempted_at:
        return replace(saved, negative_kids=stored.negative_kids)
    last_verdict = stored.fetched_at + policy.negative_kid_ttl if stored.fetched_at else None
    present = {str(key.get("kid")) for key in saved.keys}
    lacked, later = set(), {}
    for kid, moment in stored.negative_kids.items():
        if kid in present:
            continue
        if moment > saved.fetched_at:
            later[kid] = moment
        elif moment != last_verdict:  # else a verdict that is over, and not a question
            lacked.add(kid)
    judged = with_missing_kids(saved, frozenset(lacked), policy)
    return replace(judged, negative_kids={**later, **judged.negative_kids})


def _by_kid(keys: Sequence[Mapping[str, object]]) -> dict[str, str]:
    return {str(key.get("kid")): thumbprint_of(key) for key in keys}
