"""The least HTTP/1.1 client that can tell an answer: prebuilt bytes out, status and body in, one request at a time.

Light, because it shares the machine with what it measures. Takes answers with a Content-Length only.
"""

import asyncio
from collections.abc import Callable
from typing import Final, cast

Answered = Callable[[int, bytes], None]
"""Takes the status and the body of an answer; status 0 where the connection was lost."""

LOST: Final = 0
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Connection(asyncio.Protocol):
    """A keep-alive connection; whoever sends waits for the answer before sending again."""

    __slots__ = ("_answered", "_buffer", "_transport", "is_open")

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._answered: Answered | None = None
        self._buffer = b""
        self.is_open = False

    def send(self, request: bytes, answered: Answered) -> None:
        """Send a whole request; `answered` is called once."""
        if self._transport is None or not self.is_open:
            answered(LOST, b"")
            return
        self._answered = answered
        self._transport.write(request)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note that it stands."""
        self._transport = cast("asyncio.WriteTransport", transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        """Hand on the answer as soon as it is whole."""
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

    def connection_lost(self, _: Exception | None) -> None:
        """Tell whoever waits that there will be no answer."""
        self.is_open = False
        answered, self._answered = self._answered, None
        if answered is not None:
            answered(LOST, b"")
