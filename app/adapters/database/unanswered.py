"""Ends the wait for a PostgreSQL that does not answer: the server's own time limits say nothing where it is frozen.

A connection that is in use for too long is shut down beneath whoever waits on it, in whatever thread: for them it
broke, as in any other outage. Keepalives do not notice it, since the kernel of a frozen server still acknowledges.
"""

import os
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

import psycopg
from sqlalchemy import Connection, Engine, event
from sqlalchemy.pool import ConnectionPoolEntry
from structlog import get_logger

_LOOKS: Final = 10
"""Within the limit: so much later, at most a tenth, one that is over it is found."""
_UNHURRIED: Final = "vestibule_unhurried"
_log = get_logger()


def take_all_the_time(connection: Connection) -> None:
    """Let this connection be used for as long as it takes, as a migration does."""
    connection.info[_UNHURRIED] = True


@dataclass(frozen=True, slots=True)
class _Use:
    driver: "psycopg.Connection[Any]"
    began_at: float


class Unanswered:
    """Watches the connections of `engine`, each from the moment at which it leaves the pool until it is back."""

    def __init__(self, engine: Engine, limit_seconds: float) -> None:
        self._limit = limit_seconds
        self._uses: dict[ConnectionPoolEntry, _Use] = {}
        self._lock = threading.Lock()
        self._watcher: threading.Event | None = None
        """Set to end the thread that watches."""
        event.listen(engine, "checkout", self._begin)
        event.listen(engine, "checkin", self._end)

    def close(self) -> None:
        """Shut down what is in use, and watch no more until something is used again."""
        self._give_up(0.0)
        with self._lock:
            if self._watcher is not None:
                self._watcher.set()
            self._watcher = None

    def _give_up(self, used_for_seconds: float) -> None:
        began_before = monotonic() - used_for_seconds
        with self._lock:
            over = {entry: use for entry, use in self._uses.items() if use.began_at <= began_before}
            for entry, use in over.items():
                if not entry.info.get(_UNHURRIED):
                    del self._uses[entry]
                    shut_down(use.driver)

    def _begin(self, driver: "psycopg.Connection[Any]", entry: ConnectionPoolEntry, _: object) -> None:
        with self._lock:
            self._uses[entry] = _Use(driver, monotonic())
            if self._watcher is None:
                self._watcher = threading.Event()
                threading.Thread(target=self._watch, args=(self._watcher,), name="unanswered", daemon=True).start()

    def _end(self, _: object, entry: ConnectionPoolEntry) -> None:
        with self._lock:
            self._uses.pop(entry, None)

    def _watch(self, ends: threading.Event) -> None:
        while not ends.wait(self._limit / _LOOKS):
            self._give_up(self._limit)


def shut_down(driver: "psycopg.Connection[Any] | psycopg.AsyncConnection[Any]") -> None:
    """Shut a connection down beneath whoever waits on it: for them it broke."""
    with suppress(OSError, psycopg.Error):  # it broke by itself just now
        with socket.socket(fileno=os.dup(driver.fileno())) as connection:  # a copy, so that the driver closes its own
            connection.shutdown(socket.SHUT_RDWR)
        _log.warning("database.unanswered")
