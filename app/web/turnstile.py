"""Lets only so many connections be read in one turn of the event loop, of those whose requests are answered at once.

Thousands that ask again as soon as they are refused have always something to read, and the loop reads on as long as
that is so (libuv, `uv__io_poll`): whoever was let in meanwhile would be served when they are gone. So those in excess
rest, unread, until it is their turn. What they send waits in their sockets.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Final, Protocol

AT_A_TIME: Final = 256
"""Connections in a turn: some 8 ms of work."""
LATE_SECONDS: Final = 0.02
"""Whoever rests for longer is read late."""


class Resting(Protocol):
    """A connection that can wait to be read."""

    is_resting: bool
    """Whether it waits."""

    def rest(self) -> None:
        """Read nothing any more."""
        ...

    def read_on(self) -> None:
        """Read again; of a connection that is gone nothing."""
        ...


class Turnstile:
    """Of one event loop; `note_late` is called in each turn in which somebody is read late."""

    def __init__(self, note_late: Callable[[], None]) -> None:
        self._note_late = note_late
        self._passed = 0
        self._began_at = 0.0
        self._resting: deque[tuple[Resting, float]] = deque()

    def pass_by(self, connection: Resting) -> None:
        """Let a connection that was answered at once be read on, now or in a later turn."""
        self._passed += 1
        if self._passed == 1 and not self._resting:
            self._begin_turn()
        elif self._passed > AT_A_TIME and not connection.is_resting:
            connection.rest()
            self._resting.append((connection, perf_counter()))

    def _begin_turn(self) -> None:
        self._began_at = perf_counter()
        asyncio.get_running_loop().call_soon(self._next_turn)

    def _next_turn(self) -> None:
        """Run by the loop between two times of reading."""
        self._passed = 0
        waits_since = self._resting[0][1] if self._resting else self._began_at
        is_late = perf_counter() - waits_since > LATE_SECONDS
        for _ in range(min(len(self._resting), AT_A_TIME)):
            connection, _ = self._resting.popleft()
            connection.read_on()
        if self._resting:
            self._begin_turn()
        if is_late:
            self._note_late()
