"""The server's time of day, reckoned between two looks at it by a clock that nobody sets, and that never stands still.

So a process whose machine's clock is wrong, or is set while it runs, agrees with all others about what is due and whose
lease has run out, and no batch pays a round trip for it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from app.adapters.clock import elapsed

_LOOK_AGAIN_SECONDS = 30.0
"""A monotonic clock that is being slewed drifts by 0.05 % at most: by 15 ms in this time."""
_EXACT_SECONDS = 0.2
"""A look that took longer is true to half of that: better than none, worse than an older one."""
_TRY_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Look:
    told: datetime
    at: float


@dataclass(slots=True)
class Reckoning:
    """One per process and database; its threads may look at once, the last look counts."""

    _look: _Look | None = None
    _again_at: float = 0.0

    def now(self) -> datetime | None:
        """Return the server's time; None where nobody has looked yet."""
        look = self._look
        return None if look is None else look.told + timedelta(seconds=elapsed() - look.at)

    def keep_true(self, connection: Connection) -> None:
        """Look at the server's clock, unless somebody did lately."""
        began = elapsed()
        if self._look is not None and began < self._again_at:
            return
        told: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        ended = elapsed()
        is_exact = ended - began < _EXACT_SECONDS
        if is_exact or self._look is None:
            self._look = _Look(told, (began + ended) / 2)
        self._again_at = ended + (_LOOK_AGAIN_SECONDS if is_exact else _TRY_AGAIN_SECONDS)
