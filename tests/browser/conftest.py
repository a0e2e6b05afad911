"""One Chromium and one `vestibule up` for all tests of this folder."""

import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser.chromium import Chromium
from tests.cli.up_run import Run, start
from tests.servers.leaving_out import running
from tests.servers.process import free_port

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    started = start(tmp_path_factory.mktemp("browser"), free_port())
    yield started
    started.process.end(signal.SIGINT)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Path]:
    """Give the path of the program."""
    with running(Chromium.start, tmp_path_factory.mktemp("chromium"), pytestconfig.stash) as found:
        yield found.program


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield launched
        await launched.close()
