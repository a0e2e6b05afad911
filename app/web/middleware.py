"""What happens around every request: its id, its errors as problems, its headers, and one log event.

One middleware does it all, since each layer costs every request. Knows routes only by their patterns, so that no path
with an id in it and no query is ever logged.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import getrandbits
from time import perf_counter
from typing import Final, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from structlog import get_logger
from structlog.contextvars import bind_contextvars

from app import errors
from app.logs import fault_fields, tell_answered
from app.web.host_header import check_host
from app.web.problems import problem

REQUEST_ID: Final = web.RequestKey("request_id", str)
ALLOWED_ORIGIN: Final = web.RequestKey("allowed_origin", str)
"""Set by `app.web.cors`: the origin that may read the answer."""
BEGAN_AT: Final = web.RequestKey("began_at", float)
"""Of a request that the short way began and sent back: when that was."""
UNSERVED: Final = web.RequestKey("unserved", bool)
"""Of a request in a version of HTTP that is not served, which is refused whatever it asks for."""
UNMATCHED: Final = "unmatched"
"""The route of a request that met none."""
SERVER: Final = "vestibule"
CLIENT_GONE: Final = 499
"""What is recorded where the client left before its answer; never sent."""

ErrorPage = Callable[[errors.VestibuleError, web.Request], web.Response]
"""Renders an error for people, where a route's answers are pages."""
Observe = Callable[[str, str, int, float], None]
"""Records method, route, status and duration in seconds of one request."""

_SANE_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PEOPLE: Final = "/participants"
"""What comes behind it in a path is a person's name: as a partner calls it, or misspelt into another address."""
_BAD_REQUEST: Final = 400
_INTERNAL_ERROR: Final = 500
_log = get_logger()


@dataclass(frozen=True, slots=True)
class RoutePolicy:
    """The headers that answers of a route carry unless its handler set its own; `cross_origin` routes answer CORS.

    Errors are shown as problem details, or by `error_page` where the route has one.
    """

    headers: tuple[tuple[str, str], ...]
    cross_origin: bool = False
    error_page: ErrorPage | None = None


API_POLICY: Final = RoutePolicy(
    (
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    )
)
PARTICIPANT_POLICY: Final = RoutePolicy((*API_POLICY.headers, ("Vary", "Origin")), cross_origin=True)
_EXPOSED: Final = "Location, Retry-After, X-Request-ID"


def request_middleware(
    observe: Observe, policies: Mapping[str, RoutePolicy], always: Sequence[tuple[str, str]] = ()
) -> Middleware:
    """Return the middleware; `policies` are by route pattern, API_POLICY where there is none; `always` are headers."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        began_at = request.get(BEGAN_AT) or perf_counter()
        request_id = request[REQUEST_ID] = request_id_of(request)
        bind_contextvars(request_id=request_id)
        route = _route_of(request)
        policy = policies.get(route, API_POLICY)
        response, error = None, None
        try:
            response, error = await _answer(request, handler, policy)
        finally:
            status = CLIENT_GONE if response is None else response.status
            seconds = perf_counter() - began_at
            observe(request.method, route, status, seconds)
            record(request_id, request.method, route, status, seconds, error)
        dress(response, request, policy, always)
        if type(response) is not web.Response and isinstance(response, web.HTTPException):
            raise response
        return response

    return middleware


class Headed(Protocol):
    """A request, as far as its headers go."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers, which are asked for by their names in lower case."""
        ...


def request_id_of(request: Headed) -> str:
    """Return the id that the request brought, if it is sane, else a new one."""
    brought = request.headers.get("x-request-id")
    if brought is not None and _SANE_REQUEST_ID.fullmatch(brought):
        return brought
    return f"{getrandbits(128):032x}"  # it only has to differ, and a system call costs the interpreter's lock


def instance_of(request: web.BaseRequest) -> str:
    """Return the path of a request, whatever it meets, up to where a person is named in it."""
    path, people, _ = request.rel_url.raw_path.partition(_PEOPLE)
    return path + people


async def _answer(
    request: web.Request, handler: Handler, policy: RoutePolicy
) -> tuple[web.StreamResponse, Exception | None]:
    error: Exception
    try:
        _check_version(request)
        check_host(request)
        return await handler(request), None
    except web.HTTPException as answer:
        if answer.status < _BAD_REQUEST:
            return answer, None
        error = translate(answer)
        allow = answer.headers.get("Allow")
    except errors.VestibuleError as ours:
        error, allow = ours, None
    except Exception as unknown:
        if isinstance(unknown, ConnectionError) and request.transport is None:
            raise
        error, allow = unknown, None
    shown = error if isinstance(error, errors.VestibuleError) else errors.VestibuleError()
    if policy.error_page is not None:
        response = policy.error_page(shown, request)
    else:
        response = problem(shown, instance_of(request), request[REQUEST_ID])
    if allow is not None:
        response.headers["Allow"] = allow
    response.headers.setdefault("Cache-Control", "no-store")  # a 404 may be kept where nobody says so (RFC 9111 4.2.2)
    return response, error


def _check_version(request: web.Request) -> None:
    if UNSERVED in request:
        raise errors.RequestMalformed("HTTP/1.0 and HTTP/1.1 are served here.")


def translate(answer: web.HTTPException) -> errors.VestibuleError:
    """Return our error for one of aiohttp's own answers."""
    match answer.status:
        case 404:
            return errors.NotFound()
        case 405:
            return errors.MethodNotAllowed()
        case 413:
            return errors.BodyTooLarge()
        case 415:
            return errors.MediaTypeUnsupported()
        case status if status < _INTERNAL_ERROR:
            return errors.RequestMalformed()
        case _:
            return errors.VestibuleError()


def _route_of(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return UNMATCHED if resource is None else resource.canonical


def record(
    request_id: str, method: str, route: str, status: int, seconds: float, error: Exception | None = None
) -> None:
    """Log one event about a request: `status` and duration, and what it failed of."""
    code = None
    if error is not None:
        code = error.code if isinstance(error, errors.VestibuleError) else "internal"
        if status >= _INTERNAL_ERROR:
            fields = {"method": method, "route": route, "status": status, "duration_ms": round(seconds * 1000, 2)}
            _log.error("request.failed", request_id=request_id, **fields, code=code, **fault_fields(error))
            return
    tell_answered(request_id, method, route, status, seconds, code)


def dress(
    response: web.StreamResponse,
    request: web.BaseRequest,
    policy: RoutePolicy,
    always: Sequence[tuple[str, str]] = (),
) -> None:
    """Give an answer that has not begun the headers of its route, the request's id, and who may read it."""
    if response.prepared:
        return
    headers = response.headers
    for name, value in policy.headers:
        headers.setdefault(name, value)
    for name, value in always:
        headers[name] = value
    headers["Server"] = SERVER  # aiohttp would name itself, Python, and their versions
    headers["X-Request-ID"] = request[REQUEST_ID]
    if policy.cross_origin and (origin := request.get(ALLOWED_ORIGIN)):
        headers.update(cors_headers(origin))


def cors_headers(origin: str) -> tuple[tuple[str, str], ...]:
    """Return the headers that let pages of `origin` read an answer (Fetch standard, CORS)."""
    return ("Access-Control-Allow-Origin", origin), ("Access-Control-Expose-Headers", _EXPOSED)
