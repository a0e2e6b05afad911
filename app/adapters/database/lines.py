"""Statements on an event loop: connections of the asynchronous driver, for who cannot spare a thread. PostgreSQL only.

Each statement is its own transaction. What fails is raised as by SQLAlchemy, and counts as it does there: reads are
tried again once where the connection turns out to be broken, writes never are, since the first may have been applied.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from sqlalchemy.exc import DBAPIError

from app.adapters.database.faults import faults_as_ours, is_of_a_standby
from app.adapters.database.unanswered import shut_down

MOST_LINES: Final = 4
"""A commit, two looks and a mark at a time; who comes then waits."""
PATIENCE: Final = 1.1
"""How many times the server's limit for a statement it may take; then the server is frozen."""

Line = psycopg.AsyncConnection[tuple[Any, ...]]
_Cursor = psycopg.AsyncCursor[tuple[Any, ...]]


@dataclass(slots=True)
class Lines:
    """Connections of one loop, made when needed as `options` say; the server gives a statement `limit_seconds`."""

    options: Mapping[str, Any]
    limit_seconds: float
    _idle: list[Line] = field(default_factory=list)
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_LINES))

    async def run(self, statement: str, parameters: Mapping[str, object]) -> int:
        """Run a statement and return how many rows it changed."""
        with faults_as_ours():
            return (await self._execute(statement, parameters)).rowcount

    async def rows_of(self, statement: str, parameters: Mapping[str, object]) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a query, in binary; it is asked twice if the first connection was broken."""
        with faults_as_ours():
            try:
                cursor = await self._execute(statement, parameters)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                cursor = await self._execute(statement, parameters)
            return await cursor.fetchall()

    @asynccontextmanager
    async def own_line(self) -> AsyncIterator[Line]:
        """Give a connection that nobody else uses, and close it afterwards; what fails is raised as ours."""
        with faults_as_ours():
            line = await self._open()
            try:
                yield line
            except psycopg.Error as error:
                raise _as_sqlalchemy(error, None, is_broken=line.closed) from error
            finally:
                await line.close()

    async def close(self) -> None:
        """Close what is idle; what is in use is closed by who uses it."""
        idle, self._idle = self._idle, []
        for line in idle:
            await line.close()

    async def _execute(self, statement: str, parameters: Mapping[str, object]) -> _Cursor:
        async with self._places:
            line = self._idle.pop() if self._idle else await self._open()
            is_sound = False
            try:
                cursor = await self._in_time(line, statement, parameters)
                is_sound = True
            except psycopg.Error as error:
                if is_of_a_standby(error):
                    await line.close()
                is_sound = not line.closed
                if not is_sound:
                    await self.close()  # they are as old, and most likely as broken
                raise _as_sqlalchemy(error, statement, is_broken=not is_sound) from error
            finally:
                if is_sound:
                    self._idle.append(line)
                else:
                    await line.close()
            return cursor

    async def _in_time(self, line: Line, statement: str, parameters: Mapping[str, object]) -> _Cursor:
        timer = asyncio.get_running_loop().call_later(PATIENCE * self.limit_seconds, shut_down, line)
        try:
            return await line.cursor(binary=True).execute(statement, parameters)
        finally:
            timer.cancel()

    async def _open(self) -> Line:
        try:
            async with asyncio.timeout(PATIENCE * self.limit_seconds):
                return await psycopg.AsyncConnection.connect(autocommit=True, **self.options)
        except TimeoutError as error:
            raise _as_sqlalchemy(psycopg.OperationalError("no connection in time"), None, is_broken=True) from error
        except psycopg.Error as error:
            raise _as_sqlalchemy(error, None, is_broken=True) from error


def _as_sqlalchemy(error: psycopg.Error, statement: str | None, *, is_broken: bool) -> DBAPIError:
    made = DBAPIError.instance(
        statement, None, error, psycopg.Error, hide_parameters=True, connection_invalidated=is_broken
    )
    assert isinstance(made, DBAPIError)  # noqa: S101 - what the driver raises is nothing else
    return made
