"""`vestibule up` as one types it: the real processes, on a data folder of the test's own."""

import asyncio
import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from aiohttp import ClientSession, CookieJar
from yarl import URL

from tests.cli.up_run import VESTIBULE, Run, environment, start
from tests.servers.process import OwnProcess, free_port
from tests.servers.tree import Member, members_of, still_running

pytestmark = pytest.mark.journey

STARTED_WITHIN_SECONDS = 10
STOPPED_WITHIN_SECONDS = 12
PREFILLED_WITHIN_SECONDS = 10


@pytest.fixture(scope="module")
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", free_port()))
        holder.listen()
        yield holder.getsockname()[1]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, taken_port: int) -> Iterator[Run]:
    started = start(tmp_path_factory.mktemp("up"), taken_port)
    yield started
    started.process.end(signal.SIGINT)


async def visit(client: ClientSession, address: str, until: str) -> str:
    """Return the page at the address, or at the one that it leads to, as soon as it holds `until`."""
    give_up_at = time.monotonic() + PREFILLED_WITHIN_SECONDS
    while True:
        async with client.get(address) as answer:
            html = await answer.text()
            address = str(answer.url)
        if until in html or time.monotonic() > give_up_at:
            return html
        await asyncio.sleep(0.1)


def browser(link: str) -> ClientSession:
    """Return a client that keeps Secure cookies of the page, as browsers do on this machine."""
    trusted = URL(link).origin()
    return ClientSession(cookie_jar=CookieJar(unsafe=True, treat_as_secure_origin=trusted))


async def all_gone(members: Sequence[Member], within_seconds: float) -> bool:
    give_up_at = time.monotonic() + within_seconds
    while still_running(members):
        if time.monotonic() > give_up_at:
            return False
        await asyncio.sleep(0.1)
    return True


@pytest.mark.timed
async def test_up_on_an_empty_folder_is_ready_within_ten_seconds_and_its_link_leads_to_a_filled_form(run: Run) -> None:
    async with browser(run.link) as client:
        html = await visit(client, run.link, until='value="Joan"')

    assert run.started_in < STARTED_WITHIN_SECONDS
    assert 'value="Joan"' in html
    assert "Filled in from Aurora" in html
    assert "ey" not in {word[:2] for word in re.findall(r"[A-Za-z0-9_.-]{40,}", html)}


@pytest.mark.parametrize(
    ("scenario", "shows"),
    [
        pytest.param("partner-data", 'value="Ada"', id="data-by-the-partner"),
        pytest.param("encrypted", 'value="Joan"', id="encrypted"),
        pytest.param("slow-partner", 'value="Grace"', id="slow-partner"),
        pytest.param("partner-down", '<p role="status">We could not fill this in for you', id="partner-down"),
        pytest.param("expired", "This link is no longer valid", id="expired"),
        pytest.param("wrong-key", "This link is no longer valid", id="wrong-key"),
        pytest.param("not-eligible", "This one is for members", id="not-eligible"),
        pytest.param("limit-reached", "You have already taken part", id="limit-reached"),
    ],
)
async def test_up_link_of_the_demo_partner_shows_its_scenario(run: Run, scenario: str, shows: str) -> None:
    async with browser(run.link) as client:
        html = await visit(client, f"{run.demo}go/{scenario}", until=shows)

    assert shows in html


def test_up_with_a_taken_port_uses_another_and_says_so(run: Run, taken_port: int) -> None:
    assert f"port {taken_port} is taken; using " in run.said
    assert f":{taken_port}/" not in run.link


async def test_up_on_a_folder_that_is_in_use_is_refused_by_name(run: Run, tmp_path: Path) -> None:
    folder = Path(re.findall(r"Its data is in (\S+)\.", run.said)[0])
    second = await asyncio.create_subprocess_exec(
        VESTIBULE,
        "up",
        env={"PATH": os.environ["PATH"], "VESTIBULE_DATA_DIR": str(folder)},
        cwd=tmp_path,
        stderr=asyncio.subprocess.PIPE,
    )

    _, said = await second.communicate()

    assert second.returncode == 3
    assert f"already running on {folder} (process {run.process.pid})" in said.decode()


async def test_up_with_json_prints_an_object_a_line_and_says_when_it_is_ready(tmp_path: Path) -> None:
    port = free_port()
    process = OwnProcess.start([VESTIBULE, "up", "--json"], tmp_path, environment(tmp_path, port))
    log = tmp_path / "vestibule.log"
    process.wait_until(lambda: '{"ready": ' in log.read_text())
    lines = [json.loads(line) for line in log.read_text().splitlines()]

    [ready] = [line["ready"] for line in lines if "ready" in line]
    async with browser(ready["campaign"]) as client:
        html = await visit(client, ready["campaign"], until='value="Joan"')
    process.end(signal.SIGINT)

    assert 'value="Joan"' in html
    assert {tuple(line) for line in lines} == {("program", "line"), ("ready",)}


async def test_up_beyond_loopback_is_refused(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        VESTIBULE,
        "up",
        env={"PATH": os.environ["PATH"], "VESTIBULE_HOST": "0.0.0.0"},
        cwd=tmp_path,
        stderr=asyncio.subprocess.PIPE,
    )

    _, said = await process.communicate()

    assert process.returncode == 3
    assert "VESTIBULE_HOST: 0.0.0.0 is not loopback" in said.decode()


async def test_up_after_ctrl_c_leaves_no_process_and_the_next_finds_its_data(tmp_path: Path) -> None:
    port = free_port()
    first = start(tmp_path, port)
    async with browser(first.link) as client:
        await visit(client, first.link, until='value="Joan"')
        everything = members_of(first.process.pid)
        os.kill(first.process.pid, signal.SIGINT)
        is_gone = await all_gone(everything, STOPPED_WITHIN_SECONDS)
        first.process.end()
        second = start(tmp_path, port)
        html = await visit(client, f"http://127.0.0.1:{port}/c/demo", until='value="Joan"')
        second.process.end(signal.SIGINT)

    assert is_gone
    assert len(everything) > 6
    assert 'value="Joan"' in html


async def test_up_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    killed = start(tmp_path, free_port())
    everything = members_of(killed.process.pid)

    os.kill(killed.process.pid, signal.SIGKILL)
    is_gone = await all_gone(everything, STOPPED_WITHIN_SECONDS)

    killed.process.end()
    assert is_gone
