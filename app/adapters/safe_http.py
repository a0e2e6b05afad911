"""The only door to the outside: one HTTP request, to a public address, within bounds of time and size.

Follows no redirect, keeps no cookie, uses no proxy, decodes no compression, repeats nothing by itself. Knows nothing of
partners: it hands back a small JSON body, or raises OutsideError with the class of the failure.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.connector import Connection
from yarl import URL

from app.adapters.address_guard import GuardedResolver, ThreadsResolver, guarded_socket
from app.adapters.clock import SystemClock
from app.adapters.outside_faults import classify_exception, classify_status
from app.adapters.quiet_connections import QuietConnector, keep_to_pool
from app.domain import strict_json
from app.domain.outside import OutboundPolicy, UrlRefused, check_url
from app.errors import ConfigurationError, OutsideError
from app.ports import Clock
from app.reasons import PrefillReason

MAX_CONNECTIONS = 2000
_KEEP_ALIVE_SECONDS = 4.0  # below the 5 s after which common servers close an idle connection under our next request
_JSON_TYPE = re.compile(r"application/(?:json|[a-z0-9!#$&^_.+-]+\+json)")  # RFC 6839: application/jwk-set+json too
_KEPT_HEADERS = ("ETag", "Last-Modified", "Cache-Control", "Age", "Date")
_EXACT_TIMERS = 1e9  # aiohttp rounds timers above this many seconds up to whole ones


@dataclass(frozen=True, slots=True)
class CallBounds:
    """How long and how large a call may be.

    `whole` ends with the last byte; `connect` covers waiting for a connection, the name and the handshake.
    """

    whole: timedelta
    connect: timedelta = timedelta(seconds=2)
    max_body_bytes: int = 256 * 1024


@dataclass(frozen=True, slots=True)
class SafeAnswer:
    """A 200 with its body, or a 304 without; `headers` holds Date and those of caching, by their names in lower case.

    `certificate_ends_at` is when the server's certificate does, if it came by TLS.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    certificate_ends_at: datetime | None = None

    def json_object(self) -> dict[str, object]:
        """Return the object that the body spells; raise OutsideError (contract) if it is not one in strict JSON."""
        try:
            return strict_json.parse_object(self.body)
        except strict_json.NotStrictJson:
            raise OutsideError(PrefillReason.CONTRACT, "body_not_a_json_object", self.status) from None


class SafeHttp:
    """A pool of connections to the outside, one per process; opened by `async with` in the loop that will use it."""

    def __init__(
        self,
        policy: OutboundPolicy,
        user_agent: str,
        *,
        ca_file: Path | None = None,
        resolver: AbstractResolver | None = None,
        limit: int = MAX_CONNECTIONS,
        clock: Clock | None = None,
    ) -> None:
        self._policy = policy
        self._user_agent = user_agent
        self._ca_file = ca_file
        self._resolver = resolver
        self._limit = limit
        self._clock = clock or SystemClock()

    async def __aenter__(self) -> Self:
        self._lookup = GuardedResolver(self._policy, self._resolver or ThreadsResolver())
        connector = QuietConnector(
            ssl=_tls_context(self._ca_file),
            resolver=self._lookup,
            socket_factory=guarded_socket(self._policy),
            limit=self._limit,
            limit_per_host=0,  # how many at once is decided per partner, across processes
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            raise_for_status=False,
            response_class=_CertifiedResponse,
            headers={"User-Agent": self._user_agent, "Accept-Encoding": "identity"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._session.close()
        await self._lookup.close()

    async def request(
        self,
        method: Literal["GET", "POST"],
        url: str,
        *,
        pool: str,
        bounds: CallBounds,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> SafeAnswer:
        """Make one request and return its answer; raise OutsideError for whatever is neither a JSON 200 nor a 304.

        It shares kept connections with requests of the same `pool` only.
        """
        try:
            target = URL(str(check_url(url, self._policy)), encoded=True)
        except UrlRefused as refused:
            raise OutsideError(PrefillReason.POLICY, refused.reason) from None
        timeout, once = _client_timeout(bounds), (_OneTry(pool),)
        try:
            async with self._session.request(
                method, target, headers=headers, data=body, timeout=timeout, allow_redirects=False, middlewares=once
            ) as response:
                return await _read(response, bounds.max_body_bytes, self._clock)
        except (aiohttp.ClientError, OSError) as exc:
            raise classify_exception(exc) from None


class _CertifiedResponse(aiohttp.ClientResponse):
    """Looks at the server's certificate while the connection is still its own."""

    certificate_ends_at: datetime | None = None

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        certificate = connection.transport.get_extra_info("peercert") if connection.transport else None
        if certificate:
            self.certificate_ends_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
        return await super().start(connection)


@dataclass(frozen=True, slots=True)
class _OneTry:
    """Sends a request over the connections of its pool, once: tries are counted, and ours to make.

    By itself aiohttp sends a GET again after a lost connection.
    """

    pool: str

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        keep_to_pool(request, self.pool)
        try:
            return await handler(request)
        except (aiohttp.ClientError, OSError) as exc:
            raise classify_exception(exc) from None


def _client_timeout(bounds: CallBounds) -> aiohttp.ClientTimeout:
    whole, connect = bounds.whole.total_seconds(), bounds.connect.total_seconds()
    return aiohttp.ClientTimeout(total=whole, connect=connect, ceil_threshold=_EXACT_TIMERS)


async def _read(response: aiohttp.ClientResponse, max_body_bytes: int, clock: Clock) -> SafeAnswer:
    if response.status not in (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED):
        raise classify_status(response.status, response.headers, clock)
    headers, ends_at = _kept_headers(response), getattr(response, "certificate_ends_at", None)
    if response.status == HTTPStatus.NOT_MODIFIED:
        return SafeAnswer(response.status, headers, certificate_ends_at=ends_at)
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise OutsideError(PrefillReason.CONTRACT, "content_encoding_not_asked_for", response.status)
    if not _JSON_TYPE.fullmatch(response.headers.get("Content-Type", "").partition(";")[0].strip().lower()):
        raise OutsideError(PrefillReason.CONTRACT, "content_type_not_json", response.status)
    if (response.content_length or 0) > max_body_bytes:
        raise OutsideError(PrefillReason.CONTRACT, "body_too_large", response.status)
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > max_body_bytes:
            raise OutsideError(PrefillReason.CONTRACT, "body_too_large", response.status)
    return SafeAnswer(response.status, headers, bytes(body), ends_at)


def _kept_headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    found = {name.lower(): ", ".join(response.headers.getall(name, ())) for name in _KEPT_HEADERS}
    return {name: value for name, value in found.items() if value}


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError:
            raise ConfigurationError((f"the CA file {ca_file} cannot be read as PEM certificates",)) from None
    return context
