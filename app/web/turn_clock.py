"""The time of day, told once for each turn of the event loop: a crowd that is served together has one moment."""

from datetime import datetime

from app.ports import Clock
from app.web.own_loop import OnOneLoop


class TurnClock(OnOneLoop):
    """Implements `ports.Clock` for who runs on the loop; on uvloop, whose own time stands still during a turn."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turn = -1.0
        self._moment: datetime | None = None

    def now(self) -> datetime:
        """Return the moment at which it was first asked for in this turn, aware UTC."""
        turn = self._loop.time()
        if self._moment is None or turn != self._turn:
            self._moment = self._clock.now()
            self._turn = turn
        return self._moment
