"""Time that passes only while everybody sleeps, so that a busy machine changes nothing of what happens when.

Not for tests with threads: they work in real time, for which nobody waits here.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec

P = ParamSpec("P")


class _VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop that finds itself at the time of its next timer instead of waiting for it."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Skipping(self))

    def time(self) -> float:
        """Return the seconds since this loop was made, as sleeps count them."""
        return self.now


class _Skipping(selectors.SelectSelector):
    def __init__(self, loop: _VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Skip the seconds in which nothing would happen."""
        if timeout is None:
            raise RuntimeError("everybody waits, and nobody for a time")
        self._loop.now += max(0.0, timeout)
        return super().select(0)


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test to its end on a loop of its own, whose time is virtual."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=_VirtualTimeLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run
