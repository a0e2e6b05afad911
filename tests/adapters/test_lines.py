"""Statements on an event loop: kept connections, and what becomes of one that breaks, stands still or is refused."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from app.adapters.database import lines as module
from app.adapters.database.engine import open_database
from app.adapters.database.lines import MOST_LINES, PATIENCE, Lines
from app.errors import StoreUnavailable
from app.loop_ports import NotOnLoop

LIMIT_SECONDS = 1.0
AT_ONCE_SECONDS = 5.0
"""For a machine that is busy; a wait without an end takes longer."""
PID = "SELECT pg_backend_pid()"
SLEEP_AND_PID = "SELECT pg_backend_pid(), pg_sleep(0.3)"


def lines_to(url: str) -> Lines:
    lines = open_database(url, "test", statement_timeout_seconds=LIMIT_SECONDS).lines
    assert lines is not None
    return lines


@pytest_asyncio.fixture
async def lines(postgres_url: str) -> AsyncIterator[Lines]:
    lines = lines_to(postgres_url)
    yield lines
    await lines.close()


async def rows_of(lines: Lines, statement: str, parameters: Mapping[str, object] | None = None) -> Any:
    """Ask until there is a line for it."""
    async with asyncio.timeout(10):
        while True:
            with suppress(NotOnLoop):
                return await lines.rows_of(statement, parameters or {})
            await asyncio.sleep(0.01)


async def pid_of(lines: Lines, statement: str = PID) -> int:
    return int((await rows_of(lines, statement))[0][0])


async def end(lines: Lines, pid: int) -> None:
    """End the server's side of a connection, from another one."""
    async with lines.own_line() as other:
        await other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_embedded_database_has_no_lines(tmp_path: object) -> None:
    assert open_database(f"sqlite:///{tmp_path}/test.db", "test").lines is None


async def test_nobody_waits_for_a_connection_and_the_next_one_has_it(lines: Lines) -> None:
    with pytest.raises(NotOnLoop):
        await lines.run(PID, {})

    assert await pid_of(lines) == await pid_of(lines)


async def test_statements_at_once_have_a_connection_each_up_to_the_most(lines: Lines) -> None:
    pids = await asyncio.gather(*(pid_of(lines, SLEEP_AND_PID) for _ in range(2 * MOST_LINES)))

    assert len(set(pids)) == MOST_LINES


async def test_connection_to_which_the_server_has_said_goodbye_is_not_written_to(lines: Lines) -> None:
    pid = await pid_of(lines)
    await end(lines, pid)

    with pytest.raises(NotOnLoop):
        await lines.run(PID, {})

    assert await pid_of(lines) != pid


@pytest.mark.parametrize(
    ("only_reads", "raised"),
    [pytest.param(False, StoreUnavailable, id="write"), pytest.param(True, NotOnLoop, id="read")],
)
async def test_statement_whose_connection_breaks_is_asked_again_only_if_it_reads(
    lines: Lines, *, only_reads: bool, raised: type[Exception]
) -> None:
    pids = set(await asyncio.gather(*(pid_of(lines, SLEEP_AND_PID) for _ in range(2))))
    ask = lines.rows_of if only_reads else lines.run

    with pytest.raises(raised):
        await ask("SELECT pg_terminate_backend(pg_backend_pid())", {})

    assert await pid_of(lines) not in pids


async def test_statement_that_is_not_answered_is_unavailable_and_the_next_one_has_another_connection(
    lines: Lines,
) -> None:
    pid = await pid_of(lines)
    with frozen(pid):
        began = monotonic()
        with pytest.raises(StoreUnavailable):
            await lines.rows_of(PID, {})

        assert PATIENCE * LIMIT_SECONDS <= monotonic() - began + 0.01 < AT_ONCE_SECONDS
        assert await pid_of(lines) != pid


async def test_answer_that_came_while_the_process_stood_still_counts_and_its_connection_does_not(lines: Lines) -> None:
    pid = await pid_of(lines)
    asking = asyncio.create_task(lines.rows_of(PID, {}))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    _stand_still(PATIENCE * LIMIT_SECONDS + 0.1)

    with suppress(StoreUnavailable):
        assert await asking == [(pid,)]

    assert await pid_of(lines) != pid


async def test_statement_that_takes_too_long_is_ended_by_the_server_and_its_connection_kept(lines: Lines) -> None:
    pid = await pid_of(lines)

    with pytest.raises(StoreUnavailable):
        await lines.run("SELECT pg_sleep(5)", {})

    assert await pid_of(lines) == pid


async def test_statement_that_is_refused_did_nothing_and_its_connection_is_kept(lines: Lines) -> None:
    pid = await pid_of(lines)

    with pytest.raises(NotOnLoop):
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


async def test_statement_whose_caller_has_gone_ends_with_its_connection_though_the_server_is_frozen(
    lines: Lines,
) -> None:
    pid = await pid_of(lines)
    with frozen(pid):
        asking = asyncio.create_task(lines.rows_of(PID, {}))
        await asyncio.sleep(0.1)
        began = monotonic()
        asking.cancel()
        await asyncio.wait([asking])

        assert monotonic() - began < 1
        assert await rows_of(lines, "SELECT 7") == [(7,)]


async def test_lines_that_are_closed_make_no_more_and_let_go_of_what_is_in_use(lines: Lines) -> None:
    await pid_of(lines)
    asking = asyncio.create_task(lines.rows_of(SLEEP_AND_PID, {}))
    await asyncio.sleep(0.05)

    await lines.close()
    [(pid, _)] = await asking
    with pytest.raises(NotOnLoop):
        await lines.run(PID, {})

    async with lines.own_line() as other:
        alive = await other.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND state = 'active'", (pid,))
        assert await alive.fetchone() == (0,)


async def test_server_that_takes_no_connection_is_told_and_asked_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_AGAIN_SECONDS", 0.1)
    lines = lines_to("postgresql+psycopg://nobody@127.0.0.1:1/none")

    with capture_logs() as logs:
        for _ in range(150):
            with pytest.raises(NotOnLoop):
                await lines.run(PID, {})
            await asyncio.sleep(0.01)

    assert {(event["event"], event["log_level"]) for event in logs} == {("line.not_made", "warning")}
    assert 1 < len(logs) < 10
    with pytest.raises(StoreUnavailable):
        async with lines.own_line():
            pass


def _stand_still(seconds: float) -> None:
    """Hold the loop up, as a process that is frozen would be."""
    until = monotonic() + seconds
    while monotonic() < until:
        pass
