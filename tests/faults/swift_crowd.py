"""A large crowd: participants over a few lasting connections, at a pace, with a ledger of every 202.

Half of them name their request by an idempotency key and repeat it until it is promised; the others try once. Knows
HTTP as far as it needs it: a client library would cost more than the service under test.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlsplit

from tests.journey.client import Visit
from tests.journey.crowd import changes_for
from tests.journey.deadline import eventually
from tests.journey.scene import Scene
from tests.journey.tokens import claims_for

KINDS = ("carried",) * 7 + ("fetched",) * 2 + ("refused",)
_CONNECTIONS = 24
_PAUSE_SECONDS = 0.1
_ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Promise:
    """What a 202 promised: the session, to whom (`sub`), and of which kind."""

    visit: Visit
    kind: str
    sub: str


@dataclass(slots=True)
class SwiftCrowd:
    """Participants of one campaign, whose partner signs with HS256; at most `most` arrive, `per_second`."""

    scene: Scene
    most: int
    per_second: float
    promised: dict[str, Promise] = field(default_factory=dict)
    turned_away: Counter[str] = field(default_factory=Counter)
    _numbers: "count[int]" = field(default_factory=count)
    _began_at: float = field(default_factory=time.monotonic)
    _leaving: bool = False

    def has_arrived(self) -> bool:
        """Tell whether all have come."""
        return len(self.promised) >= self.most

    def grow_to(self, sessions: int, within_seconds: float) -> None:
        """Wait until so many sessions were promised."""
        eventually(lambda: len(self.promised) >= sessions, within_seconds, f"{sessions} promises ({self.turned_away})")

    def run(self) -> None:
        """Arrive until all have come, or the crowd leaves."""
        asyncio.run(self._run())

    def leave(self) -> None:
        """Let nobody else arrive."""
        self._leaving = True

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(_CONNECTIONS):
                group.create_task(self._arrive_one_after_the_other())

    async def _arrive_one_after_the_other(self) -> None:
        connection = _Connection(self.scene)
        while not (self._leaving or self.has_arrived()):
            number = next(self._numbers)
            await asyncio.sleep(max(0.0, self._began_at + number / self.per_second - time.monotonic()))
            await self._arrive(connection, number)
        connection.close()

    async def _arrive(self, connection: "_Connection", number: int) -> None:
        kind = KINDS[number % len(KINDS)]
        sub = f"{kind}-{number}"
        is_keyed = number // len(KINDS) % 2 == 0
        request = connection.request(_token(self.scene, kind, sub), sub if is_keyed else None)
        while True:
            status, body = await connection.ask(request)
            if status == 202:
                self._note(json.loads(body), kind, sub)
                return
            self.turned_away[str(status or "no answer")] += 1
            await asyncio.sleep(_PAUSE_SECONDS)
            if not is_keyed:
                return

    def _note(self, body: dict[str, str], kind: str, sub: str) -> None:
        visit = Visit(body["session_id"], body["session_key"], self.scene.campaign_id)
        assert visit.id not in self.promised
        self.promised[visit.id] = Promise(visit, kind, sub)


@contextmanager
def swift_crowd(scene: Scene, most: int, per_second: float) -> Iterator[SwiftCrowd]:
    """Let a crowd arrive until all have come, or the end of the block."""
    arriving = SwiftCrowd(scene, most, per_second)
    thread = threading.Thread(target=arriving.run)
    thread.start()
    try:
        yield arriving
    finally:
        arriving.leave()
        thread.join()


class _Connection:
    """One connection at a time, made again when it broke."""

    def __init__(self, scene: Scene) -> None:
        url = urlsplit(scene.participants.sessions_url(scene.campaign_id))
        self._address, self._head = (url.hostname, url.port), f"POST {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def request(self, token: str, key: str | None) -> bytes:
        """Return the octets of a request."""
        named = f"Idempotency-Key: {key}\r\n" if key else ""
        return (
            f"{self._head}{named}Content-Type: application/jwt\r\nContent-Length: {len(token)}\r\n\r\n{token}".encode()
        )

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Return status and body of the answer; status 0 where there is none."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await self._ask(request)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            self.close()
            return 0, b""

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _ask(self, request: bytes) -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address)
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
        return int(head[9:12]), await reader.readexactly(length)


def _token(scene: Scene, kind: str, sub: str) -> str:
    """Return a token signed with HS256, by hand: the crowd is to cost little."""
    assert isinstance(scene.signer.key, bytes)
    claims = claims_for(scene.campaign_id, sub=sub, **changes_for(kind, sub))
    signed = f"{_HEADER}.{_b64(json.dumps(claims).encode())}"
    return f"{signed}.{_b64(hmac.digest(scene.signer.key, signed.encode(), hashlib.sha256))}"


def _b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


_HEADER = _b64(b'{"alg":"HS256","typ":"JWT"}')
