"""Key sets as operators see and change them: whole, with their history and who relies on them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, exists, func, or_, select, update

from app.adapters.database.engine import Database
from app.adapters.database.inserting import insert_if_absent
from app.adapters.database.keyset_history import read_first_seen, read_history, write_history
from app.adapters.database.keyset_rows import HEAVY, LIGHT, decided_values, empty_row, row_of, to_keyset
from app.adapters.database.schema import KeysetRow, PartnerRow, SessionRow
from app.adapters.database.session_parking import wake_parked
from app.domain.keyset import Keyset, KeysetMode
from app.domain.keyset_history import KeysetEvent
from app.domain.keyset_refresh import after_request
from app.domain.session import Stage
from app.fetch_ports import COUNTED_AT_MOST
from app.keyset_ports import SourceFigures, StoredKeyset

_URL = PartnerRow.document["signature"]["jwks_url"].as_string()
_USED = select(_URL).where(PartnerRow.document.is_not(None), _URL.is_not(None))
MOST_FIGURES = 1000
"""Sources whose figures are shown; more would be more than a monitoring system wants."""


@dataclass(frozen=True, slots=True)
class SqlKeysetDesk:
    """Implements `keyset_ports.KeysetDesk`, `SourceUsers`, `ParkedSessions` and `KeysetFigures`."""

    database: Database

    def find(self, source: str) -> StoredKeyset | None:
        """Return what is known of `source`, or None if nobody ever asked for it."""
        return self.database.read(lambda connection: _find(connection, source))

    def load_history(self, source: str, limit: int) -> Sequence[KeysetEvent]:
        """Return the newest events first, at most `limit`."""
        return self.database.read(lambda connection: read_history(connection, source, limit))

    def request(self, source: str, now: datetime) -> None:
        """Make a refresh due as soon as an operator may have one, unless one is under way."""

        def ask(connection: Connection) -> None:
            row = _locked(connection, source, now)
            is_leased = row["lease_until"] is not None and row["lease_until"] >= now
            if row["mode"] == KeysetMode.REMOTE and not is_leased:
                asked = after_request(to_keyset(row), now)
                connection.execute(row_of(source).values(refresh_at=asked.refresh_at))

        self.database.write(ask)

    def change(self, source: str, change: Callable[[Keyset], Keyset], now: datetime) -> StoredKeyset:
        """Apply `change` to the key set, empty if it was unknown, and return it; `wake` is to follow."""

        def apply(connection: Connection) -> StoredKeyset:
            row = _locked(connection, source, now)
            before = replace(to_keyset(row), lease_token=row["lease_token"])
            after = change(before)
            if after != before:
                lease_until = row["lease_until"] if after.lease_token is not None else None
                values = {**decided_values(after), "lease_until": lease_until, "saves": KeysetRow.saves + 1}
                connection.execute(row_of(source).values(values))
                write_history(connection, before, after, now)
            return StoredKeyset(replace(after, lease_token=None), read_first_seen(connection, source))

        return self.database.write(apply)

    def wake(self, source: str, now: datetime) -> None:
        """Make due what is parked on a key set that was changed, also where an earlier call was cut short."""
        wake_parked(self.database, source, now)

    def wake_overslept(self, now: datetime) -> int:
        """Make due what is parked on sources that can judge it by now; return how many sources those were.

        That is what came before the last good fetch began, or waits for keys that were given by hand meanwhile.
        """
        is_pinned = KeysetRow.mode == KeysetMode.PINNED
        overslept = exists().where(
            SessionRow.parked_on == KeysetRow.source,
            SessionRow.stage == Stage.VERIFY,
            SessionRow.due_at > now,
            or_(is_pinned, SessionRow.received_at <= KeysetRow.fetched_at),
        )
        is_served = or_(is_pinned, and_(KeysetRow.mode == KeysetMode.REMOTE, KeysetRow.stale_until > now))
        chosen = select(KeysetRow.source).where(is_served, overslept)
        sources = self.database.read(lambda connection: connection.scalars(chosen).all())
        for source in sources:
            wake_parked(self.database, source, now)
        return len(sources)

    def load_users(self, source: str) -> frozenset[str]:
        """Return the ids of the partners whose tokens are verified by `source`."""
        users = select(PartnerRow.id).where(PartnerRow.document.is_not(None), source == _URL)
        return frozenset(self.database.read(lambda connection: connection.scalars(users).all()))

    def retire_unused(self) -> int:
        """Stop refreshing sources that no partner names; return how many that were.

        Their rows stay, and so do their revocations; whoever names one again asks for it.
        """
        return self._reschedule(KeysetRow.refresh_at.is_not(None) & KeysetRow.source.not_in(_USED), None)

    def revive_used(self, now: datetime) -> int:
        """Make due the sources that a partner names and nobody refreshes; return how many that were."""
        is_asleep = KeysetRow.refresh_at.is_(None) & (KeysetRow.mode == KeysetMode.REMOTE)
        return self._reschedule(is_asleep & KeysetRow.source.in_(_USED), now)

    def _reschedule(self, which: ColumnElement[bool], refresh_at: datetime | None) -> int:
        """Have these sources refreshed then, but for those that others are writing: they are met the next time."""
        free = select(KeysetRow.source).where(which).with_for_update(skip_locked=True)

        def apply(connection: Connection) -> int:
            chosen = connection.scalars(free).all()
            change = update(KeysetRow).where(KeysetRow.source.in_(chosen)).values(refresh_at=refresh_at)
            return connection.execute(change).rowcount if chosen else 0

        return self.database.write(apply)

    def load_figures(self) -> Sequence[SourceFigures]:
        """Return the figures of at most 1,000 sources, by name; of the parked at most 10,000 each are counted.

        Those that were retired tell nobody anything, and are left out.
        """
        parked = select(SessionRow.id).where(SessionRow.parked_on == KeysetRow.source).limit(COUNTED_AT_MOST)
        counted = select(func.count()).select_from(parked.correlate(KeysetRow).subquery()).scalar_subquery()
        columns = (*LIGHT, *HEAVY, KeysetRow.fetches, counted.label("parked"))
        is_kept = or_(KeysetRow.refresh_at.is_not(None), KeysetRow.mode != KeysetMode.REMOTE)
        chosen = select(*columns).where(is_kept).order_by(KeysetRow.source).limit(MOST_FIGURES)
        rows = self.database.read(lambda connection: connection.execute(chosen).mappings().all())
        return [SourceFigures(to_keyset(row), row["fetches"], row["parked"]) for row in rows]


def _find(connection: Connection, source: str) -> StoredKeyset | None:
    chosen = select(*LIGHT, *HEAVY).where(KeysetRow.source == source)
    row = connection.execute(chosen).mappings().first()
    return None if row is None else StoredKeyset(to_keyset(row), read_first_seen(connection, source))


def _locked(connection: Connection, source: str, now: datetime) -> RowMapping:
    insert_if_absent(connection, KeysetRow, empty_row(source, now))
    columns = (*LIGHT, *HEAVY, KeysetRow.lease_token, KeysetRow.lease_until)
    chosen = select(*columns).where(KeysetRow.source == source).with_for_update()
    return connection.execute(chosen).mappings().one()
