"""Requests as bytes on a connection, and their answers as they come: what no client library would send or show."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.builders import JWS
from tests.web.stage import TEST_KEYS, Stage

OPEN = "/v1/campaigns/945645/sessions"
USUAL = json.dumps({"token": JWS}).encode()
JSON_TYPE = "Content-Type: application/json"


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """An answer; `headers` are sorted, as their order says nothing."""

    status_line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def status(self) -> int:
        return int(self.status_line.split()[1])

    @property
    def content(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)


@dataclass(frozen=True, slots=True)
class Wire:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, *requests: bytes) -> None:
        """Send these in one segment."""
        self.writer.write(b"".join(requests))

    async def answer(self, *, has_body: bool = True, seconds: float = 10) -> WireAnswer:
        """Return the next answer, but no 100 (Continue)."""
        async with asyncio.timeout(seconds):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("ascii")
            status_line, *lines = head.rstrip().split("\r\n")
            if " 100 " in status_line:
                return await self.answer(has_body=has_body)
            headers = tuple(sorted((name, value) for name, _, value in (line.partition(": ") for line in lines)))
            length = int(dict(headers).get("Content-Length", 0)) if has_body else 0
            return WireAnswer(status_line, headers, await self.reader.readexactly(length))

    async def rest(self) -> bytes:
        """Return what comes until the server closes."""
        async with asyncio.timeout(10):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""


@asynccontextmanager
async def wired(stage: Stage) -> AsyncIterator[Wire]:
    """Connect to the server of a stage until the block ends."""
    reader, writer = await asyncio.open_connection(stage.host, stage.port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


def request(method: str, target: str, *lines: str, body: bytes | None = None, version: str = "1.1") -> bytes:
    """Return a request with these header lines, and its length if it has a body."""
    length = [] if body is None else [f"Content-Length: {len(body)}"]
    head = "\r\n".join((f"{method} {target} HTTP/{version}", "Host: x", *lines, *length))
    return head.encode("latin-1") + b"\r\n\r\n" + (body or b"")


def post(*lines: str, body: bytes = USUAL, target: str = OPEN, kind: str = JSON_TYPE, version: str = "1.1") -> bytes:
    """Return a request for a session, as usual but for what is said."""
    return request("POST", target, *([kind] if kind else []), *lines, body=body, version=version)


def get(session_id: str, *lines: str, query: str = "", authorization: str | None = None, method: str = "GET") -> bytes:
    """Return a request for how a session stands, with its own key unless another line is given."""
    opens = f"Authorization: Bearer {TEST_KEYS.make(session_id)}" if authorization is None else authorization
    return request(method, f"/v1/sessions/{session_id}{query}", *([opens] if opens else []), *lines)
