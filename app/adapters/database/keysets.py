"""Key sets: served to verification from a cache that each batch checks, asked for, claimed, and saved under a fence."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection, RowMapping, Update, insert, or_, select, update

from app.adapters.database.engine import Database
from app.adapters.database.inserting import insert_if_absent
from app.adapters.database.keyset_changes import judge_asked, key_changes, remember_asked, thumbprint_of
from app.adapters.database.keyset_rows import (
    HEAVY,
    LIGHT,
    Stamp,
    asked_values,
    fetched_values,
    stamp_of,
    to_keyset,
    with_light,
)
from app.adapters.database.schema import KeysetEventRow, KeysetRow, SessionRow
from app.domain.keyset import Keyset, KeysetMode, KeysetPolicy, after_ask, may_ask
from app.domain.session import Stage

_LEASE_TOKEN_BYTES = 12


@dataclass(frozen=True, slots=True)
class SqlKeysets:
    """Implements `ports.KeysetStore` and `ports.KeysetQueue`."""

    database: Database
    policy: KeysetPolicy = field(default_factory=KeysetPolicy)
    _kept: dict[str, tuple[Stamp, Keyset]] = field(default_factory=dict, repr=False)

    def load(self, sources: frozenset[str]) -> Mapping[str, Keyset]:
        """Return the key sets that exist, by source; those that have not changed cost no second query."""
        return self.database.read(lambda connection: self._load(connection, sources)) if sources else {}

    def ask(self, missing: Mapping[str, frozenset[str]], now: datetime) -> bool:
        """Ask for refreshes, given unknown kids by source; tell whether any is now due.

        A source that was never seen is due at once; a refresh that is due already is not counted again.
        """
        if not missing:
            return False

        def ask_each(connection: Connection) -> bool:
            for source in sorted(missing):
                insert_if_absent(connection, KeysetRow, _empty_row(source, now))
            locked = list(_locked(connection, sorted(missing)))
            are_due = [self._ask(connection, row, missing[row["source"]], now) for row in locked]
            return any(are_due)

        return self.database.write(ask_each)

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
        """Store `keyset` if the lease still holds, write its history, and make due what is parked on it."""
        return self.database.write(lambda connection: self._save(connection, keyset, lease_token, now))

    def _load(self, connection: Connection, sources: frozenset[str]) -> Mapping[str, Keyset]:
        light = connection.execute(select(*LIGHT).where(KeysetRow.source.in_(sources))).mappings().all()
        changed = [row["source"] for row in light if self._kept_at(row) is None]
        if changed:
            whole = connection.execute(select(*LIGHT, *HEAVY).where(KeysetRow.source.in_(changed))).mappings()
            self._kept.update({row["source"]: (stamp_of(row), to_keyset(row)) for row in whole})
        # What changed once more between the two queries is newer than asked for, which is as good.
        return {row["source"]: with_light(self._kept[row["source"]][1], row) for row in light}

    def _kept_at(self, row: RowMapping) -> Keyset | None:
        stamp, keyset = self._kept.get(row["source"], (None, None))
        return keyset if stamp == stamp_of(row) else None

    def _ask(self, connection: Connection, row: RowMapping, kids: frozenset[str], now: datetime) -> bool:
        keyset = to_keyset(row)
        is_leased = row["lease_until"] is not None and row["lease_until"] >= now
        is_due = keyset.refresh_at is not None and keyset.refresh_at <= now
        if kids and keyset.mode is KeysetMode.REMOTE:
            if not is_due and may_ask(keyset, now, self.policy):
                keyset, is_due = after_ask(keyset, now, self.policy), True
            if is_due:
                marked = remember_asked(keyset, kids, now, self.policy)
                connection.execute(_row(keyset.source).values(asked_values(marked)))
        return is_due and not is_leased and keyset.mode is KeysetMode.REMOTE

    def _save(self, connection: Connection, keyset: Keyset, lease_token: str, now: datetime) -> bool:
        stored = next(_locked(connection, [keyset.source]), None)
        if stored is None or stored["lease_token"] != lease_token:
            return False
        before = to_keyset(stored)
        judged = judge_asked(keyset, before, self.policy)
        connection.execute(
            _row(keyset.source).values(
                saves=KeysetRow.saves + 1, lease_token=None, lease_until=None, **fetched_values(judged)
            )
        )
        _write_history(connection, before, keyset, now)
        _wake_parked(connection, keyset.source, now)
        return True


def _locked(connection: Connection, sources: Sequence[str]) -> Iterator[RowMapping]:
    """Return the whole rows, locked in the order of their names so that nobody waits in a circle."""
    columns = (*LIGHT, *HEAVY, KeysetRow.lease_token, KeysetRow.lease_until)
    chosen = select(*columns).where(KeysetRow.source.in_(sources)).order_by(KeysetRow.source).with_for_update()
    return iter(connection.execute(chosen).mappings().all())


def _row(source: str) -> Update:
    return update(KeysetRow).where(KeysetRow.source == source)


def _empty_row(source: str, now: datetime) -> dict[str, object]:
    empty = Keyset(source, refresh_at=now)
    values = fetched_values(empty) | asked_values(empty)
    return {**values, "source": source, "mode": empty.mode, "revoked_epoch": 0, "revoked": []}


def _write_history(connection: Connection, before: Keyset, after: Keyset, now: datetime) -> None:
    if before.keys == after.keys:
        return
    known = select(KeysetEventRow.thumbprint).where(
        KeysetEventRow.source == after.source,
        KeysetEventRow.thumbprint.in_([thumbprint_of(key) for key in after.keys]),
    )
    changes = key_changes(before.keys, after.keys, set(connection.scalars(known)))
    if changes:
        connection.execute(
            insert(KeysetEventRow),
            [
                {
                    "source": after.source,
                    "at": now,
                    "event": change.event,
                    "kid": change.kid,
                    "thumbprint": change.thumbprint,
                    "version": after.version,
                }
                for change in changes
            ],
        )


def _wake_parked(connection: Connection, source: str, now: datetime) -> None:
    """Make due what is parked on `source`.

    A row that is just being finished is passed over and comes back at its own time: waiting for it could be a circle.
    """
    parked = (
        select(SessionRow.id)
        .where(SessionRow.parked_on == source, SessionRow.stage == Stage.VERIFY)
        .with_for_update(skip_locked=True, key_share=True)
    )
    connection.execute(
        update(SessionRow).where(SessionRow.id.in_(parked.scalar_subquery())).values(due_at=now, parked_on=None)
    )
