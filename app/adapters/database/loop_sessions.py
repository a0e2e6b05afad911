"""The statements that a participant costs the ingress, on its event loop: PostgreSQL only.

What cannot be opened is left to a thread, which finds out which of them it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.adapters.database.lines import Lines
from app.adapters.database.session_rows import SessionRows, open_each
from app.adapters.database.sessions_postgres import to_find_unread, to_insert, to_load, to_mark_read
from app.domain.session import NewSession, StoredSession
from app.errors import SealBroken
from app.loop_ports import NotOnLoop
from app.ports import Sealing


@dataclass(frozen=True, slots=True)
class PostgresLoopSessions:
    """Implements `loop_ports.LoopSessions`."""

    lines: Lines
    sealing: Sealing

    async def add(self, sessions: Sequence[NewSession]) -> None:
        """Commit `sessions`, of which none repeats a request."""
        to_row = SessionRows(self.sealing).from_new
        if sessions:
            await self.lines.run(*to_insert([to_row(session) for session in sessions]))

    async def load_settled(self, ids: Sequence[str]) -> Mapping[str, StoredSession]:
        """Return those of `ids` that are in a terminal stage."""
        if not ids:
            return {}
        found = await self.lines.rows_of(*to_load(ids, settled=True))
        try:
            return {session.id: session for session in open_each(found, SessionRows(self.sealing).to_stored)}
        except SealBroken as error:
            raise NotOnLoop from error

    async def mark_read(self, read_at: Mapping[str, datetime]) -> frozenset[str]:
        """Note when these sessions were shown, unless that is noted; return which were passed over, being locked."""
        if await self.lines.run(*to_mark_read(list(read_at.items()))) == len(read_at):
            return frozenset()
        return frozenset(id_ for (id_,) in await self.lines.rows_of(*to_find_unread(list(read_at))))

    async def close(self) -> None:
        """Let the connections go."""
        await self.lines.close()
