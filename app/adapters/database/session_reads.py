"""Reads sessions for their participants, a batch in one query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from app.adapters.database.engine import Database
from app.adapters.database.schema import SessionRow
from app.adapters.database.session_rows import SessionRows, open_each
from app.adapters.database.session_statements import statements_for
from app.domain.session import StoredSession
from app.ports import Sealing


@dataclass(frozen=True, slots=True)
class SqlSessionReads:
    """Implements `ports.SessionReads` and `ReadRecord`."""

    database: Database
    sealing: Sealing

    def load(self, ids: Sequence[str]) -> Mapping[str, StoredSession]:
        """Return the sessions that exist, by id; raise SealBroken if none of them can be opened."""
        return self._load(ids, settled=False)

    def load_settled(self, ids: Sequence[str]) -> Mapping[str, StoredSession]:
        """Return those of `ids` that are in a terminal stage."""
        return self._load(ids, settled=True)

    def mark_read(self, ids: Sequence[str], now: datetime) -> None:
        """Note that these sessions were shown, unless that is noted; one that is locked just now is passed over."""
        unread = (
            select(SessionRow.id)
            .where(SessionRow.id.in_(ids), SessionRow.read_at.is_(None))
            .with_for_update(skip_locked=True, key_share=True)
        )
        mark = update(SessionRow).where(SessionRow.id.in_(unread.scalar_subquery())).values(read_at=now)
        self.database.write_one(lambda connection: connection.execute(mark))

    def _load(self, ids: Sequence[str], *, settled: bool) -> Mapping[str, StoredSession]:
        if not ids:
            return {}
        statements = statements_for(self.database)
        found = self.database.read(lambda connection: statements.load(connection, ids, settled=settled))
        return {session.id: session for session in open_each(found, SessionRows(self.sealing).to_stored)}
