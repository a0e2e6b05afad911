"""Statements on an event loop: kept connections, and what becomes of one that breaks, stands still or is refused."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from time import monotonic

import pytest
import pytest_asyncio
from sqlalchemy.exc import DBAPIError

from app.adapters.database.engine import open_database
from app.adapters.database.lines import MOST_LINES, PATIENCE, Lines
from app.errors import StoreUnavailable

LIMIT_SECONDS = 1.0
AT_ONCE_SECONDS = 5.0
"""For a machine that is busy; a wait without an end takes longer."""
PID = "SELECT pg_backend_pid()"
SLEEP_AND_PID = "SELECT pg_backend_pid(), pg_sleep(0.1)"


def lines_to(url: str) -> Lines:
    lines = open_database(url, "test", statement_timeout_seconds=LIMIT_SECONDS).lines
    assert lines is not None
    return lines


@pytest_asyncio.fixture
async def lines(postgres_url: str) -> AsyncIterator[Lines]:
    lines = lines_to(postgres_url)
    yield lines
    await lines.close()


async def pid_of(lines: Lines, statement: str = PID) -> int:
    return int((await lines.rows_of(statement, {}))[0][0])


async def end_idle(lines: Lines, pid: int) -> None:
    """End the server's side of a connection from another one, and wait until it is gone."""
    async with lines.own_line() as other:
        await other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


def test_embedded_database_has_no_lines(tmp_path: object) -> None:
    assert open_database(f"sqlite:///{tmp_path}/test.db", "test").lines is None


async def test_connection_is_kept_for_the_next_statement(lines: Lines) -> None:
    assert await pid_of(lines) == await pid_of(lines)


async def test_statements_at_once_have_a_connection_each_up_to_the_most(lines: Lines) -> None:
    pids = await asyncio.gather(*(pid_of(lines, SLEEP_AND_PID) for _ in range(3 * MOST_LINES)))

    assert len(set(pids)) == MOST_LINES


async def test_read_is_asked_again_where_the_connection_was_broken(lines: Lines) -> None:
    pid = await pid_of(lines)
    await end_idle(lines, pid)

    assert await pid_of(lines) != pid


async def test_write_on_a_broken_connection_is_unavailable_and_the_others_as_old_are_let_go(lines: Lines) -> None:
    pids = set(await asyncio.gather(*(pid_of(lines, SLEEP_AND_PID) for _ in range(2))))
    for pid in pids:
        await end_idle(lines, pid)

    with pytest.raises(StoreUnavailable):
        await lines.run(PID, {})

    assert await lines.run(PID, {}) == 1


async def test_statement_that_is_not_answered_is_unavailable_and_the_next_one_has_another_connection(
    lines: Lines,
) -> None:
    pid = await pid_of(lines)
    os.kill(pid, signal.SIGSTOP)
    try:
        began = monotonic()
        with pytest.raises(StoreUnavailable):
            await lines.run(PID, {})

        assert PATIENCE * LIMIT_SECONDS <= monotonic() - began + 0.01 < AT_ONCE_SECONDS
        assert await pid_of(lines) != pid
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_statement_that_takes_too_long_is_ended_by_the_server_and_its_connection_kept(lines: Lines) -> None:
    pid = await pid_of(lines)

    with pytest.raises(StoreUnavailable):
        await lines.run("SELECT pg_sleep(5)", {})

    assert await pid_of(lines) == pid


async def test_statement_that_is_refused_is_a_defect_and_its_connection_kept(lines: Lines) -> None:
    pid = await pid_of(lines)

    with pytest.raises(DBAPIError):
        await lines.run("SELECT %(number)s::int / 0", {"number": 1})

    assert await pid_of(lines) == pid


@pytest.mark.parametrize(
    ("code", "only_reads", "is_kept"),
    [
        pytest.param("disk_full", True, True, id="full-disk"),
        pytest.param("read_only_sql_transaction", False, False, id="standby"),
    ],
)
async def test_server_that_stores_nothing_is_told_apart_from_a_standby(
    lines: Lines, code: str, *, only_reads: bool, is_kept: bool
) -> None:
    pid = await pid_of(lines)

    with pytest.raises(StoreUnavailable) as raised:
        await lines.run(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$", {})

    assert raised.value.only_reads == only_reads
    assert (await pid_of(lines) == pid) == is_kept


async def test_statement_whose_caller_has_gone_leaves_no_answer_to_the_next_one(lines: Lines) -> None:
    await pid_of(lines)
    asking = asyncio.create_task(lines.rows_of("SELECT 'of the one that has gone', pg_sleep(0.5)", {}))
    await asyncio.sleep(0.1)
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking

    assert await lines.rows_of("SELECT 7", {}) == [(7,)]


async def test_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(StoreUnavailable):
        await lines_to("postgresql+psycopg://nobody@127.0.0.1:1/none").run(PID, {})
