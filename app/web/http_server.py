"""The HTTP server below the application: what is not HTTP at all is answered with a problem too, and never traced.

aiohttp answers such requests before any middleware runs, in words of its own and with a traceback in the log.
"""

from collections.abc import Callable
from typing import Any, Final

from aiohttp import HttpVersion10, HttpVersion11, StreamReader, web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from structlog import get_logger

from app import errors
from app.logs import fault_fields
from app.web.fast_path import FastLane, FastProtocol
from app.web.middleware import BEGAN_AT, SERVER, UNSERVED, instance_of, request_id_of, translate
from app.web.problems import problem
from app.web.shedding import Handle, Shedding
from app.web.turnstile import Turnstile

KEEPALIVE_SECONDS: Final = 75.0
"""How long a connection may be idle, or take for the head of a request; longer than a load balancer keeps its own."""
MAX_LINE_BYTES: Final = 32 * 1024
"""Of the request line, since a campaign URL carries a token of up to 16 KiB, which its encoding may lengthen; and of a
header, since a browser brings the cookies of all that stands on our host."""
_SERVED: Final = (HttpVersion10, HttpVersion11)
_ERROR: Final = 400
_log = get_logger()


class ProblemRunner(web.AppRunner):
    """Runs an application on a server that answers problems only; waits `shutdown_timeout` for what is under way."""

    def __init__(
        self,
        app: web.Application,
        shutdown_timeout: float,
        shedding: Shedding | None = None,
        lane: FastLane | None = None,
    ) -> None:
        super().__init__(
            app,
            access_log=None,
            auto_decompress=False,
            handler_cancellation=True,  # a long poll ends with its connection
            keepalive_timeout=KEEPALIVE_SECONDS,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            shutdown_timeout=shutdown_timeout,
        )
        self._shedding = shedding
        self._lane = lane

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        handler = made.request_handler
        return _ProblemServer(
            handler if self._shedding is None else self._shedding.around(handler),
            self._lane,
            request_factory=_with_what_is_known(made.request_factory),
            handler_cancellation=made.handler_cancellation,
            **made._kwargs,  # noqa: SLF001 - the server has no other door to what its protocols are made with
        )


class _ProblemServer(web.Server):
    def __init__(self, handler: Handle, lane: FastLane | None, **options: Any) -> None:
        super().__init__(handler, **options)
        self._lane = lane
        self._turnstile = None if lane is None else Turnstile(lane.note_late)

    def __call__(self) -> web.RequestHandler:
        return _ProblemProtocol(self, self._lane, self._turnstile, loop=self._loop, **self._kwargs)


class _ProblemProtocol(FastProtocol):
    __slots__ = ()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer what is not HTTP (400), or what failed outside of the middleware."""
        del message  # quotes what was sent
        if request.writer.output_size > 0:
            raise ConnectionError("the answer is under way already")
        is_malformed = isinstance(exc, HttpProcessingError) or status == _ERROR
        words = "A line of the request's head is too long." if isinstance(exc, LineTooLong) else "This is not HTTP."
        error = errors.RequestMalformed(words) if is_malformed else errors.VestibuleError()
        request_id = request_id_of(request)
        if is_malformed:
            _log.info("request.malformed", request_id=request_id, error=type(exc).__name__)
        else:
            _log.error("request.failed", request_id=request_id, **(fault_fields(exc) if exc else {}))
        response = _plain(problem(error, "/", request_id), request_id)
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer; one that aiohttp made by itself, such as 417, as a problem."""
        if isinstance(resp, web.HTTPException) and resp.status >= _ERROR:
            request_id = request_id_of(request)
            resp = _plain(problem(translate(resp), instance_of(request), request_id), request_id)
        return await super().finish_response(request, resp, start_time)


def _with_what_is_known(make: Callable[..., web.BaseRequest]) -> Callable[..., web.BaseRequest]:
    """Return what makes a request and notes when the short way began it, if it did, and whether it is served at all.

    aiohttp's parser takes HTTP/0.9 and HTTP/2.0 in a request line too, and would have them named in the answer.
    """

    def make_request(
        message: RawRequestMessage, payload: StreamReader, protocol: FastProtocol, *rest: Any
    ) -> web.BaseRequest:
        is_served = message.version in _SERVED
        known = message if is_served else message._replace(version=HttpVersion10, should_close=True)
        request = make(known, payload, protocol, *rest)
        if not is_served:
            request[UNSERVED] = True
        began_at = protocol.take_began_at()
        if began_at is not None:
            request[BEGAN_AT] = began_at
        return request

    return make_request


def _plain(response: web.Response, request_id: str) -> web.Response:
    headers = {
        "Server": SERVER,
        "X-Request-ID": request_id,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    response.headers.update(headers)
    return response
