"""What several of these tests stand on: logging as a process sets it up, a store's thread, the fast lane watched."""

import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from app.logs import configure
from app.web.fast_sessions import FastSessions
from app.web.store_threads import StoreThreads


@pytest.fixture
def logs_on_stderr() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure()
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest_asyncio.fixture
async def threads() -> AsyncIterator[StoreThreads]:
    """Return one thread of a store that is there."""
    made = StoreThreads(1, 3.0, bool)
    yield made
    await made.close()


@pytest.fixture
def campaigns_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no campaign be asked for again in one test, so that the fast lane knows it however slow the machine is."""
    monkeypatch.setattr("app.web.campaign_cache.FRESH_SECONDS", 60.0)


@pytest.fixture
def lane_takes(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Note of each request that the fast lane is offered whether it takes it."""
    taken: list[bool] = []
    begin = FastSessions.begin

    def noted(lane: FastSessions, *offered: Any) -> Any:
        begun = begin(lane, *offered)
        taken.append(begun is not None)
        return begun

    monkeypatch.setattr(FastSessions, "begin", noted)
    return taken
