"""Tells whether aiohttp's parser has nothing in hand, which it does not say itself: what comes next begins a request.

Counts what it was given against the one request that it made of it. Where that cannot tell (more than one at once, a
chunked body), the connection stays with the parser.
"""

from typing import Final

from aiohttp import StreamReader

from app.web.ordinary_requests import MOST_HEAD_BYTES

_HEAD_END: Final = b"\r\n\r\n"


class ParserFeed:
    """What the parser was given since it last had nothing in hand, in bytes, and what it made of that."""

    __slots__ = ("_begins", "_given", "_head", "_payload", "_requests")

    def __init__(self) -> None:
        self._given = 0
        self._begins = b""
        """What came, as long as it has no end of a head."""
        self._head = 0
        """The head's bytes; 0 where its end has not come."""
        self._requests = 0
        self._payload: StreamReader | None = None

    @property
    def is_used_up(self) -> bool:
        """Tell whether the parser has nothing in hand."""
        if not self._given:
            return True
        payload = self._payload
        if self._requests != 1 or payload is None or not self._head:
            return False
        return payload.is_eof() and self._head + payload.total_bytes == self._given

    def give(self, data: bytes) -> None:
        """Note what the parser is about to be given."""
        if self.is_used_up:
            self._given, self._begins, self._head, self._requests, self._payload = 0, b"", 0, 0, None
        self._given += len(data)
        if not self._head and len(self._begins) <= MOST_HEAD_BYTES:  # with each piece its end is looked for anew
            begins = self._begins + data
            found = begins.find(_HEAD_END)
            self._begins, self._head = (begins, 0) if found < 0 else (b"", found + len(_HEAD_END))

    def note(self, requests: int, payload: StreamReader) -> None:
        """Note how many requests the parser made of it, and the payload of the last."""
        self._requests += requests
        self._payload = payload
