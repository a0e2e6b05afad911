"""Sends arrivals away, before anything is done for them, while more come than can be served.

What an arrival waits for when everybody comes at once is not the store but this process: its event loop works through
whatever arrived. So the loop's own lateness is the measure. The later it is, the fewer arrivals may be under way; who
was let in is served in time, and who has a session already is read to. A burst that is over in a moment passes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Final

from aiohttp import web
from structlog import get_logger

from app.errors import Overloaded
from app.web.cors import allow_any_origin
from app.web.middleware import PARTICIPANT_POLICY, REQUEST_ID, Observe, dress, request_id_of
from app.web.openapi.sessions import OPEN_SESSION
from app.web.problems import STATUSES, problem

BEAT_SECONDS: Final = 0.02
PUNCTUAL_SECONDS: Final = 0.04
"""Late by no more, the loop keeps up."""
OVERRUN_SECONDS: Final = 0.12
"""Late by so much, it lets in no more than FEWEST at a time."""
FEWEST: Final = 128
"""Arrivals that may be under way however late the loop is: half a batch, so that the store is kept busy."""
REPORT_SECONDS: Final = 1.0
_REFUSED: Final = STATUSES[Overloaded].status

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
_log = get_logger()


class LoopLag:
    """How late the event loop is, in seconds: the lesser of its last two latenesses, since one alone is a hiccup."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._last = 0.0

    def note(self, late: float) -> None:
        """Note by how much a beat was late."""
        self.seconds = min(late, self._last)
        self._last = late

    async def beat(self) -> None:
        """Wait for a beat and note how late it was."""
        loop = asyncio.get_running_loop()
        due = loop.time() + BEAT_SECONDS
        await asyncio.sleep(BEAT_SECONDS)
        self.note(loop.time() - due)


class Shedding:
    """Stands before an application; `most` arrivals may be under way while the loop keeps up."""

    def __init__(self, most: int, observe: Observe) -> None:
        self.lag = LoopLag()
        self._most = most
        self._observe = observe
        self._under_way = 0
        self._served = 0
        self._per_second = 1.0
        self._shed = 0
        self._beating: asyncio.Task[None] | None = None

    def around(self, handle: Handle) -> Handle:
        """Return `handle` for those who may come in."""

        async def serve(request: web.BaseRequest) -> web.StreamResponse:
            if not _is_arrival(request):
                return await handle(request)
            if self._under_way >= allowed(self.lag.seconds, self._most):
                return self._refuse(request)
            self._under_way += 1
            try:
                return await handle(request)
            finally:
                self._under_way -= 1
                self._served += 1

        return serve

    async def start(self, _: web.Application) -> None:
        """Begin to measure."""
        self._beating = asyncio.get_running_loop().create_task(self._beat(), context=Context())

    async def stop(self, _: web.Application) -> None:
        """Measure no more."""
        if self._beating is not None:
            self._beating.cancel()

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began_at = loop.time()
            while (seconds := loop.time() - began_at) < REPORT_SECONDS:
                await self.lag.beat()
            self._report(seconds)

    def _report(self, seconds: float) -> None:
        self._per_second, self._served = max(1.0, self._served / seconds), 0
        if self._shed:
            _log.warning("arrivals.shed", requests=self._shed, lag_ms=round(self.lag.seconds * 1000, 1))
            self._shed = 0

    def _refuse(self, request: web.BaseRequest) -> web.Response:
        self._shed += 1
        self._observe(request.method, OPEN_SESSION.path, _REFUSED, 0.0)
        request[REQUEST_ID] = request_id_of(request)
        allow_any_origin(request)
        error = Overloaded(retry_after_seconds=self._under_way / self._per_second)
        response = problem(error, request.rel_url.raw_path, request[REQUEST_ID])
        dress(response, request, PARTICIPANT_POLICY)
        return response


def allowed(lag_seconds: float, most: int) -> int:
    """Return how many arrivals may be under way while the loop is so late."""
    if lag_seconds <= PUNCTUAL_SECONDS:
        return most
    left = max(0.0, (OVERRUN_SECONDS - lag_seconds) / (OVERRUN_SECONDS - PUNCTUAL_SECONDS))
    return min(most, round(FEWEST + (most - FEWEST) * left))


def _is_arrival(request: web.BaseRequest) -> bool:
    return request.method == "POST" and request.rel_url.raw_path.endswith("/sessions")
