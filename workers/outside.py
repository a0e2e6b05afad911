"""The part of a worker process that calls partners: one loop, one pool of connections, the pump and the refreshing."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from workers.loop import LoopThread, Watch
from workers.pump import FetchPump

Http = TypeVar("Http")

_START_SECONDS = 30.0
_CLOSE_SECONDS = 2.0


@dataclass(slots=True)
class Outside(Generic[Http]):
    """Opens `http` on its own loop and gives it to `build_pump` and `build_watch` (None: not its role)."""

    http: AbstractAsyncContextManager[Http]
    build_pump: Callable[[Http], FetchPump] | None
    build_watch: Callable[[Http], Watch] | None
    _loop: LoopThread = field(default_factory=lambda: LoopThread("outside"))
    _closing: AsyncExitStack = field(default_factory=AsyncExitStack)
    _pump: FetchPump | None = None
    _watch: Watch | None = None
    _watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the loop and what runs on it; raise what keeps it from starting."""
        self._loop.start()
        self._loop.submit(self._open()).result(_START_SECONDS)

    def wake_pump(self) -> None:
        """Look for due calls now."""
        if self._pump is not None:
            self._loop.tell(self._pump.wake)

    def wake_watch(self) -> None:
        """Look for due key sets now."""
        if self._watch is not None:
            self._loop.tell(self._watch.wake)

    def stop(self) -> None:
        """Take up nothing new."""
        for part in (self._pump, self._watch):
            if part is not None:
                self._loop.tell(part.stop)

    def drain(self, seconds: float) -> int:
        """Finish what is in hand within `seconds` and end; return how many sessions had to be given back."""
        given_back = self._loop.submit(self._close(seconds)).result(seconds + 2 * _CLOSE_SECONDS)
        self._loop.close(_CLOSE_SECONDS)
        return given_back

    async def _open(self) -> None:
        http = await self._closing.enter_async_context(self.http)
        if self.build_pump is not None:
            self._pump = self.build_pump(http)
            await self._pump.start()
        if self.build_watch is not None:
            self._watch = self.build_watch(http)
            self._watching = asyncio.create_task(self._watch.run())

    async def _close(self, seconds: float) -> int:
        ends_at = asyncio.get_running_loop().time() + seconds
        self.stop()
        given_back = await self._pump.drain(seconds) if self._pump is not None else 0
        if self._watching is not None:
            await asyncio.wait([self._watching], timeout=max(0.0, ends_at - asyncio.get_running_loop().time()))
            self._watching.cancel()
        await self._closing.aclose()
        return given_back
