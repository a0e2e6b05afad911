"""The short way of an ordinary request from its connection to its answer.

aiohttp parses a request, serves it in a loop of two tasks, looks its route up, puts the middlewares around it, and
prepares an answer that may turn out to be anything: that is most of what a participant costs. So an ordinary request,
on a connection that has nothing else to do, is offered to a `FastLane` first. What that does not take goes aiohttp's
way, as if nobody had looked at it; what it began and cannot end, too. Knows no route.
"""

import asyncio
from typing import Any, Protocol

from aiohttp import web
from structlog import get_logger

from app.logs import fault_fields
from app.web.ordinary_requests import OrdinaryRequest, request_in
from app.web.parser_feed import ParserFeed
from app.web.turnstile import Turnstile

_log = get_logger()


class Begun(Protocol):
    """A request that the lane has taken at `began_at`, as `perf_counter` tells time; it waits for `awaited`."""

    began_at: float
    awaited: "asyncio.Future[Any]"

    def answer(self) -> bytes | None:
        """Return the whole answer, once `awaited` is done; None if it is to go aiohttp's way after all."""
        ...

    def leave(self) -> None:
        """Wait no more: the client has gone."""
        ...


class FastLane(Protocol):
    """Serves those requests that it knows well, without a task of their own."""

    def begin(self, request: OrdinaryRequest, remote: str | None) -> Begun | bytes | None:
        """Begin to serve a request, or answer it; None for one that is to go aiohttp's way."""
        ...

    def note_late(self) -> None:
        """Note that connections are read later than they might be, for all that are sent away."""
        ...


class FastProtocol(web.RequestHandler):
    """A connection that offers each ordinary request to `lane`; what comes while one is under way waits unread."""

    __slots__ = ("_begun", "_feed", "_held_back", "_lane", "_request", "_sent_back_of", "_turnstile", "is_resting")

    def __init__(
        self, server: web.Server, lane: FastLane | None, turnstile: Turnstile | None = None, **options: Any
    ) -> None:
        super().__init__(server, **options)
        self._lane = lane
        self._turnstile = turnstile
        self.is_resting = False
        self._begun: Begun | None = None
        self._request = b""
        """The one that is begun, for aiohttp, if it goes its way in the end."""
        self._sent_back_of: float | None = None
        self._held_back = b""
        self._feed = ParserFeed()

    def data_received(self, data: bytes) -> None:
        """Offer what came to the lane, where nothing is under way; what it does not take is aiohttp's."""
        if self._begun is not None or self._held_back:
            self._hold_back(data)
        elif data and self._lane is not None and self._waiter is None and not self._request_in_progress:
            self._held_back = data  # aiohttp has sent its answer, and in a moment waits for the next request
            self._loop.call_soon(self._go_on)
        else:
            self._take(data)

    def _take(self, data: bytes) -> None:
        taken = self._offer(data)
        while taken and self._begun is None and len(data) > taken:  # it was answered at once
            data = data[taken:]
            taken = self._offer(data)
        if not taken:
            self._parse(data)
        elif len(data) > taken:
            self._hold_back(data[taken:])

    def _offer(self, data: bytes) -> int:
        """Offer the lane the request that `data` begins with, and return how many bytes it took."""
        lane = self._lane
        if lane is None or not self._is_free or (request := request_in(data)) is None:
            return 0
        try:
            begun = lane.begin(request, self.peername[0] if isinstance(self.peername, tuple) else None)
        except Exception as error:  # noqa: BLE001 - told; the long way may still know what to do
            _log.error("fast_path.failed", **fault_fields(error))
            return 0
        if begun is None:
            return 0
        if isinstance(begun, bytes):
            self._write(begun)
            if self._turnstile is not None:
                self._turnstile.pass_by(self)
        else:
            self._begun, self._request = begun, data[: request.size]
            begun.awaited.add_done_callback(self._end)
        self._stay_open()
        return request.size

    @property
    def _is_free(self) -> bool:
        """Tell whether aiohttp waits for a request, has no part of one, and the client reads its answers."""
        waiter = self._waiter
        is_open = not (self._close or self._force_close or self._upgraded or self.writing_paused)
        return is_open and waiter is not None and not waiter.done() and self._feed.is_used_up

    def _parse(self, data: bytes) -> None:
        self._feed.give(data)
        known = self._request_count
        super().data_received(data)
        if self._request_count > known:
            self._feed.note(self._request_count - known, self._messages[-1][1])

    def _hold_back(self, data: bytes) -> None:
        self._held_back += data
        if self._held_back:  # aiohttp may hand on nothing, for its parser to look again: who would resume after that?
            self._pause_transport_reading()

    def rest(self) -> None:
        """Read nothing until `read_on`."""
        self.is_resting = True
        self._pause_transport_reading()

    def read_on(self) -> None:
        """Read again."""
        self.is_resting = False
        self._resume_transport_reading()

    def take_began_at(self) -> float | None:
        """Return when the lane began the request that now goes aiohttp's way; None for one that it never took."""
        began_at, self._sent_back_of = self._sent_back_of, None
        return began_at

    def connection_lost(self, exc: BaseException | None) -> None:
        """Wait for nothing any more on behalf of a client that has gone."""
        begun, self._begun = self._begun, None
        if begun is not None:
            begun.leave()
        super().connection_lost(exc)

    def close(self) -> None:
        """Begin nothing new; what is under way is answered."""
        if self._begun is None:
            super().close()
        self._close = True

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 - as aiohttp has it
        """Return when what is under way has its answer, or after so many seconds."""
        if self._begun is not None:
            await asyncio.wait((self._begun.awaited,), timeout=timeout)
        await super().shutdown(timeout)

    def _end(self, _: "asyncio.Future[Any]") -> None:
        begun, self._begun = self._begun, None
        if begun is None:
            return  # the client has gone, and `leave` was called
        request, self._request = self._request, b""
        try:
            answer = begun.answer()
        except Exception as error:  # noqa: BLE001 - told, and shown as a connection that ends
            _log.error("fast_path.failed", **fault_fields(error))
            self.force_close()
            return
        if answer is not None:
            self._write(answer)
        else:
            self._send_back(request, begun.began_at)
        if self._close:
            super().close()
        self._go_on()

    def _go_on(self) -> None:
        held_back, self._held_back = self._held_back, b""
        if held_back and self.transport is not None:
            self._resume_transport_reading()
            self._take(held_back)

    def _send_back(self, request: bytes, began_at: float) -> None:
        is_closing, self._close = self._close, False  # or aiohttp would not look at what it is to answer
        self._sent_back_of = began_at
        self._parse(request)
        self._close = is_closing

    def _write(self, answer: bytes) -> None:
        if self.transport is not None:
            self.transport.write(answer)

    def _stay_open(self) -> None:
        """Let aiohttp close the connection only after a while without another request: what is begun takes seconds."""
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
