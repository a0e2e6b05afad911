"""Sends arrivals away in front of the application while those before them wait too long for their commit.

Under an overload it matters what a refusal costs: here no route is looked up, no body read, and no event logged but one
a second with the count. Whoever has a session already is read to.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Final, Protocol

from aiohttp import web
from structlog import get_logger

from app.errors import Overloaded
from app.web.cors import allow_any_origin
from app.web.middleware import PARTICIPANT_POLICY, REQUEST_ID, Observe, dress, request_id_of
from app.web.openapi.sessions import OPEN_SESSION
from app.web.problems import STATUSES, problem

REPORT_SECONDS: Final = 1.0
_REFUSED: Final = STATUSES[Overloaded].status

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
_log = get_logger()


class Queue(Protocol):
    """What arrivals wait in."""

    @property
    def has_room(self) -> bool:
        """Tell whether one more may wait."""
        ...

    def send_away(self) -> float:
        """Return the seconds after which somebody for whom there was no room may come again."""
        ...

    def note_late(self) -> None:
        """Note that arrivals are read later than they might be."""
        ...


class Shedding:
    """Stands before an application; `observe` is told of each request that is sent away.

    `always` are headers of every answer, as of the application.
    """

    def __init__(self, queue: Queue, observe: Observe, always: Sequence[tuple[str, str]] = ()) -> None:
        self._queue = queue
        self._observe = observe
        self._always = always
        self._shed = 0
        self._report: asyncio.Task[None] | None = None

    @property
    def has_room(self) -> bool:
        """Tell whether one more may come in."""
        return self._queue.has_room

    def around(self, handle: Handle) -> Handle:
        """Return `handle` for those who may come in."""

        async def serve(request: web.BaseRequest) -> web.StreamResponse:
            if _is_arrival(request) and not self.has_room:
                return self._refuse(request)
            return await handle(request)

        return serve

    def send_away(self) -> float:
        """Count an arrival that is sent away, and return the seconds after which it may come again."""
        self._shed += 1
        if self._report is None:
            self._report = asyncio.get_running_loop().create_task(self._report_soon(), context=Context())
        self._observe("POST", OPEN_SESSION.path, _REFUSED, 0.0)
        return self._queue.send_away()

    def note_late(self) -> None:
        """Note that arrivals are read later than they might be, for all that are sent away."""
        self._queue.note_late()

    def _refuse(self, request: web.BaseRequest) -> web.Response:
        request[REQUEST_ID] = request_id_of(request)
        allow_any_origin(request)
        error = Overloaded(retry_after_seconds=self.send_away())
        response = problem(error, request.rel_url.raw_path, request[REQUEST_ID])
        dress(response, request, PARTICIPANT_POLICY, self._always)
        return response

    async def _report_soon(self) -> None:
        await asyncio.sleep(REPORT_SECONDS)
        _log.warning("arrivals.shed", requests=self._shed)
        self._shed, self._report = 0, None


def _is_arrival(request: web.BaseRequest) -> bool:
    return request.method == "POST" and request.rel_url.raw_path.endswith("/sessions")
