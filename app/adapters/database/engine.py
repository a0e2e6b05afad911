"""The database: connections that read, connections that write, and how long each may take.

Reads run in autocommit and are tried again once when the connection turns out to be broken (a restarted server);
writes never are, since the first may have been applied. Engines are made after a fork, by whoever composes a process.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from time import monotonic, sleep
from typing import TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import DBAPIError

from app.adapters.database.faults import faults_as_ours, is_of_a_standby
from app.adapters.database.lines import Lines
from app.adapters.database.reckoning import Reckoning
from app.adapters.database.unanswered import Unanswered

T = TypeVar("T")

CONNECT_TIMEOUT_SECONDS = 2
IDLE_TIMEOUT_SECONDS = 3
"""Nobody waits for anything but the database inside a transaction: who says nothing for so long is frozen."""
PATIENCE = 2
"""How many times the server's limit for a statement one use of a connection may take; then the server is frozen."""
_UNHEARD_SECONDS = 10
"""Either side gives up what the other does not take."""
_SWITCH_AGAIN_SECONDS = 0.01
_PRIMARY_CODE = 0xFF
"""Of SQLite's codes, whose higher bits only tell which kind of busy it is."""
_under_way: ContextVar[Connection | None] = ContextVar("under_way", default=None)
"""The transaction that this thread's statements join."""


@dataclass(frozen=True, slots=True)
class Database:
    """One database as one process reaches it."""

    reading: Engine
    writing: Engine
    reckoning: Reckoning = field(default_factory=Reckoning)
    unanswered: Unanswered | None = None
    lines: Lines | None = None
    """Its connections on an event loop; SQLite has none."""

    @property
    def is_sqlite(self) -> bool:
        """Tell whether this is the embedded database."""
        return self.writing.dialect.name == "sqlite"

    def read(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` reads, each statement by itself; it is called twice if the first connection was broken."""
        joined = self._joined()
        with faults_as_ours():
            if joined is not None:
                return self._in_time(joined, work)
            try:
                with self.reading.connect() as connection:
                    return self._in_time(connection, work)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
            with self.reading.connect() as connection:
                return self._in_time(connection, work)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make all that this thread does in the block one transaction.

        For a few short statements: PostgreSQL ends a transaction that idles, SQLite lets nobody else write meanwhile.
        """
        with faults_as_ours(), self.writing.begin() as connection:
            outside = _under_way.set(connection)
            try:
                yield
            finally:
                _under_way.reset(outside)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` does in one transaction."""
        with faults_as_ours(), self._transaction() as connection:
            return self._in_time(connection, work)

    def write_one(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` does with one statement, which is its own transaction: no round trips around it."""
        if self.is_sqlite or self._joined() is not None:
            return self.write(work)
        with faults_as_ours(), self.reading.connect() as connection:
            return self._in_time(connection, work)

    def now(self) -> datetime:
        """Return the time of day as PostgreSQL has it; raise StoreUnavailable where it must be asked and is away."""
        return self.reckoning.now() or self.read(lambda _: self.now())

    def dispose(self) -> None:
        """Close all connections; whoever still waits on one is told that it broke."""
        if self.unanswered is not None:
            self.unanswered.close()
        self.reading.dispose()
        self.writing.dispose()

    def _transaction(self) -> AbstractContextManager[Connection]:
        joined = self._joined()
        return self.writing.begin() if joined is None else _within(joined)

    def _joined(self) -> Connection | None:
        joined = _under_way.get()
        return joined if joined is not None and joined.engine is self.writing else None

    def _in_time(self, connection: Connection, work: Callable[[Connection], T]) -> T:
        if not self.is_sqlite:
            self.reckoning.keep_true(connection)
        return work(connection)


@contextmanager
def _within(joined: Connection) -> Iterator[Connection]:
    """Set a savepoint, so that what fails and is dealt with leaves the transaction usable."""
    with joined.begin_nested():
        yield joined


def open_database(
    url: str,
    role: str,
    pool_size: int = 4,
    pool_timeout_seconds: float = 3,
    statement_timeout_seconds: float = 10,
    lock_timeout_seconds: float = 10,
    idle_timeout_seconds: float = IDLE_TIMEOUT_SECONDS,
) -> Database:
    """Return the database at `url` (sqlite:/// or postgresql+psycopg://) for a process that does `role`.

    Connects at first use only. PostgreSQL knows the connections as `vestibule-{role}`; on SQLite the lock is the file's
    one write lock, and a statement has no time limit. PostgreSQL ends who idles inside a transaction: a process that is
    frozen there would keep its locks.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed, pool_size, lock_timeout_seconds)
    arguments = _postgres_arguments(
        role,
        statement_timeout=statement_timeout_seconds,
        lock_timeout=lock_timeout_seconds,
        idle_in_transaction_session_timeout=idle_timeout_seconds,
        tcp_user_timeout=_UNHEARD_SECONDS,
    )
    return _open_postgres(parsed, pool_size, pool_timeout_seconds, statement_timeout_seconds, arguments)


def _open_postgres(
    url: URL,
    pool_size: int,
    pool_timeout_seconds: float,
    statement_timeout_seconds: float,
    arguments: Mapping[str, object],
) -> Database:
    autocommit = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=pool_timeout_seconds,
        pool_use_lifo=True,
        hide_parameters=True,
        connect_args=arguments,
    )
    event.listen(autocommit, "handle_error", _leave_standby)
    return Database(
        reading=autocommit,
        writing=autocommit.execution_options(isolation_level="READ COMMITTED"),
        unanswered=Unanswered(autocommit, PATIENCE * statement_timeout_seconds),
        lines=Lines({**autocommit.dialect.create_connect_args(url)[1], **arguments}, statement_timeout_seconds),
    )


def _leave_standby(context: ExceptionContext) -> None:
    """Give up the pool's connections as if they had broken, so that the next ones find the primary."""
    if is_of_a_standby(context.original_exception):
        context.is_disconnect = True


def _postgres_arguments(role: str, **timeouts: float) -> dict[str, str | int]:
    """Return how to connect; the server keeps the `timeouts`, in seconds by its own names."""
    # Every statement of ours is short, and compiling one costs more than running it: 15 to 200 ms of a claim that looks
    # into 300,000 waiting rows, which takes 6.
    options = {"timezone": "UTC", "jit": "off", **{name: round(seconds * 1000) for name, seconds in timeouts.items()}}
    return {
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "target_session_attrs": "read-write",  # in a failover the URL may lead to a standby for a while
        "application_name": f"vestibule-{role}",
        "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
        "prepare_threshold": 1,
        # A server that vanished without a word is noticed in seconds instead of hours.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": round(_UNHEARD_SECONDS * 1000),
    }


def _open_sqlite(url: URL, pool_size: int, lock_timeout_seconds: float) -> Database:
    """Open SQLite: any number of readers beside the one writer that its file allows (WAL)."""
    engines = [
        create_engine(
            url,
            pool_size=size,
            max_overflow=0,
            pool_timeout=lock_timeout_seconds,
            hide_parameters=True,
            connect_args={"timeout": lock_timeout_seconds, "check_same_thread": False},
        )
        for size in (pool_size, 1)
    ]
    for engine in engines:
        event.listen(engine, "connect", partial(_prepare_sqlite, lock_timeout_seconds))
    reading, writing = engines
    event.listen(writing, "begin", _begin_immediate)
    return Database(reading, writing)


def _prepare_sqlite(lock_timeout_seconds: float, connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # the driver would begin transactions by rules of its own
    cursor = connection.cursor()
    _keep_log_ahead(cursor, lock_timeout_seconds)
    for pragma in ("synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _keep_log_ahead(cursor: sqlite3.Cursor, within_seconds: float) -> None:
    """Switch a new file to WAL; SQLite does not wait by itself where another process is just doing so."""
    gives_up_at = monotonic() + within_seconds
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & _PRIMARY_CODE == sqlite3.SQLITE_BUSY
            if not is_busy or monotonic() >= gives_up_at:
                raise
            sleep(_SWITCH_AGAIN_SECONDS)
        else:
            return


def _begin_immediate(connection: Connection) -> None:
    """Take the write lock at once: a reader that becomes a writer later fails where another wrote in between."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
