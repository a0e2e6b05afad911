"""Whole answers of the short way as bytes: what aiohttp would send, without its response.

Of those who are sent away thousands a second are told the same but for their request's id, so that is spelled once.
"""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from aiohttp.helpers import rfc822_formatted_time

from app.errors import Overloaded
from app.web.cors import preflight_headers
from app.web.middleware import PARTICIPANT_POLICY, SERVER, cors_headers
from app.web.problems import Problem, problem_parts

_MOST_REFUSALS: Final = 256
"""Spelled and kept: in one second they differ by campaign, origin and the length of their ids alone."""
_HOLE: Final = "\x7f"
"""Stands where a request's id comes; no header and no text has one."""


class AnswerBytes:
    """Spells the answers of participants' routes; `always` are headers of every answer, as of the application."""

    def __init__(self, always: Sequence[tuple[str, str]] = ()) -> None:
        self._fixed = _lines((*PARTICIPANT_POLICY.headers, *always, ("Server", SERVER)))
        self._around_id = lru_cache(_MOST_REFUSALS)(self._spell_around_id)

    def spell(self, status: str, own: str, request_id: str, origin: str | None, body: bytes) -> bytes:
        """Return an answer; `status` has its phrase, `own` are header lines, and `origin` may read it."""
        return self._spell(status, own, request_id, origin, body, rfc822_formatted_time())

    def preflight(self, methods: str, request_id: str, origin: str | None) -> bytes:
        """Return the answer to a preflight for a route that knows `methods`."""
        own = _lines(preflight_headers(methods).items())
        return self._spell("204 No Content", own, request_id, origin, None, rfc822_formatted_time())

    def problem(self, made: Problem, request_id: str, origin: str | None) -> bytes:
        """Return a problem as an answer."""
        return self._problem(made, request_id, origin, rfc822_formatted_time())

    def refusal(self, seconds: float, path: str, request_id: str, origin: str | None) -> bytes:
        """Return the answer to an arrival at `path` that is sent away, and may come again after so many seconds."""
        parts = self._around_id(math.ceil(seconds), path, len(request_id), origin, rfc822_formatted_time())
        return request_id.encode("ascii").join(parts)

    def _spell_around_id(
        self, seconds: int, path: str, id_length: int, origin: str | None, date: str
    ) -> Sequence[bytes]:
        hole = _HOLE * id_length
        made = problem_parts(Overloaded(retry_after_seconds=seconds), path, hole)
        return self._problem(made, hole, origin, date).split(hole.encode("ascii"))

    def _problem(self, made: Problem, request_id: str, origin: str | None, date: str) -> bytes:
        status = f"{made.status} {HTTPStatus(made.status).phrase}"
        return self._spell(status, _lines(made.headers.items()), request_id, origin, made.body, date)

    def _spell(
        self, status: str, own: str, request_id: str, origin: str | None, body: bytes | None, date: str
    ) -> bytes:
        """Spell an answer; one without a body has no length either (RFC 9110 section 8.6)."""
        cors = "" if origin is None else _lines(cors_headers(origin))
        length = "" if body is None else f"Content-Length: {len(body)}\r\n"
        head = (
            f"HTTP/1.1 {status}\r\n{own}{self._fixed}X-Request-ID: {request_id}\r\n{cors}{length}Date: {date}\r\n\r\n"
        )
        return head.encode("ascii") + (body or b"")


def _lines(headers: Iterable[tuple[str, str]]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers)
