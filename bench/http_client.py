"""The least HTTP/1.1 client that can tell an answer: prebuilt bytes out, status and body in, one request at a time.

Light, because it shares the machine with what it measures: sockets and epoll without an event loop around them. Takes
answers with a Content-Length only.
"""

import select
import socket
from collections.abc import Callable
from typing import Final

Answered = Callable[[int, bytes], None]
"""Takes the status and the body of an answer; status 0 where the connection was lost."""

LOST: Final = 0
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_READ_BYTES: Final = 4_096
_CONNECT_SECONDS: Final = 5.0


class Wire:
    """The connections of one client, and what they bring."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._epoll = select.epoll()
        self._connections: dict[int, Connection] = {}

    def connect(self) -> "Connection":
        """Return a new connection; raise OSError if there is none to be had."""
        connected = socket.create_connection(self._address, _CONNECT_SECONDS)
        connected.settimeout(0)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(connected, self._forget)
        self._connections[connected.fileno()] = connection
        self._epoll.register(connected, select.EPOLLIN)
        return connection

    def read(self) -> None:
        """Hand on what has come, without waiting for anything."""
        for number, _ in self._epoll.poll(0):
            connection = self._connections.get(number)
            if connection is not None:
                connection.read()

    def close(self) -> None:
        """Hang up, without telling anybody."""
        for connection in self._connections.values():
            connection.hang_up()
        self._connections.clear()
        self._epoll.close()

    def _forget(self, number: int) -> None:
        del self._connections[number]


class Connection:
    """A keep-alive connection; whoever sends waits for the answer before sending again."""

    __slots__ = ("_answered", "_buffer", "_forget", "_socket", "is_open")

    def __init__(self, connected: socket.socket, forget: Callable[[int], None]) -> None:
        self._socket = connected
        self._forget = forget
        self._answered: Answered | None = None
        self._buffer = b""
        self.is_open = True

    def send(self, request: bytes, answered: Answered) -> None:
        """Send a whole request; `answered` is called once."""
        self._answered = answered
        try:
            sent = self._socket.send(request) if self.is_open else 0
        except OSError:
            sent = 0
        if sent != len(request):
            self._lose()

    def read(self) -> None:
        """Take what has arrived, and hand on the answer as soon as it is whole."""
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose()
            return
        buffer = self._buffer = self._buffer + data if self._buffer else data
        head_end = buffer.find(_HEAD_END)
        if head_end < 0:
            return
        head = buffer[:head_end].lower()
        found = head.find(_LENGTH)
        length = int(head[found + len(_LENGTH) :].split(b"\r\n", 1)[0]) if found >= 0 else 0
        body_start = head_end + len(_HEAD_END)
        if len(buffer) < body_start + length:
            return
        self._buffer = b""
        answered, self._answered = self._answered, None
        if answered is not None:
            answered(int(head[9:12]), buffer[body_start : body_start + length])

    def leave(self) -> None:
        """Close it where nobody waits for an answer, and forget it."""
        self._lose()

    def hang_up(self) -> None:
        """Close it without telling anybody."""
        self.is_open = False
        self._socket.close()

    def _lose(self) -> None:
        if self.is_open:
            self._forget(self._socket.fileno())
            self.hang_up()
        answered, self._answered = self._answered, None
        if answered is not None:
            answered(LOST, b"")
