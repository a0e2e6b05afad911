"""Takes sessions in: one commit per batch, a repeated request answered with the session it made before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from app.adapters.database.engine import Database
from app.adapters.database.session_rows import Row, SessionRows
from app.adapters.database.session_statements import statements_for
from app.domain.session import NewSession
from app.ports import Sealing, TakenIn

REPEAT_WINDOW = timedelta(minutes=10)
"""How long an idempotency key is remembered."""


@dataclass(frozen=True, slots=True)
class SqlSessionIntake:
    """Implements `ports.SessionIntake`."""

    database: Database
    sealing: Sealing

    def add(self, sessions: Sequence[NewSession], now: datetime) -> Sequence[TakenIn]:
        """Commit `sessions` and return one TakenIn each, in order; a repeat is not stored."""
        to_row = SessionRows(self.sealing).from_new
        rows = [to_row(session) for session in sessions]  # sealed before any lock is held
        firsts = {s.repeat_digest: s for s in reversed(sessions) if s.repeat_digest is not None}
        if firsts:
            return self.database.write(lambda connection: self._add(connection, sessions, rows, firsts, now))
        if sessions:
            self.database.write_one(lambda connection: statements_for(self.database).insert(connection, rows))
        return [_taken_in(session) for session in sessions]

    def _add(
        self,
        connection: Connection,
        sessions: Sequence[NewSession],
        rows: Sequence[Row],
        firsts: Mapping[str, NewSession],
        now: datetime,
    ) -> Sequence[TakenIn]:
        standing = self._remember(connection, firsts, now)
        taken = [standing.get(session.repeat_digest or "", _taken_in(session)) for session in sessions]
        new = [row for row, session, answer in zip(rows, sessions, taken, strict=True) if answer.id == session.id]
        if new:
            statements_for(self.database).insert(connection, new)
        return taken

    def _remember(
        self, connection: Connection, firsts: Mapping[str, NewSession], now: datetime
    ) -> Mapping[str, TakenIn]:
        """Return by digest the session that stands for it: the one known, else the first of this batch."""
        made = [(digest, session.id, session.expires_at) for digest, session in firsts.items()]
        statements = statements_for(self.database)
        claimed = statements.claim_repeats(connection, made, now, now - REPEAT_WINDOW)
        standing = {digest: _taken_in(session) for digest, session in firsts.items()}
        seen = [digest for digest in firsts if digest not in claimed]
        found = statements.find_repeats(connection, seen) if seen else ()
        return standing | {digest: TakenIn(id_, expires_at) for digest, id_, expires_at in found}


def _taken_in(session: NewSession) -> TakenIn:
    return TakenIn(session.id, session.expires_at)
