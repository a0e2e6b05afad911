"""The history of a source's keys: one row per change; bounded, since a partner may change its keys all day."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select

from app.adapters.database.schema import KeysetEventRow
from app.domain.keyset import Keyset
from app.domain.keyset_history import KeyEvent, KeysetEvent, key_changes, thumbprint_of

KEPT_EVENTS: Final = 2000
"""Of one source; older ones go, except those of keys that are in the set."""


def write_history(connection: Connection, before: Keyset, after: Keyset, now: datetime) -> None:
    """Record what became of each key between `before` and `after`."""
    if before.keys == after.keys:
        return
    present = [thumbprint_of(key) for key in after.keys]
    of_source = KeysetEventRow.source == after.source
    known = select(KeysetEventRow.thumbprint).where(of_source, KeysetEventRow.thumbprint.in_(present))
    changes = key_changes(before.keys, after.keys, set(connection.scalars(known)))
    if not changes:
        return
    rows = [
        {
            "source": after.source,
            "at": now,
            "event": change.event,
            "kid": change.kid,
            "thumbprint": change.thumbprint,
            "version": after.version,
        }
        for change in changes
    ]
    connection.execute(insert(KeysetEventRow), rows)
    kept = select(KeysetEventRow.id).where(of_source).order_by(KeysetEventRow.id.desc()).limit(1).offset(KEPT_EVENTS)
    newest_old = connection.scalar(kept)
    if newest_old is not None:
        is_old = KeysetEventRow.id <= newest_old
        connection.execute(delete(KeysetEventRow).where(of_source, is_old, KeysetEventRow.thumbprint.not_in(present)))


def read_first_seen(connection: Connection, source: str) -> Mapping[str, datetime]:
    """Return when each key of the history was first in the set, by thumbprint."""
    first = func.min(KeysetEventRow.at).label("first_at")
    came = select(KeysetEventRow.thumbprint, first).where(
        KeysetEventRow.source == source, KeysetEventRow.event != KeyEvent.REMOVED
    )
    rows = connection.execute(came.group_by(KeysetEventRow.thumbprint)).mappings()
    return {row["thumbprint"]: row["first_at"] for row in rows}


def read_withdrawn(connection: Connection, keysets: Sequence[Keyset]) -> Mapping[str, frozenset[str]]:
    """Return the kids of revoked keys that `keysets` do not hold any more, by source; asks only where there are any."""
    gone = {one.source: one.revoked - set(map(thumbprint_of, one.keys)) for one in keysets}
    prints = frozenset[str]().union(*gone.values())
    if not prints:
        return {}
    had = select(KeysetEventRow.source, KeysetEventRow.thumbprint, KeysetEventRow.kid).where(
        KeysetEventRow.source.in_(gone), KeysetEventRow.thumbprint.in_(prints)
    )
    rows = connection.execute(had.distinct()).all()
    return {
        source: frozenset(kid for of, print_, kid in rows if of == source and print_ in revoked)
        for source, revoked in gone.items()
    }


def read_history(connection: Connection, source: str, limit: int) -> Sequence[KeysetEvent]:
    """Return the newest events first, at most `limit`."""
    columns = (
        KeysetEventRow.at,
        KeysetEventRow.event,
        KeysetEventRow.kid,
        KeysetEventRow.thumbprint,
        KeysetEventRow.version,
    )
    newest = select(*columns).where(KeysetEventRow.source == source).order_by(KeysetEventRow.id.desc()).limit(limit)
    rows = connection.execute(newest)
    return [KeysetEvent(at, KeyEvent(event), kid, thumbprint, version) for at, event, kid, thumbprint, version in rows]
