"""A partner: a real HTTP server on loopback with a JWKS and a participant API for each name, and faults on demand."""

import json
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


class Fault(Enum):
    """How one call ends."""

    NONE = auto()
    BRIEF = auto()  # a good answer after a fifth of a second
    LATE = auto()  # a good answer after two seconds
    SLOW = auto()  # no answer before the partner is closed
    SERVER_ERROR = auto()
    UNAUTHORIZED = auto()
    NOT_FOUND = auto()
    TOO_MANY = auto()
    GARBAGE = auto()  # 200 and JSON by its type, but not by its octets
    RESET = auto()
    PAUSE = auto()  # 429 with a Retry-After of two seconds
    ENDLESS = auto()  # a gigabyte, for as long as the other side listens
    REDIRECT = auto()  # to this server itself, which is a private address


PAUSE_SECONDS = 2
REDIRECTED = "redirected"
"""Who is asked for by whoever follows a redirect."""
_CHUNK = b" " * 65_536
_GIGABYTE = 2**30
_STATUSES = {
    Fault.SERVER_ERROR: 500,
    Fault.UNAUTHORIZED: 401,
    Fault.NOT_FOUND: 404,
    Fault.TOO_MANY: 429,
    Fault.PAUSE: 429,
}


@dataclass(slots=True)
class Endpoint:
    """What one partner serves and has seen; `first` are the faults of a person's first calls, `then` of the others."""

    url: str
    jwks: list[dict[str, Any]] = field(default_factory=list)
    jwks_fault: Fault = Fault.NONE
    jwks_hits: int = 0
    first: Sequence[Fault] = ()
    then: Fault = Fault.NONE
    answer: dict[str, Any] = field(default_factory=lambda: {"form": {"firstname": "Ada"}, "optin": {"news": True}})
    calls: dict[str, list[str | None]] = field(default_factory=lambda: defaultdict(list))
    """The Authorization headers of the calls, by person."""
    called_at: list[float] = field(default_factory=list)
    """When, on the monotonic clock."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def jwks_url(self) -> str:
        """Return the address of the JWK Set."""
        return f"{self.url}/jwks"

    @property
    def people_url(self) -> str:
        """Return the URL template of the participant API."""
        return f"{self.url}/people/{{sub}}"

    def count_calls(self) -> int:
        """Return how often people were asked for."""
        with self._lock:
            return sum(map(len, self.calls.values()))

    def see_person(self, sub: str, authorization: str | None) -> Fault:
        """Note a call and return how it ends."""
        with self._lock:
            self.calls[sub].append(authorization)
            self.called_at.append(time.monotonic())
            number = len(self.calls[sub])
        return self.first[number - 1] if number <= len(self.first) else self.then

    def see_jwks(self) -> Fault:
        """Note a look at the JWK Set and return how it ends."""
        with self._lock:
            self.jwks_hits += 1
        return self.jwks_fault


class PartnerDouble(ThreadingHTTPServer):
    """The server; `endpoint` makes a partner of a name."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.endpoints: dict[str, Endpoint] = {}
        self.closing = threading.Event()
        self.broken_connections = 0
        self.endless_octets = 0

    def endpoint(self, name: str) -> Endpoint:
        """Serve a new partner."""
        self.endpoints[name] = Endpoint(f"http://127.0.0.1:{self.server_address[1]}/{name}")
        return self.endpoints[name]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Count a connection that the other side broke off."""
        del request, client_address
        self.broken_connections += 1


@contextmanager
def partner_double() -> Iterator[PartnerDouble]:
    """Serve partners until the end of the block."""
    with PartnerDouble() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: PartnerDouble
    protocol_version = "HTTP/1.1"
    timeout = 20

    def do_GET(self) -> None:
        _, name, what, *rest = self.path.split("/")
        endpoint = self.server.endpoints[name]
        if what == "jwks":
            self._answer(name, endpoint.see_jwks(), {"keys": endpoint.jwks})
        else:
            fault = endpoint.see_person(unquote(rest[0]), self.headers.get("Authorization"))
            self._answer(name, fault, endpoint.answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class names it so
        """Keep quiet."""

    def _answer(self, name: str, fault: Fault, content: object) -> None:
        match fault:
            case Fault.NONE:
                self._send(200, json.dumps(content).encode())
            case Fault.BRIEF | Fault.LATE:
                self.server.closing.wait(0.2 if fault is Fault.BRIEF else 2)
                self._send(200, json.dumps(content).encode())
            case Fault.GARBAGE:
                self._send(200, b'{"form": {"firstname": "Ada"')
            case Fault.SLOW:
                self.server.closing.wait(60)
                self.close_connection = True
            case Fault.RESET:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()
            case Fault.PAUSE:
                self._send(_STATUSES[fault], b"{}", {"Retry-After": str(PAUSE_SECONDS)})
            case Fault.REDIRECT:
                self._send(302, b"{}", {"Location": f"/{name}/people/{REDIRECTED}"})
            case Fault.ENDLESS:
                self._send_endlessly()
            case _:
                self._send(_STATUSES[fault], b"{}")

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_endlessly(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        for _ in range(_GIGABYTE // len(_CHUNK)):
            self.wfile.write(_CHUNK)
            self.server.endless_octets += len(_CHUNK)
