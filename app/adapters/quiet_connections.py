"""Which kept connection may carry the next call: one of the same pool on which the server has said nothing since.

HTTP/1.1 tells answers apart by their order alone: one that nobody asked for would be taken for the next call's, and
each after it for that of the call behind it. aiohttp does not look. A server that was heard once gets a new connection
for each call until the process ends: its next surplus answer might come while a call is under way.

Nor does it count answers: neither the interim ones (1xx) before an answer, nor those that come while nobody asks. It
reads thousands of them at once, and keeps them.
"""

import select
from functools import partial
from typing import Any, Final

from aiohttp import ClientRequest, StreamReader, TCPConnector
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.tracing import Trace
from multidict import CIMultiDict
from structlog import get_logger

MAX_INTERIM_ANSWERS: Final = 32
"""Before one answer: a server that says each second that it still works does so for 30 s, the longest call."""

_INTERIM: Final = frozenset(range(100, 200)) - {101}
_log = get_logger()


def keep_to_pool(request: ClientRequest, pool: str) -> None:
    """Have `request` share connections with those of its pool only: what a server mixes up stays within that.

    aiohttp finds kept connections by the headers for a proxy too, and sends them to a proxy only; we use none.
    """
    request.proxy_headers = CIMultiDict(pool=pool)


class QuietConnector(TCPConnector):
    """Hands out a kept connection only if it is quiet, and ends one that does not come to its answer.

    `_get` is aiohttp's own, and the one place that tells a kept connection from a new one, as `_factory` makes what
    reads from it; our tests fail if aiohttp no longer goes by them.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        reader: type[ResponseHandler] = _AnswerReader  # to mypy a partial of it is none of its base
        self._factory = partial(reader, loop=self._loop)
        self._distrusted: set[ConnectionKey] = set()

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        while (connection := await super()._get(key, traces)) is not None:
            if _has_spoken(connection):
                self._distrust(key)
            if key not in self._distrusted and not _has_unread_bytes(connection):
                return connection
            connection.close()
        return None

    def _distrust(self, key: ConnectionKey) -> None:
        if key not in self._distrusted:
            self._distrusted.add(key)
            _log.error("answer.unasked", host=key.host)


class _AnswerReader(ResponseHandler):
    """Takes a few interim answers, then the server for one that speaks no HTTP; hears no more than a few unasked."""

    _interim = 0

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        if self._interim > MAX_INTERIM_ANSWERS:
            return
        if len(self) > MAX_INTERIM_ANSWERS and self.transport is not None:
            self.transport.pause_reading()  # and kept as it is, for `_get` to find out
            return
        self._interim = self._interim + 1 if data[0].code in _INTERIM else 0
        if self._interim <= MAX_INTERIM_ANSWERS:
            super().feed_data(data, size)
        else:
            self.close()
            self.set_exception(HttpProcessingError())


def _has_spoken(connection: Connection) -> bool:
    """Tell whether aiohttp has read something since the last answer ended; it keeps none that ended otherwise."""
    return connection.protocol is not None and connection.protocol.should_close


def _has_unread_bytes(connection: Connection) -> bool:
    """Tell whether the system holds bytes, or the end, that the loop has not come to; by TLS they may be harmless."""
    transport = connection.transport
    if transport is None:
        return True
    waiting = select.poll()
    waiting.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(waiting.poll(0))
