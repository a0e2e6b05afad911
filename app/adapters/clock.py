"""The time of day: the only module that asks the machine for it.

What several processes judge by one clock (what is due, whose lease has run out) is judged by the database's: see
`database/clock.py`.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_NEVER_STOPPED: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux stops its monotonic clock while the machine is suspended, and has this one beside it; others stop none."""


@dataclass(frozen=True, slots=True)
class SystemClock:
    """Implements `ports.Clock`."""

    def now(self) -> datetime:
        """Return the present moment, aware UTC."""
        return datetime.now(UTC)


def elapsed() -> float:
    """Return the seconds since some moment; nobody sets that clock, and it runs on while the machine is suspended."""
    return time.clock_gettime(_NEVER_STOPPED)
