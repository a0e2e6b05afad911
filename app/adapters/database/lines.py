"""Statements on an event loop: connections of the asynchronous driver, for who cannot spare a thread. PostgreSQL only.

Each statement is its own transaction. Nobody waits for a connection here: who finds none is told so and asks by a
thread, while one more is made in the background. So is who was refused by the server, and who read over a connection
that turned out to be broken: nothing was done for either. What else fails is raised as by SQLAlchemy's connections.
"""

import asyncio
import select
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import psycopg
from psycopg import waiting
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGconn
from sqlalchemy.exc import DBAPIError
from structlog import get_logger

from app.adapters.database.faults import faults_as_ours, is_of_a_standby
from app.adapters.database.unanswered import shut_down
from app.errors import StoreUnavailable
from app.logs import fault_fields
from app.loop_ports import NotOnLoop

MOST_LINES: Final = 4
"""A commit, two looks and a mark at a time."""
PATIENCE: Final = 1.1
"""How many times the server's limit for a statement it may take; then the server is frozen."""
AGAIN_SECONDS: Final = 1.0
LONGEST_AGAIN_SECONDS: Final = 30.0
"""Between two attempts to make a connection: twice as long after each that failed."""
_log = get_logger()


class Line(psycopg.AsyncConnection[tuple[Any, ...]]):
    """A connection that ends with a statement whose caller has gone.

    The driver would ask the server to cancel it, and wait for 5 s where that does not answer. It has one cursor for
    each statement: made once, it knows how to spell and read its types.
    """

    def __init__(self, pgconn: PGconn) -> None:
        super().__init__(pgconn)
        self._cursors: dict[str, psycopg.AsyncCursor[tuple[Any, ...]]] = {}

    def cursor_for(self, statement: str) -> "psycopg.AsyncCursor[tuple[Any, ...]]":
        """Return the cursor of a statement, whose rows come in binary; what it fetched before is gone."""
        if statement not in self._cursors:
            self._cursors[statement] = self.cursor(binary=True)
        return self._cursors[statement]

    async def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ASYNC109
        """Wait for a statement, as the driver does, whose signature this is."""
        try:
            return await waiting.wait_async(gen, self.pgconn.socket, interval=interval, timeout=timeout)
        except asyncio.CancelledError:
            self.pgconn.finish()
            raise


@dataclass(slots=True)
class Lines:
    """Connections of one loop, made as `options` say; the server gives a statement `limit_seconds`."""

    options: Mapping[str, Any]
    limit_seconds: float
    _idle: list[Line] = field(default_factory=list)
    _made: int = 0
    _making: asyncio.Task[None] | None = None
    _make_again_at: float = 0.0
    _pause: float = AGAIN_SECONDS
    _is_closed: bool = False

    async def run(self, statement: str, parameters: Mapping[str, object]) -> int:
        """Run a statement and return how many rows it changed; raise StoreUnavailable where that is not known."""
        return (await self._ask(statement, parameters, only_reads=False)).rowcount

    async def rows_of(self, statement: str, parameters: Mapping[str, object]) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a query, in binary."""
        return await (await self._ask(statement, parameters, only_reads=True)).fetchall()

    @asynccontextmanager
    async def own_line(self) -> AsyncIterator[Line]:
        """Give a connection that nobody else uses, and close it afterwards; what fails is raised as ours."""
        try:
            line = await self._make()
            try:
                yield line
            finally:
                await line.close()
        except psycopg.Error as error:
            raise StoreUnavailable("the database does not speak on a connection of its own") from error

    async def in_time(
        self, line: Line, statement: str, parameters: Mapping[str, object] | None = None
    ) -> "psycopg.AsyncCursor[tuple[Any, ...]]":
        """Run a statement; where it takes too long the connection is shut down, and the statement fails of that."""
        timer = asyncio.get_running_loop().call_later(PATIENCE * self.limit_seconds, shut_down, line)
        try:
            return await line.cursor_for(statement).execute(statement, parameters)
        finally:
            timer.cancel()

    async def close(self) -> None:
        """Close what is idle, and what is in use once it is not."""
        self._is_closed = True
        if self._making is not None:
            self._making.cancel()
        await self._let_go()

    async def _ask(
        self, statement: str, parameters: Mapping[str, object], *, only_reads: bool
    ) -> "psycopg.AsyncCursor[tuple[Any, ...]]":
        line = await self._take()
        now = asyncio.get_running_loop().time
        late_from = now() + PATIENCE * self.limit_seconds
        is_of_primary = True
        try:
            return await self.in_time(line, statement, parameters)
        except psycopg.Error as error:
            if line.closed and only_reads and now() < late_from:
                raise NotOnLoop from error
            is_of_primary = not is_of_a_standby(error)
            _raise_as_ours(error, statement, is_broken=line.closed)
        finally:
            await self._give_back(line, is_trusted=is_of_primary and now() < late_from)

    async def _take(self) -> Line:
        while self._idle:
            line = self._idle.pop()
            if not _has_spoken(line):
                return line
            await self._drop(line)
        if self._making is None and self._made < MOST_LINES and not self._is_closed:
            loop = asyncio.get_running_loop()
            if loop.time() >= self._make_again_at:
                self._making = loop.create_task(self._make_one(), context=Context())  # it belongs to no request
        raise NotOnLoop

    async def _give_back(self, line: Line, *, is_trusted: bool) -> None:
        is_free = not line.closed and line.pgconn.transaction_status == TransactionStatus.IDLE
        if is_free and is_trusted and not self._is_closed:
            self._idle.append(line)
            return
        await self._drop(line)
        await self._let_go()  # they are as old, and most likely as broken

    async def _let_go(self) -> None:
        while self._idle:
            await self._drop(self._idle.pop())

    async def _drop(self, line: Line) -> None:
        self._made -= 1
        await line.close()

    async def _make_one(self) -> None:
        try:
            line = await self._make()
        except Exception as error:  # noqa: BLE001 - told; threads ask meanwhile, whatever it is
            _log.warning("line.not_made", **fault_fields(error))
            self._make_again_at = asyncio.get_running_loop().time() + self._pause
            self._pause = min(2 * self._pause, LONGEST_AGAIN_SECONDS)
        else:
            self._made += 1
            self._idle.append(line)
            self._pause = AGAIN_SECONDS
        finally:
            self._making = None

    async def _make(self) -> Line:
        return await Line.connect(autocommit=True, **self.options)


def _has_spoken(line: Line) -> bool:
    """Tell whether the server has said something, unasked: its goodbye."""
    waiting_bytes = select.poll()
    waiting_bytes.register(line.pgconn.socket, select.POLLIN)
    return bool(waiting_bytes.poll(0))


def _raise_as_ours(error: psycopg.Error, statement: str, *, is_broken: bool) -> NoReturn:
    """Raise what a thread would raise of it; NotOnLoop where the server refused the statement, and so did nothing."""
    try:
        with faults_as_ours():
            raise DBAPIError.instance(
                statement, None, error, psycopg.Error, hide_parameters=True, connection_invalidated=is_broken
            ) from error
    except DBAPIError as refused:
        raise NotOnLoop from refused
