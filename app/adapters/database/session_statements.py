"""Which statements on sessions a database runs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from app.adapters.database import sessions_postgres, sessions_sqlite
from app.adapters.database.engine import Database
from app.adapters.database.session_rows import Row
from app.ports import Claim


class SessionStatements(Protocol):
    """What both modules of statements offer; rows are those of `session_rows`."""

    def insert(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Insert rows of NEW_COLUMNS; one that stands already, since its caller saw a time-out, is left as it is."""
        ...

    def insert_attempts(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Insert rows of ATTEMPT_COLUMNS whose session is there still; one that stands already is left as it is."""
        ...

    def claim_repeats(
        self, connection: Connection, rows: Sequence[Row], now: datetime, forgotten_at: datetime
    ) -> set[str]:
        """Remember rows of (digest, session id, its end) unless known and not ended; return the new digests."""
        ...

    def find_repeats(self, connection: Connection, digests: Sequence[str]) -> Sequence[Row]:
        """Return rows of (digest, session id, its end)."""
        ...

    def claim(self, connection: Connection, claim: Claim, lease_token: str) -> Sequence[Row]:
        """Lease due rows and return them, of CLAIMED_COLUMNS."""
        ...

    def finish(self, connection: Connection, rows: Sequence[Row], now: datetime) -> frozenset[str]:
        """Apply rows of MOVE_COLUMNS whose lease holds; return their ids."""
        ...

    def renew(self, connection: Connection, leases: Sequence[Row], lease_until: datetime) -> frozenset[str]:
        """Prolong leases, given as (id, lease token); return the ids of those that held."""
        ...

    def release(self, connection: Connection, leases: Sequence[Row], not_before: datetime | None) -> None:
        """Undo claims, given as (id, lease token); they are due as they were, or later."""
        ...

    def mark_read(self, connection: Connection, reads: Sequence[Row]) -> frozenset[str]:
        """Note reads, given as (id, moment), of those sessions that have none; return the ids of those passed over."""
        ...

    def load(self, connection: Connection, ids: Sequence[str], *, settled: bool) -> Sequence[Row]:
        """Return the rows of STORED_COLUMNS that exist, or only those that are settled."""
        ...


def statements_for(database: Database) -> SessionStatements:
    """Return the module of statements for `database`."""
    return sessions_sqlite if database.is_sqlite else sessions_postgres
