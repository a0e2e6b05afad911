"""The server's time of day, reckoned between two looks at it by a clock that nobody sets, and that never stands still.

So a process whose machine's clock is wrong, or is set while it runs, agrees with all others about what is due and whose
lease has run out, and no batch pays a round trip for it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from app.adapters.clock import elapsed

_LOOK_AGAIN_SECONDS = 30.0
_DRIFT = 0.0005
"""Of a monotonic clock that is being slewed, at most: 15 ms between two looks."""
_EXACT_SECONDS = 0.01
_TRY_AGAIN_SECONDS = 1.0
"""After a look that was not exact: the server is far away, or the machine busy."""


@dataclass(frozen=True, slots=True)
class _Look:
    told: datetime
    at: float
    wrong_by: float
    """At most, in seconds, when it was made: half of what it took."""

    def may_be_wrong_by(self, now: float) -> float:
        return self.wrong_by + (now - self.at) * _DRIFT


@dataclass(slots=True)
class Reckoning:
    """One per process and database; its threads may look at once, and the look that is least wrong by now counts."""

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
        look, standing = _Look(told, (began + ended) / 2, (ended - began) / 2), self._look
        if standing is None or look.wrong_by <= standing.may_be_wrong_by(ended):
            self._look = look
        self._again_at = ended + (_LOOK_AGAIN_SECONDS if look.wrong_by <= _EXACT_SECONDS else _TRY_AGAIN_SECONDS)
