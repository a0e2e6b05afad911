"""How many arrivals are held at a time: in calm times all that there is room for, else as many as are answered soon.

A queue absorbs a burst, which is then answered a little later. Where more keep arriving than can be served that only
makes everybody wait for the whole queue. So once somebody had to be sent away, fewer are held after each batch that
waited too long, and a few more after each that did not, as by TCP's congestion window (RFC 5681 section 3.1). That ends
when nobody has been sent away for a second.
"""

import math
from dataclasses import dataclass, field
from typing import Final

SENT_AWAY_SECONDS: Final = 1.0
"""For so long after somebody was sent away there is an overload."""
LATEST_RETURN_SECONDS: Final = 10.0
"""Nobody is told to come again later than that: many never do, or come all the same."""
LATE_SECONDS: Final = 0.1
"""For so long after arrivals were read late, those that are held wait for these."""
FEWER: Final = 0.7
MORE: Final = 4
_SMOOTHING: Final = 0.2
_UNNOTICED: Final = 0.4
"""The part of its patience that anybody waits without a word."""


@dataclass(slots=True)
class Admission:
    """At most `most` are held now: `queue` at the most, `least` at the least; moments and waits are in seconds.

    In calm times fewer than `queue` are held only where they wait for most of `patience`; under an overload nobody is
    to wait for longer than `soon`.
    """

    queue: int
    least: int = 1
    patience: float = math.inf
    soon: float = math.inf
    most: int = field(init=False)
    _waited: float = field(default=0.0, init=False)
    """By those who were held longest lately; nothing once nobody waits any more."""
    _returning: float = field(default=0.0, init=False)
    """How many were sent away and have not had the time to come again."""
    _sent_away_at: float = field(default=-math.inf, init=False)
    _late_at: float = field(default=-math.inf, init=False)

    def __post_init__(self) -> None:
        self.most = self.queue

    def note_first(self, now: float) -> None:
        """Note that somebody comes to whom nobody is held: what has calmed down meanwhile is forgotten."""
        if now - self._sent_away_at > SENT_AWAY_SECONDS:
            self._waited, self.most = 0.0, self.queue

    def note_sent_away(self, now: float, rate: float) -> float:
        """Note that somebody was not let in, and return in how many seconds they may come again.

        A place behind those who were sent away before, of whom `rate` a second find room: else all come again at once.
        """
        returned = rate * (now - self._sent_away_at)
        self._returning = min(max(0.0, self._returning - returned) + 1, rate * LATEST_RETURN_SECONDS)
        self._sent_away_at = now
        return self._returning / rate

    def note_late(self, now: float) -> None:
        """Note that arrivals are read later than they might be, for all that is done for others."""
        self._late_at = now

    def note_wait(self, waited: float, held: int, now: float) -> None:
        """Note how long the first of a batch was held, and how many still are."""
        self._waited = self._waited + _SMOOTHING * (waited - self._waited) if held else 0.0
        if now - self._sent_away_at > SENT_AWAY_SECONDS:
            self.most = self._held_in_calm_times()
        elif waited > self.soon or now - self._late_at < LATE_SECONDS:
            self.most = max(self.least, int(self.most * FEWER))
        else:
            self.most = min(self.queue, self.most + MORE)

    def _held_in_calm_times(self) -> int:
        if self._waited <= _UNNOTICED * self.patience:
            return self.queue
        spare = 1 - (self._waited / self.patience - _UNNOTICED) / (1 - _UNNOTICED)
        return max(round(self.queue * spare), self.least)
