"""The short way of an ordinary request from its connection to its answer.

aiohttp serves a request in a loop of two tasks, looks its route up, puts the middlewares around it, and prepares an
answer that may turn out to be anything: that is most of what a participant costs. So a request that is all there, on a
connection that has nothing else to do, is offered to a `FastLane` first. What that does not take goes aiohttp's way, as
if nobody had looked at it; what it began and cannot end, too. Knows no route.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

from aiohttp import StreamReader, web
from aiohttp.http import HttpVersion11, RawRequestMessage
from structlog import get_logger

from app.logs import fault_fields
from app.values import light_value

Answer = Callable[["asyncio.Future[Any]"], bytes | None]
"""Turns what was waited for into a whole answer, or None for a request that is to go aiohttp's way after all."""
_HEAD_END: Final = b"\r\n\r\n"
_log = get_logger()


@light_value
class Begun:
    """A request that the lane has taken at `began_at`, as `perf_counter` tells time.

    It is answered once `awaited` is done; `leave` is called if its client has gone.
    """

    began_at: float
    awaited: "asyncio.Future[Any]"
    answer: Answer
    leave: Callable[[], None]


class FastLane(Protocol):
    """Serves those requests that it knows well, without a task of their own."""

    def refuse(self, data: bytes) -> bytes | None:
        """Return the answer to what came, if that is one whole request that is refused unparsed; None for any other."""
        ...

    def begin(self, message: RawRequestMessage, payload: StreamReader, remote: str | None) -> Begun | bytes | None:
        """Begin to serve a request whose body is there, or answer it; None for one that is to go aiohttp's way."""
        ...


class FastProtocol(web.RequestHandler):
    """A connection that offers each ordinary request to `lane`; what comes while one is under way waits unparsed."""

    __slots__ = ("_begun", "_held_back", "_is_at_start", "_lane", "_sent_back_of")

    def __init__(self, server: web.Server, lane: FastLane | None, **options: Any) -> None:
        super().__init__(server, **options)
        self._lane = lane
        self._begun: Begun | None = None
        self._sent_back_of: float | None = None
        self._held_back = b""
        self._is_at_start = True
        """Whether the parser has nothing in hand, so that what comes next is the start of a request."""

    def data_received(self, data: bytes) -> None:
        """Parse what came; where nothing is under way and it is one ordinary request, offer it to the lane."""
        if self._begun is not None or self._held_back:
            self._held_back += data
            self._pause_transport_reading()
        elif data and self._lane is not None and self._waiter is None and not self._request_in_progress:
            self._held_back = data  # aiohttp has sent its answer, and in a moment waits for the next request
            self._loop.call_soon(self._go_on)
        else:
            self._take(data)

    def _take(self, data: bytes) -> None:
        waiter, lane = self._waiter, self._lane
        if lane is None or waiter is None or waiter.done():
            self._is_at_start = False
            super().data_received(data)
            return
        if self._is_at_start and not self.writing_paused and (refusal := lane.refuse(data)) is not None:
            self._write(refusal)
            return
        self._waiter = None  # so that nobody is woken for a request before it is known which way it goes
        super().data_received(data)
        self._waiter = waiter
        self._is_at_start = self._is_at_start and self._has_taken_one_of(data)
        if self._messages and not self._begin(lane):
            waiter.set_result(None)

    def _has_taken_one_of(self, data: bytes) -> bool:
        """Tell whether `data`, which is the start of a request, was that request and nothing more."""
        if len(self._messages) != 1:
            return False
        _, payload = self._messages[0]
        return payload.is_eof() and data.find(_HEAD_END) + len(_HEAD_END) + payload.total_bytes == len(data)

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

    def _begin(self, lane: FastLane) -> bool:
        """Offer the one request that is parsed to the lane, and tell whether it was taken."""
        message, payload = self._messages[0]
        if len(self._messages) > 1 or not isinstance(message, RawRequestMessage) or not _is_ordinary(message, payload):
            return False
        if self.writing_paused:  # by a client that asks and does not read: aiohttp waits for it
            return False
        try:
            begun = lane.begin(message, payload, self.peername[0] if isinstance(self.peername, tuple) else None)
        except Exception as error:  # noqa: BLE001 - told; the long way may still know what to do
            _log.error("fast_path.failed", **fault_fields(error))
            return False
        if begun is None:
            return False
        if isinstance(begun, bytes):
            self._send(begun)
            return True
        self._begun = begun
        self._stay_open()
        begun.awaited.add_done_callback(self._end)
        return True

    def _end(self, awaited: "asyncio.Future[Any]") -> None:
        begun, self._begun = self._begun, None
        if begun is None:
            return  # the client has gone, and `leave` was called
        try:
            answer = begun.answer(awaited)
        except Exception as error:  # noqa: BLE001 - told, and shown as a connection that ends
            _log.error("fast_path.failed", **fault_fields(error))
            self.force_close()
            return
        if answer is not None:
            self._send(answer)
        elif self._waiter is not None and not self._waiter.done():
            self._sent_back_of = begun.began_at
            self._waiter.set_result(None)
        if self._close:
            super().close()
        self._go_on()

    def _go_on(self) -> None:
        held_back, self._held_back = self._held_back, b""
        if held_back and self.transport is not None:
            self._resume_transport_reading()
            self._take(held_back)

    def _send(self, answer: bytes) -> None:
        self._messages.clear()
        if self._parser is not None:
            self._parser.message_consumed()
        self._write(answer)

    def _write(self, answer: bytes) -> None:
        if self.transport is not None:
            self.transport.write(answer)
        self._stay_open()

    def _stay_open(self) -> None:
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout


def _is_ordinary(message: RawRequestMessage, payload: StreamReader) -> bool:
    """Tell whether a request is all there, and neither it nor its answer asks anything of the connection."""
    return (
        payload.is_eof()
        and not message.should_close
        and not message.upgrade
        and not message.chunked
        and message.version == HttpVersion11
        and "Expect" not in message.headers
    )
