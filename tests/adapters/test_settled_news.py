"""News of settled sessions: told by whoever settles them, heard by who listens, and missed without harm."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta

import pytest
import pytest_asyncio
from sqlalchemy import text
from structlog.testing import capture_logs

from app.adapters.database import session_queue, settled_news
from app.adapters.database.engine import Database, open_database
from app.adapters.database.news_payloads import ids_of, payloads_of
from app.adapters.database.session_intake import SqlSessionIntake
from app.adapters.database.session_queue import SqlSessionQueue
from app.adapters.database.settled_news import PostgresSettledNews
from app.domain.session import NewSession, Stage
from app.ports import Claim
from app.steps.accept import session_ids
from tests.adapters.stores import SEALING
from tests.builders import NOW, move, new_session
from tests.web.stage import eventually

LEASE = timedelta(seconds=30)
LISTENERS = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"

BACKENDS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""


@pytest.fixture
def database(migrated_postgres_url: str) -> Iterator[Database]:
    opened = open_database(migrated_postgres_url, "test")
    yield opened
    opened.dispose()


@pytest_asyncio.fixture
async def told(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """Return what is told, as it comes."""
    monkeypatch.setattr(settled_news, "AGAIN_SECONDS", 0.05)
    assert database.lines is not None
    news, ids = PostgresSettledNews(database.lines), list[str]()
    hearing = asyncio.create_task(news.hear(ids.extend))
    await eventually(lambda: news.is_heard)
    yield ids
    hearing.cancel()
    await asyncio.wait([hearing])
    await eventually(lambda: not listeners(database))


def listeners(database: Database) -> Sequence[int]:
    return database.read(lambda connection: connection.execute(text(LISTENERS)).scalars().all())


def settle(database: Database, *sessions: NewSession, stage: Stage = Stage.DONE) -> frozenset[str]:
    SqlSessionIntake(database, SEALING).add(sessions, NOW)
    queue = SqlSessionQueue(database, SEALING)
    claimed = queue.claim(Claim(Stage.VERIFY, len(sessions), NOW, NOW + LEASE))
    return queue.finish([move(one, stage) for one in claimed], NOW)


@pytest.mark.parametrize("count", [0, 1, 256, 257, 600])
def test_payloads_tell_each_id_and_fit_into_a_notice(count: int) -> None:
    ids = session_ids(count, NOW, bytes)

    payloads = payloads_of(ids)

    assert [id_ for payload in payloads for id_ in ids_of(payload)] == ids
    assert all(len(payload) < 8000 for payload in payloads)


@pytest.mark.parametrize(
    ("stage", "is_told"),
    [
        pytest.param(Stage.DONE, True, id="done"),
        pytest.param(Stage.DEAD, True, id="dead"),
        pytest.param(Stage.FETCH, False, id="not-settled"),
    ],
)
async def test_sessions_are_told_once_they_have_settled(
    database: Database, told: list[str], stage: Stage, *, is_told: bool
) -> None:
    session, last = new_session(), new_session()

    settle(database, session, stage=stage)
    settle(database, last)
    await eventually(lambda: last.id in told)

    assert told == ([session.id, last.id] if is_told else [last.id])


async def test_news_are_heard_again_after_the_connection_broke_which_is_told_once(
    database: Database, told: list[str]
) -> None:
    [pid] = listeners(database)
    with capture_logs() as logs:
        database.read(lambda connection: connection.execute(text(f"SELECT pg_terminate_backend({pid}, 5000)")).all())
        await eventually(lambda: bool(listeners(database)) and listeners(database) != [pid])
        sessions = [new_session()]
        settle(database, *sessions)
        await eventually(lambda: told == [session.id for session in sessions])

    assert [event["event"] for event in logs] == ["news.lost", "news.regained"]


async def test_news_are_heard_while_the_server_is_asked_whether_it_is_there(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settled_news, "ASK_SECONDS", 0.01)
    assert database.lines is not None
    news, told = PostgresSettledNews(database.lines), list[str]()
    hearing = asyncio.create_task(news.hear(told.extend))
    await eventually(lambda: news.is_heard)

    sessions = [new_session() for _ in range(100)]
    for session in sessions:
        await asyncio.to_thread(settle, database, session)
    await eventually(lambda: len(told) == len(sessions))

    assert told == [session.id for session in sessions]
    hearing.cancel()
    await asyncio.wait([hearing])


async def test_server_that_is_frozen_is_heard_no_more(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settled_news, "ASK_SECONDS", 0.05)
    database = open_database(postgres_url, "test", statement_timeout_seconds=0.5)
    assert database.lines is not None
    news = PostgresSettledNews(database.lines)
    with capture_logs() as logs:
        hearing = asyncio.create_task(news.hear(lambda _: None))
        await eventually(lambda: news.is_heard)
        [pid] = database.read(lambda connection: connection.execute(text(BACKENDS)).scalars().all())
        os.kill(pid, signal.SIGSTOP)
        try:
            await eventually(lambda: not news.is_heard)
            await eventually(lambda: news.is_heard)
        finally:
            os.kill(pid, signal.SIGCONT)

    assert [event["event"] for event in logs] == ["database.unanswered", "news.lost", "news.regained"]
    hearing.cancel()
    await asyncio.wait([hearing])
    database.dispose()


def test_session_settles_though_nobody_can_be_told(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("too many notifications in the NOTIFY queue")

    monkeypatch.setattr(session_queue, "tell_settled", full)
    session = new_session()

    with capture_logs() as logs:
        assert settle(database, session) == {session.id}

    assert [(event["event"], event["sessions"]) for event in logs] == [("news.untold", 1)]
