"""PostgreSQL that takes a statement and never answers: whoever waits is told, and goes on with another connection."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import pytest
from sqlalchemy import Connection, text

from app.adapters.database.engine import PATIENCE, Database, open_database
from app.adapters.database.unanswered import take_all_the_time
from app.errors import StoreUnavailable

LIMIT_SECONDS = 1.0
"""The server's limit is half of it: a busy machine may take its time for a statement."""
AT_ONCE_SECONDS = 5.0
"""For a machine that is busy; a wait without an end takes longer."""


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    database = open_database(postgres_url, "test", pool_size=1, statement_timeout_seconds=LIMIT_SECONDS / PATIENCE)
    yield database
    database.dispose()


def backend_of(connection: Connection) -> int:
    return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


@contextmanager
def frozen(database: Database) -> Iterator[int]:
    """Freeze the server's end of the one connection in the pool."""
    pid = database.read(backend_of)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGCONT)


def test_write_that_is_not_answered_is_unavailable_and_the_next_one_has_another_connection(database: Database) -> None:
    with frozen(database) as pid:
        began = monotonic()
        with pytest.raises(StoreUnavailable):
            database.write_one(backend_of)

        assert LIMIT_SECONDS <= monotonic() - began < AT_ONCE_SECONDS
        assert database.write_one(backend_of) != pid


def test_read_that_is_not_answered_is_tried_again_on_another_connection(database: Database) -> None:
    with frozen(database) as pid:
        assert database.read(backend_of) != pid


def test_database_that_is_let_go_of_ends_the_waits(postgres_url: str) -> None:
    database = open_database(postgres_url, "test", pool_size=1, statement_timeout_seconds=60)
    failures: list[Exception] = []

    def write() -> None:
        try:
            database.write(backend_of)
        except StoreUnavailable as error:
            failures.append(error)

    with frozen(database):
        waiting = threading.Thread(target=write)
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()

        database.dispose()
        waiting.join(AT_ONCE_SECONDS)

    assert len(failures) == 1


def test_connections_that_are_used_in_time_are_left_alone(database: Database) -> None:
    ends_at = monotonic() + 2 * LIMIT_SECONDS
    backends = set()
    while monotonic() < ends_at:
        backends.add(database.read(backend_of))

    assert len(backends) == 1


def test_work_that_may_take_all_the_time_is_not_ended(database: Database) -> None:
    def migrate(connection: Connection) -> int:
        take_all_the_time(connection)
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": 2 * LIMIT_SECONDS})
        return backend_of(connection)

    assert database.write(migrate) > 0
