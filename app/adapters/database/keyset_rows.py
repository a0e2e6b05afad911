"""Key sets as rows: what is read for each batch, what only when it changed, and what a save writes.

Moments inside JSON are microseconds since 1970.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Update, update

from app.adapters.database.schema import KeysetRow
from app.adapters.database.types import from_micros, to_micros
from app.domain.keyset import DroppedKey, Keyset, KeysetMode

LIGHT = (
    KeysetRow.source,
    KeysetRow.mode,
    KeysetRow.version,
    KeysetRow.revoked_epoch,
    KeysetRow.saves,
    KeysetRow.fetched_at,
    KeysetRow.fresh_until,
    KeysetRow.stale_until,
    KeysetRow.refresh_at,
    KeysetRow.attempted_at,
    KeysetRow.paused_until,
    KeysetRow.failures,
    KeysetRow.last_error,
    KeysetRow.asked_at,
)
"""What decisions need anew in each batch; small."""
HEAVY = (
    KeysetRow.keys,
    KeysetRow.dropped,
    KeysetRow.revoked,
    KeysetRow.negative_kids,
    KeysetRow.asked_kids,
    KeysetRow.etag,
    KeysetRow.last_modified,
)
"""What changes only with a save or by an operator's hand, but for `asked_kids`, which only a save looks at."""

Stamp = tuple[int, int, int]


def stamp_of(row: RowMapping) -> Stamp:
    """Return what tells one state of the heavy columns from another: saves, version, revocations."""
    return row["saves"], row["version"], row["revoked_epoch"]


def to_keyset(row: RowMapping) -> Keyset:
    """Return the key set that a whole row holds, without its lease."""
    heavy = Keyset(
        source=row["source"],
        keys=tuple(row["keys"]),
        dropped=tuple(DroppedKey(kid, reason) for kid, reason in row["dropped"]),
        revoked=frozenset(row["revoked"]),
        negative_kids=_read_kids(row["negative_kids"]),
        asked_kids=_read_kids(row["asked_kids"]),
        etag=row["etag"],
        last_modified=row["last_modified"],
    )
    return with_light(heavy, row)


def with_light(keyset: Keyset, row: RowMapping) -> Keyset:
    """Return `keyset` with the light columns of `row`."""
    return replace(
        keyset,
        mode=KeysetMode(row["mode"]),
        version=row["version"],
        revoked_epoch=row["revoked_epoch"],
        fetched_at=row["fetched_at"],
        fresh_until=row["fresh_until"],
        stale_until=row["stale_until"],
        refresh_at=row["refresh_at"],
        attempted_at=row["attempted_at"],
        paused_until=row["paused_until"],
        failures=row["failures"],
        last_error=row["last_error"],
        asked_at=tuple(from_micros(asked) for asked in row["asked_at"]),
    )


def fetched_values(keyset: Keyset) -> dict[str, Any]:
    """Return the columns that a refresh decides.

    Not among them: the mode and the revocations, which are decided by hand, and `asked_at`, which grows meanwhile.
    """
    return {
        "version": keyset.version,
        "keys": [dict(key) for key in keyset.keys],
        "dropped": [[key.kid, key.reason] for key in keyset.dropped],
        "negative_kids": _spell_kids(keyset.negative_kids),
        "asked_kids": _spell_kids(keyset.asked_kids),
        "etag": keyset.etag,
        "last_modified": keyset.last_modified,
        "fetched_at": keyset.fetched_at,
        "fresh_until": keyset.fresh_until,
        "stale_until": keyset.stale_until,
        "refresh_at": keyset.refresh_at,
        "attempted_at": keyset.attempted_at,
        "paused_until": keyset.paused_until,
        "failures": keyset.failures,
        "last_error": keyset.last_error,
    }


def asked_values(keyset: Keyset) -> dict[str, Any]:
    """Return the columns that asking for a refresh decides."""
    return {
        "asked_at": [to_micros(asked) for asked in keyset.asked_at],
        "asked_kids": _spell_kids(keyset.asked_kids),
        "refresh_at": keyset.refresh_at,
    }


def decided_values(keyset: Keyset) -> dict[str, Any]:
    """Return the columns that an operator decides, those of a refresh among them."""
    return {
        **fetched_values(keyset),
        "mode": keyset.mode,
        "revoked": sorted(keyset.revoked),
        "revoked_epoch": keyset.revoked_epoch,
        "lease_token": keyset.lease_token,
    }


def empty_row(source: str, now: datetime) -> dict[str, Any]:
    """Return the columns of a source that was never fetched; its refresh is due now."""
    empty = Keyset(source, refresh_at=now)
    return {**decided_values(empty), **asked_values(empty), "source": source, "fetches": {}}


def row_of(source: str) -> Update:
    """Return the update of one source's row."""
    return update(KeysetRow).where(KeysetRow.source == source)


def _spell_kids(kids: Mapping[str, datetime]) -> dict[str, int]:
    return {kid: to_micros(until) for kid, until in kids.items()}


def _read_kids(stored: Mapping[str, int]) -> dict[str, datetime]:
    return {kid: from_micros(moment) for kid, moment in stored.items()}
