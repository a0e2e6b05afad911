import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError

from app.adapters.database.directly import rows_of
from app.adapters.database.engine import Database, open_database
from app.errors import SchemaOutdated, StoreUnavailable
from tests.servers.process import free_port


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[Database]:
    database = open_database(postgres_url, "test", pool_size=2, pool_timeout_seconds=0.05)
    yield database
    database.dispose()


def one(connection: Connection) -> int:
    return int(connection.execute(text("SELECT 1")).scalar_one())


def one_directly(connection: Connection) -> int:
    return int(rows_of(connection, "SELECT %(number)s::int", {"number": 1})[0][0])


ways = pytest.mark.parametrize(
    "ask", [pytest.param(one, id="by-sqlalchemy"), pytest.param(one_directly, id="directly")]
)


def test_database_is_reached(database: Database) -> None:
    assert (database.read(one), database.write(one), database.write_one(one)) == (1, 1, 1)


def test_write_that_fails_leaves_nothing(database: Database) -> None:
    def insert_twice(connection: Connection) -> None:
        for _ in range(2):
            connection.execute(text("INSERT INTO leases (name, held_until) VALUES ('a', NULL)"))

    with pytest.raises(IntegrityError):
        database.write(insert_twice)

    assert database.read(lambda connection: connection.execute(text("SELECT name FROM leases")).all()) == []


def test_mistake_in_a_statement_is_no_outage(database: Database) -> None:
    with pytest.raises((ProgrammingError, OperationalError)):
        database.read(lambda connection: connection.execute(text("SELECT FROM FROM")))


@pytest.mark.parametrize("method", ["read", "write", "write_one"])
@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("SELECT * FROM nowhere", id="no-table"),
        pytest.param("INSERT INTO nowhere (name) VALUES ('a')", id="no-table-to-insert-into"),
        pytest.param("SELECT absent FROM leases", id="no-column"),
        pytest.param("INSERT INTO leases (absent) VALUES ('a')", id="no-column-to-insert-into"),
        pytest.param("UPDATE leases SET absent = 'a'", id="no-column-to-update"),
    ],
)
def test_table_or_column_that_is_missing_tells_of_the_migration(
    database: Database, method: str, statement: str
) -> None:
    with pytest.raises(SchemaOutdated, match="vestibule migrate") as raised:
        getattr(database, method)(lambda connection: connection.execute(text(statement)))

    assert isinstance(raised.value.__cause__, DBAPIError)


def test_table_that_is_missing_tells_of_the_migration_where_it_is_asked_for_directly(
    postgres_database: Database,
) -> None:
    with pytest.raises(SchemaOutdated):
        postgres_database.read(lambda connection: rows_of(connection, "SELECT * FROM nowhere", {}))


@pytest.mark.parametrize("method", ["read", "write", "write_one"])
def test_server_that_is_not_there_is_unavailable(method: str) -> None:
    database = open_database(f"postgresql+psycopg://vestibule@127.0.0.1:{free_port()}/none", "test")

    with pytest.raises(StoreUnavailable) as raised:
        getattr(database, method)(one)

    assert raised.value.__cause__ is not None
    database.dispose()


@ways
def test_read_on_broken_connections_is_tried_again(
    postgres_url: str, postgres_database: Database, ask: Callable[[Connection], int]
) -> None:
    _use_two_connections(postgres_database)
    _end_connections(postgres_url)

    assert postgres_database.read(ask) == 1


@ways
@pytest.mark.parametrize("method", ["write", "write_one"])
def test_write_on_a_broken_connection_fails_and_the_next_works(
    postgres_url: str, postgres_database: Database, method: str, ask: Callable[[Connection], int]
) -> None:
    _use_two_connections(postgres_database)
    _end_connections(postgres_url)

    with pytest.raises(StoreUnavailable):
        getattr(postgres_database, method)(ask)

    assert getattr(postgres_database, method)(ask) == 1


def test_server_that_only_reads_is_unavailable(postgres_url: str, postgres_database: Database) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))

    with pytest.raises(StoreUnavailable):
        postgres_database.read(one)


@pytest.mark.parametrize("method", ["write", "write_one"])
@pytest.mark.parametrize("is_direct", [False, True])
def test_connections_that_only_read_are_given_up_with_the_first_write(
    migrated_postgres_url: str, method: str, *, is_direct: bool
) -> None:
    database = open_database(migrated_postgres_url, "test", pool_size=2)
    insert = "INSERT INTO leases (name, held_until) VALUES ('a', now()) RETURNING name"

    def write(connection: Connection) -> str:
        rows = rows_of(connection, insert, {}) if is_direct else connection.exec_driver_sql(insert).all()
        return str(rows[0][0])

    with database.reading.connect() as one_of_two, database.reading.connect() as other:
        for connection in (one_of_two, other):
            connection.exec_driver_sql("SET default_transaction_read_only = on")

    with pytest.raises(StoreUnavailable):
        getattr(database, method)(write)

    assert getattr(database, method)(write) == "a"
    database.dispose()


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        pytest.param("INSERT INTO leases (name, held_until) VALUES ('a', NULL)", IntegrityError, id="null"),
        pytest.param("SELECT FROM FROM", ProgrammingError, id="syntax"),
    ],
)
def test_statement_that_fails_directly_is_raised_as_by_sqlalchemy_and_leaves_nothing(
    migrated_postgres_url: str, statement: str, error: type[DBAPIError]
) -> None:
    database = open_database(migrated_postgres_url, "test", pool_size=1)

    def insert_and_fail(connection: Connection) -> None:
        rows = "INSERT INTO leases (name, held_until) VALUES (%(name)s, now()) RETURNING name"
        assert rows_of(connection, rows, {"name": "first"}) == [("first",)]
        rows_of(connection, statement, {})

    with pytest.raises(error) as raised:
        database.write(insert_and_fail)

    assert not raised.value.connection_invalidated
    assert database.write(one_directly) == 1
    assert database.read(lambda connection: rows_of(connection, "SELECT name FROM leases", {})) == []
    database.dispose()


@pytest.mark.parametrize(
    "sleep",
    [
        pytest.param(lambda connection: connection.execute(text("SELECT pg_sleep(5)")), id="by-sqlalchemy"),
        pytest.param(lambda connection: rows_of(connection, "SELECT pg_sleep(5)", {}), id="directly"),
    ],
)
def test_statement_that_takes_too_long_is_unavailable(postgres_url: str, sleep: Callable[[Connection], object]) -> None:
    database = open_database(postgres_url, "test", statement_timeout_seconds=0.05)

    with pytest.raises(StoreUnavailable):
        database.read(sleep)

    database.dispose()


def test_lock_that_is_not_had_in_time_is_unavailable(migrated_postgres_url: str) -> None:
    database = open_database(migrated_postgres_url, "test", lock_timeout_seconds=0.05)

    def wait_for_a_lock(connection: Connection) -> None:
        connection.execute(text("LOCK TABLE leases"))
        database.write(lambda other: other.execute(text("LOCK TABLE leases")))

    with pytest.raises(StoreUnavailable):
        database.write(wait_for_a_lock)

    database.dispose()


def test_process_frozen_inside_a_transaction_loses_its_locks_and_hears_of_it(migrated_postgres_url: str) -> None:
    frozen = open_database(migrated_postgres_url, "frozen", idle_timeout_seconds=0.05)
    other = open_database(migrated_postgres_url, "other", lock_timeout_seconds=5)

    def freeze(connection: Connection) -> None:
        connection.execute(text("LOCK TABLE leases"))
        other.write(lambda another: another.execute(text("LOCK TABLE leases")))
        connection.execute(text("SELECT 1"))

    with pytest.raises(StoreUnavailable):
        frozen.write(freeze)

    assert frozen.write(one) == 1
    frozen.dispose()
    other.dispose()


def test_pool_that_is_exhausted_is_unavailable(postgres_database: Database) -> None:
    def need_another(connection: Connection, depth: int) -> None:
        one(connection)
        postgres_database.read(lambda another: need_another(another, depth - 1))

    with pytest.raises(StoreUnavailable):
        postgres_database.read(lambda connection: need_another(connection, 2))


def test_connections_say_who_they_are_and_speak_utc(postgres_database: Database) -> None:
    def settings(connection: Connection) -> tuple[str, str]:
        return (
            str(connection.execute(text("SHOW application_name")).scalar_one()),
            str(connection.execute(text("SHOW timezone")).scalar_one()),
        )

    assert postgres_database.read(settings) == ("vestibule-test", "UTC")


def test_sqlite_is_opened_for_durability_and_many_processes(sqlite_url: str) -> None:
    database = open_database(sqlite_url, "test")
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")

    def pragmas(connection: Connection) -> tuple[object, ...]:
        return tuple(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names)

    assert database.read(pragmas) == ("wal", 2, 1, 10_000)
    assert database.write(pragmas) == ("wal", 2, 1, 10_000)
    database.dispose()


def test_sqlite_write_lock_that_is_not_had_in_time_is_unavailable(sqlite_url: str) -> None:
    first, second = (open_database(sqlite_url, "test", lock_timeout_seconds=0.05) for _ in range(2))

    with pytest.raises(StoreUnavailable):
        first.write(lambda _: second.write(one))

    assert second.write(one) == 1
    first.dispose()
    second.dispose()


def test_sqlite_file_that_another_is_just_making_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    soon = threading.Timer(0.3, other.execute, ("COMMIT",))
    soon.start()

    database = open_database(f"sqlite:///{file}", "test", lock_timeout_seconds=10)

    assert database.write(one) == 1
    soon.join()
    database.dispose()
    other.close()


def test_sqlite_file_that_another_makes_for_too_long_is_unavailable(tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    database = open_database(f"sqlite:///{file}", "test", lock_timeout_seconds=0.1)

    with pytest.raises(StoreUnavailable):
        database.write(one)

    database.dispose()
    other.close()


def test_sqlite_file_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'missing' / 'a.db'}", "test")

    with pytest.raises(StoreUnavailable):
        database.read(one)


def _use_two_connections(database: Database) -> None:
    assert database.read(lambda connection: one(connection) + database.read(one)) == 2


def _end_connections(url: str) -> None:
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    killer = open_database(url, "killer")
    killer.read(lambda connection: connection.execute(text(f"{others} AND pid <> pg_backend_pid()")).all())
    killer.dispose()
