"""The asyncio loop of a worker process, in a thread of its own, and the watch that calls something regularly on it."""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from time import perf_counter
from typing import Any, TypeVar

import structlog
import uvloop

from app.errors import InsideError

_log = structlog.get_logger()

T = TypeVar("T")

_MOST_AT_ONCE = 8
"""Rounds of one watch under way: a slow partner in one of them does not hold up those who become due meanwhile."""
_JITTER = 1 / 3
_BEAT_SECONDS = 0.25
STANDSTILL_SECONDS = 1.5
"""Without a beat: a busy process is late by tenths of a second."""


class LoopThread:
    """Runs coroutines on one loop; made after a fork, since neither thread nor loop survives one."""

    def __init__(self, name: str) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run `coroutine` on the loop; the future is for other threads to wait on."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def tell(self, callback: Callable[[], object]) -> None:
        """Call `callback` on the loop, soon."""
        self._loop.call_soon_threadsafe(callback)

    def close(self, timeout: float) -> None:
        """Stop the loop and wait for its thread, at most `timeout` seconds."""
        self.tell(self._loop.stop)
        self._thread.join(timeout)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()


class Pulse:
    """Beats on a loop, and so knows when the loop stood still: its process was frozen, or had too much to do."""

    def __init__(self) -> None:
        self._beat_at = perf_counter()
        self._woke_at = 0.0

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            self._beat()
            await asyncio.sleep(_BEAT_SECONDS)

    def stood_still_since(self, began: float) -> bool:
        """Tell whether the loop stood still at any time since `began`, as perf_counter tells it."""
        self._beat()
        return self._woke_at > began

    def _beat(self) -> None:
        now = perf_counter()
        if now - self._beat_at > STANDSTILL_SECONDS:
            self._woke_at = now
        self._beat_at = now


class Watch:
    """Calls `work` when woken and every `every_seconds` by itself, without waiting for the call before."""

    def __init__(self, name: str, work: Callable[[], Awaitable[object]], every_seconds: float) -> None:
        self._name = name
        self._work = work
        self._every_seconds = every_seconds
        self._woken = asyncio.Event()
        self._stopping = False
        self._rounds: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Call `work` now."""
        self._woken.set()

    async def run(self) -> None:
        """Watch until stopped, then finish what is under way."""
        while not self._stopping:
            if len(self._rounds) < _MOST_AT_ONCE:
                task = asyncio.create_task(self._round())
                self._rounds.add(task)
                task.add_done_callback(self._rounds.discard)
            await wait_for(self._woken, self._every_seconds * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311
            self._woken.clear()
        await asyncio.gather(*self._rounds)

    def stop(self) -> None:
        """Begin no more calls."""
        self._stopping = True
        self._woken.set()

    async def _round(self) -> None:
        try:
            await self._work()
        except InsideError as error:
            _log.warning("watch.failed", watch=self._name, error=error.code)
        except Exception:  # noqa: BLE001 - logged; the next round must come, whatever this one hit
            _log.exception("watch.crashed", watch=self._name)


async def wait_for(event: asyncio.Event, seconds: float) -> bool:
    """Wait for `event`, at most `seconds`; tell whether it came."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
