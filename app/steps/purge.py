"""Delete what has outlived its purpose, in chunks, so that no purge ever holds the database for long."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter

import structlog

from app.ports import Clock, Housekeeping, Leases

_log = structlog.get_logger()

_LEASE = timedelta(seconds=50)
"""Shorter than the minute between two runs of one scheduler, so that a second scheduler's run in between is none."""
_MAX_CHUNKS = 1000


@dataclass(frozen=True, slots=True)
class PurgeExpired:
    """Purges expired rows, `chunk` rows of a table at a time; `pause` sleeps for seconds.

    Whoever `is_told_to_stop` ends after the chunk in hand; the rest is for the next purge.

    Between two chunks it pauses for as long as the last one took: SQLite has one writer at a time, and tells nobody
    who waited whose turn it is.
    """

    housekeeping: Housekeeping
    leases: Leases
    clock: Clock
    chunk: int
    pause: Callable[[float], None]
    is_told_to_stop: Callable[[], bool] = bool

    def __call__(self, *, by_hand: bool = False) -> Mapping[str, int]:
        """Return how many rows were deleted, by table; nothing, unless `by_hand`, where another process just did it."""
        now = self.clock.now()
        if not self.leases.take("purge", now, now + _LEASE) and not by_hand:
            return {}
        deleted: Counter[str] = Counter()
        for _ in range(_MAX_CHUNKS):
            began = perf_counter()
            chunk = self.housekeeping.purge(now, self.chunk)
            deleted.update(chunk)
            if all(count < self.chunk for count in chunk.values()) or self.is_told_to_stop():
                break
            self.pause(perf_counter() - began)
        if deleted.total():
            _log.info("rows.purged", **deleted)
        return deleted
