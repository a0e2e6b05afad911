"""A proxy between a process and its database: it passes everything on, until it is told to swallow an answer.

Then the server has done what it was asked, and whoever asked never hears of it. Knows of PostgreSQL's protocol only
that a statement which is prepared is named beside its text, and by its name alone afterwards.
"""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_CHUNK = 65536
_NAME = rb"(_pg3_[0-9]+)\x00\s*"


@dataclass(slots=True)
class TcpProxy:
    """Listens on `port` for one server; `swallowed` counts the answers that nobody heard."""

    server: tuple[str, int]
    swallowed: int = 0
    _left: int = 0
    _pattern: bytes = b""
    _end: bytes = b""
    _breaks: bool = False
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _deaf: list[socket.socket] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def port(self) -> int:
        """Return the port to connect to."""
        return int(self._listener.getsockname()[1])

    def swallow(self, pattern: bytes, answers: int, *, end: bytes = b"", breaks: bool = False) -> None:
        """Swallow the next so many answers to what holds `pattern`, or to the `end` of a transaction that holds it.

        Then hang up if it `breaks`, else say nothing.
        """
        with self._lock:
            self._pattern, self._end, self._left, self._breaks = pattern, end, answers, breaks

    def hang_up(self) -> None:
        """Break the connections whose answers were swallowed."""
        with self._lock:
            deaf, self._deaf = self._deaf, []
        for connection in deaf:
            _close(connection)

    def serve(self) -> None:
        """Pass connections on until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()

    def _connect(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(self.server) as server:
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = _Line(client, server)
            threading.Thread(target=line.answer, daemon=True).start()
            self._ask(line)

    def _ask(self, line: "_Line") -> None:
        while octets := line.client.recv(_CHUNK):
            if self._is_to_swallow(line, octets):
                line.is_deaf = True
                line.server.sendall(octets)
                if self._breaks:
                    line.heard.wait()  # the server has answered: what it was asked for is done
                    _close(line.client)
                    return
            else:
                line.server.sendall(octets)

    def _is_to_swallow(self, line: "_Line", octets: bytes) -> bool:
        with self._lock:
            if not (self._pattern and self._left and self._is_asked(line, octets)):
                return False
            self._left -= 1
            self.swallowed += 1
            self._deaf.append(line.client)
            return True

    def _is_asked(self, line: "_Line", octets: bytes) -> bool:
        line.names.update(re.findall(_NAME + re.escape(self._pattern), octets))
        asked = self._pattern in octets or any(b"\x00" + name + b"\x00" in octets for name in line.names)
        if not self._end:
            return asked
        was_asked, line.is_asked = line.is_asked, line.is_asked or asked
        return was_asked and self._end in octets


@dataclass(slots=True)
class _Line:
    client: socket.socket
    server: socket.socket
    names: set[bytes] = field(default_factory=set)
    is_asked: bool = False
    is_deaf: bool = False
    heard: threading.Event = field(default_factory=threading.Event)

    def answer(self) -> None:
        with suppress(OSError):
            while octets := self.server.recv(_CHUNK):
                if self.is_deaf:
                    self.heard.set()
                else:
                    self.client.sendall(octets)
        _close(self.client)


def _close(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def tcp_proxy(host: str, port: int) -> Iterator[TcpProxy]:
    """Serve a proxy until the end of the block."""
    proxy = TcpProxy((host, port))
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()
