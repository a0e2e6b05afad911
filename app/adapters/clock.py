"""The time of day: the only module that asks the machine for it.

What several processes judge by one clock (what is due, whose lease has run out) is judged by the database's: see
`database/clock.py`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class SystemClock:
    """Implements `ports.Clock`."""

    def now(self) -> datetime:
        """Return the present moment, aware UTC."""
        return datetime.now(UTC)
