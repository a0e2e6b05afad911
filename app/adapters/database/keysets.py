"""Key sets: served to verification from a cache that each batch checks, asked for, claimed, and saved under a fence."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection, RowMapping, Select, and_, bindparam, or_, select, tuple_, update
from sqlalchemy.orm import aliased

from app.adapters.database.engine import Database
from app.adapters.database.inserting import insert_if_absent
from app.adapters.database.kept import Kept
from app.adapters.database.keyset_history import read_withdrawn, write_history
from app.adapters.database.keyset_rows import (
    HEAVY,
    LIGHT,
    Stamp,
    asked_values,
    empty_row,
    fetched_values,
    row_of,
    stamp_of,
    to_keyset,
    with_light,
)
from app.adapters.database.schema import KeysetRow
from app.adapters.database.session_parking import wake_parked
from app.domain.keyset import Keyset, KeysetMode, KeysetPolicy, may_ask
from app.domain.keyset_kids import judge_asked, with_asked_kids
from app.domain.keyset_refresh import after_ask, fetch_outcome, is_renewed, is_success

_LEASE_TOKEN_BYTES = 12


@dataclass(frozen=True, slots=True)
class SqlKeysets:
    """Implements `ports.KeysetStore` and `ports.KeysetQueue`."""

    database: Database
    policy: KeysetPolicy = field(default_factory=KeysetPolicy)
    _kept: Kept[tuple[Stamp, Keyset]] = field(default_factory=Kept, repr=False)

    def load(self, sources: frozenset[str]) -> Mapping[str, Keyset]:
        """Return the key sets that exist, by source; of those that have not changed only the times are read."""
        if not sources:
            return {}
        kept = {source: found for source in sources if (found := self._kept.get(source)) is not None}
        known = {"sources": list(sources), "stamps": [(source, *stamp) for source, (stamp, _) in kept.items()]}

        def read(connection: Connection) -> tuple[Sequence[RowMapping], Mapping[str, tuple[Stamp, Keyset]]]:
            rows = connection.execute(_CHANGED_WHOLLY, known).mappings().all()
            changed = {row["source"]: (stamp_of(row), to_keyset(row)) for row in rows if row["keys"] is not None}
            withdrawn = read_withdrawn(connection, [found for _, found in changed.values()])
            return rows, {
                source: (stamp, replace(found, withdrawn=withdrawn.get(source, found.withdrawn)))
                for source, (stamp, found) in changed.items()
            }

        rows, changed = self.database.read(read)
        for source, found in changed.items():
            self._kept.put(source, found)
        kept.update(changed)
        return {row["source"]: with_light(kept[row["source"]][1], row) for row in rows}

    def ask(self, missing: Mapping[str, frozenset[str]], now: datetime) -> bool:
        """Ask for refreshes, given unknown kids by source; tell whether any is now due.

        A source that was never seen is due at once; a refresh that is due already is not counted again.
        """
        if not missing:
            return False

        def ask_each(connection: Connection) -> bool:
            for source in sorted(missing):
                insert_if_absent(connection, KeysetRow, empty_row(source, now))
            locked = list(_locked(connection, sorted(missing)))
            are_due = [self._ask(connection, row, missing[row["source"]], now) for row in locked]
            return any(are_due)

        return self.database.write(ask_each)

    def wake_if_renewed(self, judged_by: Mapping[str, Keyset | None], now: datetime) -> bool:
        """Make due what is parked on those sources that were renewed since they were read; tell whether any was."""
        # The lock waits for a save that is under way: one that commits later sees, and wakes, what is parked by now.
        chosen = select(*LIGHT).where(KeysetRow.source.in_(judged_by)).order_by(KeysetRow.source)
        locked = chosen.with_for_update(read=True)

        def look(connection: Connection) -> Sequence[str]:
            rows = connection.execute(locked).mappings().all()
            stored = [with_light(Keyset(row["source"]), row) for row in rows]
            return [keyset.source for keyset in stored if is_renewed(keyset, judged_by[keyset.source])]

        renewed = self.database.write(look) if judged_by else ()
        for source in renewed:
            wake_parked(self.database, source, now)
        return bool(renewed)

    def claim_due(self, limit: int, now: datetime, lease_until: datetime) -> Sequence[Keyset]:
        """Lease sources whose refresh is due and return them with their `lease_token`, the longest overdue first."""
        token = secrets.token_hex(_LEASE_TOKEN_BYTES)
        due = (
            select(KeysetRow.source)
            .where(
                KeysetRow.mode == KeysetMode.REMOTE,
                KeysetRow.refresh_at <= now,
                or_(KeysetRow.lease_until.is_(None), KeysetRow.lease_until < now),
            )
            .order_by(KeysetRow.refresh_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        take = update(KeysetRow).values(lease_token=token, lease_until=lease_until).returning(*LIGHT, *HEAVY)

        def take_due(connection: Connection) -> Sequence[RowMapping]:
            sources = connection.scalars(due).all()
            return connection.execute(take.where(KeysetRow.source.in_(sources))).mappings().all() if sources else []

        rows = sorted(self.database.write(take_due), key=lambda row: row["refresh_at"])
        return [replace(to_keyset(row), lease_token=token) for row in rows]

    def save(self, keyset: Keyset, lease_token: str, now: datetime) -> bool:
        """Store `keyset` if the lease still holds and write its history; after a good fetch wake what is parked on it.

        A failure wakes nobody: there is nothing new to judge by. What is parked wakes after the commit, however many.
        """
        is_saved = self.database.write(lambda connection: self._save(connection, keyset, lease_token, now))
        if is_saved and is_success(keyset):
            wake_parked(self.database, keyset.source, now)
        return is_saved

    def _ask(self, connection: Connection, row: RowMapping, kids: frozenset[str], now: datetime) -> bool:
        keyset = to_keyset(row)
        if keyset.mode is not KeysetMode.REMOTE:
            return False
        is_leased = row["lease_until"] is not None and row["lease_until"] >= now
        asked = keyset if keyset.refresh_at is not None else replace(keyset, refresh_at=now)
        is_due = asked.refresh_at is not None and asked.refresh_at <= now
        if kids:
            if not is_due and may_ask(asked, now, self.policy):
                asked, is_due = after_ask(asked, now, self.policy), True
            if is_due:
                asked = with_asked_kids(asked, kids, now, self.policy)
        if asked is not keyset:
            connection.execute(row_of(keyset.source).values(asked_values(asked)))
        return is_due and not is_leased

    def _save(self, connection: Connection, keyset: Keyset, lease_token: str, now: datetime) -> bool:
        stored = next(_locked(connection, [keyset.source]), None)
        if stored is None or stored["lease_token"] != lease_token:
            return False
        before = to_keyset(stored)
        judged = judge_asked(keyset, before.asked_kids, self.policy)
        outcome = fetch_outcome(before, judged)
        connection.execute(
            row_of(keyset.source).values(
                saves=KeysetRow.saves + 1,
                lease_token=None,
                lease_until=None,
                fetches={**stored["fetches"], outcome: stored["fetches"].get(outcome, 0) + 1},
                **fetched_values(judged),
            )
        )
        write_history(connection, before, keyset, now)
        return True


def _changed_wholly() -> Select[tuple[object, ...]]:
    """Return a query for the light columns of `sources`, and the heavy ones of those that are not as in `stamps`."""
    whole = aliased(KeysetRow)
    stamp = tuple_(whole.source, whole.saves, whole.version, whole.revoked_epoch)
    is_changed = and_(whole.source == KeysetRow.source, stamp.not_in(bindparam("stamps", expanding=True)))
    heavy = [getattr(whole, column.key) for column in HEAVY]
    chosen = KeysetRow.source.in_(bindparam("sources", expanding=True))
    return select(*LIGHT, *heavy).outerjoin(whole, is_changed).where(chosen)


_CHANGED_WHOLLY = _changed_wholly()
"""Put together once: to do so for each batch took longer than all else that a batch asks of the database."""


def _locked(connection: Connection, sources: Sequence[str]) -> Iterator[RowMapping]:
    """Return the whole rows, locked in the order of their names so that nobody waits in a circle."""
    columns = (*LIGHT, *HEAVY, KeysetRow.lease_token, KeysetRow.lease_until, KeysetRow.fetches)
    chosen = select(*columns).where(KeysetRow.source.in_(sources)).order_by(KeysetRow.source).with_for_update()
    return iter(connection.execute(chosen).mappings().all())
