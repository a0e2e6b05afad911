"""Reads sessions for their participants, a batch in one query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.adapters.database.engine import Database
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

    def mark_read(self, read_at: Mapping[str, datetime]) -> frozenset[str]:
        """Note when these sessions were shown, unless that is noted; return which were passed over, being locked."""
        statements = statements_for(self.database)
        return self.database.write_one(lambda connection: statements.mark_read(connection, list(read_at.items())))

    def _load(self, ids: Sequence[str], *, settled: bool) -> Mapping[str, StoredSession]:
        if not ids:
            return {}
        statements = statements_for(self.database)
        found = self.database.read(lambda connection: statements.load(connection, ids, settled=settled))
        return {session.id: session for session in open_each(found, SessionRows(self.sealing).to_stored)}
