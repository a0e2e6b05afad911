"""A thread that does one kind of work: when a task asks for it, and every second or two by itself.

After work it lingers: it looks again for a while, at first every few milliseconds, so that what keeps coming needs no
hint each: a hint costs its sender, the broker and the worker's processes more than a look.

All work of its kind in this process is done on this thread, so that a signal which ends the process's main thread never
falls into the middle of a batch. Knows nothing of the work but whether there may be more of it.
"""

import math
import random
import threading
from collections.abc import Callable
from enum import Enum, auto
from time import monotonic

import structlog

from app.errors import InsideError

_log = structlog.get_logger()

LINGER_PAUSE_SECONDS = 0.003
"""Between two looks while there is work: what came meanwhile is done together."""
LINGER_SECONDS = 0.4
"""How long to go on looking after the last work: longer than hints of work that keeps coming are apart."""
LINGER_SHARE = 1 / 8
"""Of the time since the last work, the pause before the next look: who lingers in vain looks some thirty times."""
_JITTER = 1 / 3
"""Sweeps of many processes drift apart."""


class Found(Enum):
    """What a round found: there may be more at once, there may be more soon, or there is none."""

    NOTHING = auto()
    SOME = auto()
    FULL = auto()


class Sweeper:
    """Calls `work` in rounds; `work` does a batch and tells what it found, which decides when the next comes."""

    def __init__(
        self, name: str, work: Callable[[], Found], every_seconds: float, is_told_to_stop: Callable[[], bool] = bool
    ) -> None:
        self._name = name
        self._work = work
        self._every_seconds = every_seconds
        self._is_told_to_stop = is_told_to_stop
        self._changed = threading.Condition()
        self._is_asked = False
        self._begun = 0
        self._ended = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin with a first round at once."""
        self._thread.start()

    def look(self, timeout: float) -> None:
        """Ask for a round and wait until one that began after this call is over, at most `timeout` seconds.

        A task that waits keeps its process marked as busy, so that Celery gives the next hint to an idle one.
        """
        with self._changed:
            mine = self._begun + 1
            self._is_asked = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._ended >= mine or self._stopping, timeout)

    def stop(self) -> None:
        """Begin no more rounds; safe in a signal handler, which may have interrupted a holder of the lock."""
        self._stopping = True
        if self._changed.acquire(timeout=0.1):
            self._changed.notify_all()
            self._changed.release()

    def join(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for the round in hand; tell whether it is over."""
        self._thread.join(max(0.0, timeout))
        return not self._thread.is_alive()

    def _run(self) -> None:
        worked_at = -math.inf
        while not self._stopping:
            self._begin()
            found = Found.NOTHING if self._is_told_to_stop() else self._round()
            if found is not Found.NOTHING:
                worked_at = monotonic()
            with self._changed:
                self._ended = self._begun
                self._changed.notify_all()
                if found is not Found.FULL:
                    pause = self._pause(monotonic() - worked_at)
                    self._changed.wait_for(lambda: self._is_asked or self._stopping, pause)

    def _begin(self) -> None:
        with self._changed:
            self._is_asked = False
            self._begun += 1

    def _round(self) -> Found:
        try:
            return self._work()
        except InsideError as error:
            _log.warning("sweep.failed", sweeper=self._name, error=error.code)
        except Exception:  # noqa: BLE001 - logged; the next round must come, whatever this one hit
            _log.exception("sweep.crashed", sweeper=self._name)
        return Found.NOTHING

    def _pause(self, quiet_seconds: float) -> float:
        """Return the seconds until the next look, so long after the last work."""
        if quiet_seconds < LINGER_SECONDS:
            return max(LINGER_PAUSE_SECONDS, quiet_seconds * LINGER_SHARE)
        return self._every_seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - spreads, hides nothing
