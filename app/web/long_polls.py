"""Requests that wait for their session to settle: one poller for all of them, so that queries do not grow with waiters.

The poller looks often while sessions settle and seldom while nothing happens. It knows terminal stages only; whoever
waits says until when.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from typing import Final

from app.domain.session import StoredSession
from app.errors import StoreUnavailable
from app.web.batching import apart, settle
from app.web.store_threads import StoreThreads

SHORTEST_TICK_SECONDS: Final = 0.010
LONGEST_TICK_SECONDS: Final = 0.100
BACKOFF: Final = 1.5
MAX_SHARE: Final = 8
"""A tick is at least this many times as long as its query took: a waiting crowd takes a ninth of the store."""
SLOWEST_TICK_SECONDS: Final = 0.5
"""However slow the store is, nobody who is settled waits much longer than this."""

LoadSettled = Callable[[Sequence[str]], Mapping[str, StoredSession]]
_Waiter = asyncio.Future[StoredSession | None]


class LongPolls:
    """Waits for sessions on behalf of requests; `load_settled` returns those ids that are in a terminal stage."""

    def __init__(self, load_settled: LoadSettled, threads: StoreThreads) -> None:
        self._load_settled = load_settled
        self._threads = threads
        self._waiters: dict[str, set[_Waiter]] = {}
        self._poller: asyncio.Task[None] | None = None
        self._tick = SHORTEST_TICK_SECONDS
        self._closing = False

    @property
    def waiting(self) -> int:
        """Return how many requests wait."""
        return sum(map(len, self._waiters.values()))

    @property
    def is_closing(self) -> bool:
        """Tell whether nobody may wait any more."""
        return self._closing

    async def wait(self, session_id: str, seconds: float) -> StoredSession | None:
        """Return the session as soon as it is in a terminal stage, or None after `seconds`; raise StoreUnavailable."""
        if self._closing or seconds <= 0:
            return None
        waiter: _Waiter = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(session_id, set()).add(waiter)
        self._tick = SHORTEST_TICK_SECONDS
        if self._poller is None:
            self._poller = asyncio.get_running_loop().create_task(self._poll(), context=Context())
        try:
            async with asyncio.timeout(seconds):
                return await waiter
        except TimeoutError:
            return None
        finally:
            self._leave(session_id, waiter)

    def close(self) -> None:
        """Let everybody who waits go, and nobody wait again."""
        self._closing = True
        for waiter in self._everybody():
            waiter.set_result(None)
        if self._poller is not None:
            self._poller.cancel()

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiters:
                await asyncio.sleep(self._tick)
                began_at = loop.time()
                found = await self._look()
                took = loop.time() - began_at
                self._tick = next_tick(self._tick, took, is_busy=found)
        finally:
            self._poller = None

    async def _look(self) -> bool:
        ids = list(self._waiters)
        try:
            settled = await self._threads.call(lambda: apart(self._load_each, ids))
        except StoreUnavailable as error:
            for waiter in self._everybody():
                waiter.set_exception(StoreUnavailable(str(error)))
            return False
        for id_, session in zip(ids, settled, strict=True):
            for waiter in self._waiters.get(id_, ()) if session is not None else ():
                settle(waiter, session)
        return any(session is not None for session in settled)

    def _load_each(self, ids: Sequence[str]) -> Sequence[StoredSession | None]:
        settled = self._load_settled(ids)
        return [settled.get(id_) for id_ in ids]

    def _everybody(self) -> Sequence[_Waiter]:
        return [waiter for waiters in self._waiters.values() for waiter in waiters if not waiter.done()]

    def _leave(self, session_id: str, waiter: _Waiter) -> None:
        waiters = self._waiters[session_id]
        waiters.discard(waiter)
        if not waiters:
            del self._waiters[session_id]


def next_tick(tick: float, took: float, *, is_busy: bool) -> float:
    """Return the seconds until the next look, after one of `took` seconds; `is_busy` when it found somebody settled."""
    calm = SHORTEST_TICK_SECONDS if is_busy else min(tick * BACKOFF, LONGEST_TICK_SECONDS)
    return max(calm, min(took * MAX_SHARE, SLOWEST_TICK_SECONDS))
