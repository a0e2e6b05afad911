"""What an operator makes of a key set: keys given by hand, the way back to the published ones, revocations.

Pure. Each of them ends the lease of a fetch that is under way, or is kept apart from what a fetch decides, so that a
late answer undoes none of it.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from app.domain.keyset import Keyset, KeysetMode


def after_pin(keyset: Keyset, keys: tuple[Mapping[str, object], ...]) -> Keyset:
    """Return `keyset` with `keys` given by hand: served without end, never fetched."""
    return replace(
        _forgetting_fetches(keyset),
        mode=KeysetMode.PINNED,
        version=keyset.version + 1,
        keys=keys,
        dropped=(),
        refresh_at=None,
    )


def after_unpin(keyset: Keyset, refresh_at: datetime) -> Keyset:
    """Return `keyset` fetched again from `refresh_at`; tokens wait for that: keys given by hand hold no more."""
    return replace(_forgetting_fetches(keyset), mode=KeysetMode.REMOTE, refresh_at=refresh_at)


def after_revoke(keyset: Keyset, thumbprints: frozenset[str]) -> Keyset:
    """Return `keyset` with `thumbprints` revoked, whatever is published; the same if they are already."""
    if thumbprints <= keyset.revoked:
        return keyset
    return replace(keyset, revoked=keyset.revoked | thumbprints, revoked_epoch=keyset.revoked_epoch + 1)


def _forgetting_fetches(keyset: Keyset) -> Keyset:
    """Return `keyset` as if never fetched: a 304 must not prolong keys that no fetch brought."""
    return replace(
        keyset,
        etag=None,
        last_modified=None,
        fetched_at=None,
        fresh_until=None,
        stale_until=None,
        attempted_at=None,
        paused_until=None,
        failures=0,
        last_error=None,
        negative_kids={},
        lease_token=None,
    )
