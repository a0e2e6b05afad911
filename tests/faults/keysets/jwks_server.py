"""A partner's JWKS endpoints behind TLS, scripted by the test: what each source answers, how badly, and who asked when.

Knows HTTP and sockets; refuses to know what a key is.
"""

import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, pairwise
from typing import Any

HOST = "127.0.0.1"
_PATIENCE_SECONDS = 30.0
_DRIP_SECONDS = 0.5


class Manner(Enum):
    """How an answer is sent."""

    WHOLE = auto()
    SILENT = auto()  # never
    DRIP = auto()  # a byte every half second
    RESET = auto()  # the connection is reset after the request


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; a request whose If-None-Match names its ETag gets a 304 instead."""

    body: bytes = field(default=b"", repr=False)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    manner: Manner = Manner.WHOLE


@dataclass(frozen=True, slots=True)
class Hit:
    """One request: when it came (monotonic), from which port, and with which If-None-Match."""

    at: float
    port: int
    condition: str | None


@dataclass(slots=True)
class Source:
    """One JWK Set's address; `play` says what it answers from now on, and counts anew."""

    url: str
    _reply: Reply = field(default_factory=lambda: Reply(status=503))
    _hits: list[Hit] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def play(self, reply: Reply) -> None:
        """Answer `reply` to every request from now on, and forget the hits so far."""
        with self._lock:
            self._reply = reply
            self._hits.clear()

    def go_on(self, reply: Reply) -> None:
        """Answer `reply` to every request from now on, and keep counting."""
        with self._lock:
            self._reply = reply

    def hits(self) -> list[Hit]:
        """Return the requests since the last `play`."""
        with self._lock:
            return list(self._hits)

    def see(self, hit: Hit) -> Reply:
        """Note a request and return its answer; 304 where the caller has what would be sent."""
        with self._lock:
            self._hits.append(hit)
            reply = self._reply
        etag = reply.headers.get("ETag")
        if etag is not None and hit.condition == etag:
            return Reply(status=304, headers=reply.headers)
        return reply


class JwksServer(ThreadingHTTPServer):
    """The server; `source` makes an address."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__((HOST, 0), _Handler)
        self.sources: dict[str, Source] = {}
        self.closing = threading.Event()
        self.broken_connections = 0
        self._tls = tls
        self._numbers = count(1)

    def source(self) -> Source:
        """Serve a new source; it answers 503 until the test says what."""
        path = f"/{next(self._numbers)}/jwks.json"
        self.sources[path] = Source(f"https://{HOST}:{self.server_address[1]}{path}")
        return self.sources[path]

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; hands are shaken in its own thread, so that a slow caller keeps nobody waiting."""
        connection, address = super().get_request()
        connection.settimeout(_PATIENCE_SECONDS)
        return self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Count a connection that the other side broke off."""
        del request, client_address
        self.broken_connections += 1


@contextmanager
def jwks_server(tls: ssl.SSLContext) -> Iterator[JwksServer]:
    """Serve until the end of the block."""
    with JwksServer(tls) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()


def key_set(*keys: Mapping[str, object], **headers: str) -> Reply:
    """Return a good answer: these keys; underscores in names of `headers` stand for hyphens."""
    return json_reply({"keys": list(keys)}, **headers)


def json_reply(content: object, **headers: str) -> Reply:
    """Return a 200 with a JSON body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(json.dumps(content).encode(), headers={"Content-Type": "application/json", **named})


def gaps(hits: Sequence[Hit]) -> list[float]:
    """Return the seconds between each request and the next."""
    return [later.at - earlier.at for earlier, later in pairwise(hits)]


class _Handler(BaseHTTPRequestHandler):
    server: JwksServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        source = self.server.sources[self.path]
        hit = Hit(time.monotonic(), self.client_address[1], self.headers.get("If-None-Match"))
        self._send(source.see(hit))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class names it so
        """Keep quiet."""

    def _send(self, reply: Reply) -> None:
        match reply.manner:
            case Manner.WHOLE:
                self._begin(reply)
                self.wfile.write(reply.body)
            case Manner.SILENT:
                self.server.closing.wait(_PATIENCE_SECONDS)
                self.close_connection = True
            case Manner.DRIP:
                self._begin(reply)
                self._drip(reply.body)
            case Manner.RESET:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()

    def _begin(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 304:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()

    def _drip(self, body: bytes) -> None:
        for octet in body:
            if self.server.closing.wait(_DRIP_SECONDS):
                break
            self.wfile.write(bytes((octet,)))
            self.wfile.flush()
