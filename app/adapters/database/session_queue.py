"""The queue of due sessions: claims under a lease, and the ends of claims.

A lease token is fresh for each claim call; whoever finishes, renews or releases must show it.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection

from app.adapters.database.claimed_rows import open_claimed
from app.adapters.database.engine import Database
from app.adapters.database.session_rows import SessionRows, from_attempt
from app.adapters.database.session_statements import statements_for
from app.adapters.database.sessions_postgres import tell_settled
from app.domain.session import ClaimedSession, SessionMove, Stage
from app.logs import fault_fields
from app.ports import Attempt, Claim, Sealing

_LEASE_TOKEN_BYTES = 12
_SETTLED = (Stage.DONE, Stage.DEAD)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SqlSessionQueue:
    """Implements `ports.SessionQueue`."""

    database: Database
    sealing: Sealing

    def claim(self, claim: Claim) -> Sequence[ClaimedSession]:
        """Lease due rows and return them, the most urgent and oldest first; raise SealBroken if none can be opened."""
        token = secrets.token_hex(_LEASE_TOKEN_BYTES)
        statements = statements_for(self.database)
        rows = self.database.write_one(lambda connection: statements.claim(connection, claim, token))
        return open_claimed(self.database, self.sealing, rows, claim.now)

    def finish(self, moves: Sequence[SessionMove], now: datetime, attempts: Sequence[Attempt] = ()) -> frozenset[str]:
        """Apply `moves` and record `attempts` in one transaction; return the ids whose lease still held.

        Attempts are recorded whoever holds the lease: a zombie's call was made too. One that stands already, since
        its caller never heard of it, is left as it is; none is recorded of a session that was deleted meanwhile.
        """
        statements = statements_for(self.database)
        from_move = SessionRows(self.sealing).from_move
        rows = [from_move(move) for move in moves]
        history = [from_attempt(attempt) for attempt in attempts]

        def move_and_record(connection: Connection) -> frozenset[str]:
            if history:
                statements.insert_attempts(connection, history)
            return statements.finish(connection, rows, now) if rows else frozenset()

        write = self.database.write if history else self.database.write_one
        moved = write(move_and_record)
        self._tell([move.id for move in moves if move.stage in _SETTLED and move.id in moved])
        return moved

    def renew(self, leases: Mapping[str, str], lease_until: datetime) -> frozenset[str]:
        """Prolong the leases, given as lease token by session id, that still hold; return the ids of those."""
        statements = statements_for(self.database)
        if not leases:
            return frozenset()
        return self.database.write_one(lambda c: statements.renew(c, list(leases.items()), lease_until))

    def release(self, leases: Mapping[str, str], not_before: datetime | None = None) -> None:
        """Give the claims back untouched: no attempt and no crash counted, due as they were or from `not_before`."""
        statements = statements_for(self.database)
        if leases:
            self.database.write_one(lambda c: statements.release(c, list(leases.items()), not_before))

    def _tell(self, settled: Sequence[str]) -> None:
        """Tell who waits that these have settled. Who is not told looks all the same, so that nothing fails of it."""
        if settled and not self.database.is_sqlite:
            try:
                self.database.write_one(lambda connection: tell_settled(connection, settled))
            except Exception as error:  # noqa: BLE001 - told; they have settled, whatever it was
                _log.warning("news.untold", sessions=len(settled), **fault_fields(error))
