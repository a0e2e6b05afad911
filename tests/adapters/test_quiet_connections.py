"""Servers that say more than they were asked: nobody is given what was meant for somebody else."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Network
from itertools import product
from pathlib import Path
from typing import TypeVar

import pytest
import uvloop
from structlog.testing import capture_logs

from app.adapters.safe_http import CallBounds, SafeHttp
from app.domain.outside import OutboundPolicy
from tests.doubles.certificates import CertificateAuthority
from tests.doubles.http_double import HttpDouble, http_answer, serving

LOOPBACK = OutboundPolicy((IPv4Network("127.0.0.0/8"),))
BOUNDS = CallBounds(whole=timedelta(seconds=5))
Found = TypeVar("Found")
NewLoop = Callable[[], asyncio.AbstractEventLoop]
on_any_connection = pytest.mark.parametrize(
    ("new_loop", "by_tls"), list(product([asyncio.new_event_loop, uvloop.new_event_loop], [False, True]))
)
SURPLUS = http_answer(b'{"of": "somebody else"}')


@dataclass
class Talker:
    """Answers each request by its number, from 1, and lets the test speak on its last connection."""

    answered: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def __call__(self, writer: asyncio.StreamWriter) -> None:
        self.answered += 1
        self.writers.append(writer)
        writer.write(http_answer(b'{"number": %d}' % self.answered))

    def add(self, data: bytes) -> None:
        """Send `data` unasked."""
        self.writers[-1].write(data)


@dataclass
class Stage:
    talker: Talker
    double: HttpDouble
    http: SafeHttp
    scheme: str = "http"

    async def ask(self, pool: str = "acme") -> object:
        """Return the number by which a call was answered."""
        url = f"{self.scheme}://127.0.0.1:{self.double.port}/"
        answer = await self.http.request("GET", url, pool=pool, bounds=BOUNDS, headers={})
        return answer.json_object().get("number")


@asynccontextmanager
async def staged(folder: Path | None = None) -> AsyncIterator[Stage]:
    """Set a stage, by TLS if there is a folder for certificates."""
    authority = folder and CertificateAuthority(folder)
    talker = Talker()
    async with (
        serving(talker, tls=authority.server_context("127.0.0.1") if authority else None) as double,
        SafeHttp(LOOPBACK, "vestibule/test", ca_file=authority.file if authority else None) as http,
    ):
        yield Stage(talker, double, http, "https" if authority else "http")


def played(play: Coroutine[None, None, Found], new_loop: NewLoop) -> Found:
    """Return what `play` returns on a loop of that kind."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(play)


async def loop_has_turned() -> None:
    """Let both sides read what lies ready."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    "surplus",
    [
        pytest.param(SURPLUS, id="an answer"),
        pytest.param(SURPLUS[:-1], id="most of an answer"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n", id="early hints"),
        pytest.param(b"{}", id="no answer at all"),
    ],
)
async def test_request_after_something_unasked_is_given_its_own_answer(surplus: bytes) -> None:
    async with staged() as stage:
        await stage.ask()
        stage.talker.add(surplus)
        await loop_has_turned()
        numbers = [await stage.ask(), await stage.ask()]

    assert numbers == [2, 3]
    assert stage.double.connections > 1


@on_any_connection
def test_request_after_an_unasked_answer_on_a_connection_used_twice_is_given_its_own(
    tmp_path: Path, new_loop: NewLoop, *, by_tls: bool
) -> None:
    async def play() -> tuple[list[object], int]:
        async with staged(tmp_path if by_tls else None) as stage:
            before = [await stage.ask(), await stage.ask()]
            stage.talker.add(SURPLUS)
            await loop_has_turned()
            return [*before, await stage.ask()], stage.double.connections

    assert played(play(), new_loop) == ([1, 2, 3], 2)


@on_any_connection
def test_request_before_the_loop_has_read_an_unasked_answer_is_given_its_own(
    tmp_path: Path, new_loop: NewLoop, *, by_tls: bool
) -> None:
    async def play() -> tuple[list[object], int]:
        async with staged(tmp_path if by_tls else None) as stage:
            first = await stage.ask()
            stage.talker.add(SURPLUS)
            return [first, await stage.ask(), await stage.ask()], stage.double.connections

    assert played(play(), new_loop) == ([1, 2, 3], 2)


@on_any_connection
def test_server_that_speaks_unasked_without_end_is_not_listened_to(
    tmp_path: Path, new_loop: NewLoop, *, by_tls: bool
) -> None:
    async def play() -> tuple[list[object], bool]:
        async with staged(tmp_path if by_tls else None) as stage:
            before = await stage.ask()
            for _ in range(400):
                stage.talker.add(SURPLUS * 1000)
                await asyncio.sleep(0)
            is_heard = not stage.talker.writers[-1].transport.get_write_buffer_size()
            return [before, await stage.ask(), await stage.ask()], is_heard

    assert played(play(), new_loop) == ([1, 2, 3], False)


async def test_request_after_the_server_has_just_hung_up_takes_a_new_connection() -> None:
    async with staged() as stage:
        await stage.ask()
        stage.talker.writers[-1].write_eof()
        number = await stage.ask()

    assert (number, stage.double.connections) == (2, 2)


async def test_server_that_spoke_unasked_is_given_a_connection_for_each_call_and_logged_once() -> None:
    with capture_logs() as logs:
        async with staged() as stage:
            for _ in range(2):
                await stage.ask()
                stage.talker.add(SURPLUS)
                await loop_has_turned()
            numbers = [await stage.ask() for _ in range(3)]

    assert numbers == [3, 4, 5]
    assert stage.double.connections == 5
    assert logs == [{"event": "answer.unasked", "log_level": "error", "host": "127.0.0.1"}]


async def test_server_that_spoke_unasked_in_one_pool_keeps_the_connections_of_another() -> None:
    async with staged() as stage:
        await stage.ask("globex")
        await stage.ask("acme")
        stage.talker.add(SURPLUS)
        await loop_has_turned()
        numbers = [await stage.ask("acme"), await stage.ask("globex"), await stage.ask("globex")]

    assert numbers == [3, 4, 5]
    assert stage.double.connections == 3


async def test_requests_of_several_pools_share_no_connection() -> None:
    async with staged() as stage:
        for pool in ("acme", "globex", "acme", "globex"):
            await stage.ask(pool)

    assert (stage.talker.answered, stage.double.connections) == (4, 2)
