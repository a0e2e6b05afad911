"""The clock that all processes of an installation share: their database's."""

from dataclasses import dataclass, field
from datetime import datetime

from app.adapters.clock import SystemClock
from app.adapters.database.engine import Database
from app.ports import Clock


@dataclass(frozen=True, slots=True)
class DatabaseClock:
    """Implements `ports.Clock`; on SQLite, whose processes share one machine, its clock is the `host`'s.

    Asks the database for the time where this process has not spoken to it yet: the first call may raise
    StoreUnavailable.
    """

    database: Database
    host: Clock = field(default_factory=SystemClock)

    def now(self) -> datetime:
        """Return the present moment, aware UTC."""
        return self.host.now() if self.database.is_sqlite else self.database.now()
