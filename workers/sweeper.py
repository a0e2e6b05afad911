"""A thread that does one kind of work: when a task asks for it, and every second or two by itself.

All work of its kind in this process is done on this thread, so that a signal which ends the process's main thread never
falls into the middle of a batch. Knows nothing of the work but whether there may be more of it.
"""

import random
import threading
from collections.abc import Callable

import structlog

from app.errors import InsideError

_log = structlog.get_logger()

_JITTER = 1 / 3
"""Sweeps of many processes drift apart."""


class Sweeper:
    """Calls `work` in rounds; `work` does a batch and tells whether there may be more, then the next comes at once."""

    def __init__(
        self, name: str, work: Callable[[], bool], every_seconds: float, is_told_to_stop: Callable[[], bool] = bool
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
        while not self._stopping:
            self._begin()
            has_more = not self._is_told_to_stop() and self._round()
            with self._changed:
                self._ended = self._begun
                self._changed.notify_all()
                if not has_more:
                    self._changed.wait_for(lambda: self._is_asked or self._stopping, self._interval())

    def _begin(self) -> None:
        with self._changed:
            self._is_asked = False
            self._begun += 1

    def _round(self) -> bool:
        try:
            return self._work()
        except InsideError as error:
            _log.warning("sweep.failed", sweeper=self._name, error=error.code)
        except Exception:  # noqa: BLE001 - logged; the next round must come, whatever this one hit
            _log.exception("sweep.crashed", sweeper=self._name)
        return False

    def _interval(self) -> float:
        return self._every_seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - spreads, hides nothing
