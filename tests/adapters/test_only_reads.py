"""A database that answers and stores nothing: told apart from one that is away, since it can be read."""

import psycopg
import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from app.adapters.database.engine import Database, open_database
from app.errors import StoreUnavailable


def _refusal(database: Database, *statements: str) -> StoreUnavailable:
    def write(connection: Connection) -> None:
        for statement in statements:
            connection.exec_driver_sql(statement)

    with pytest.raises(StoreUnavailable) as raised:
        database.write(write)
    return raised.value


def _is_read(database: Database) -> bool:
    return database.read(lambda connection: connection.exec_driver_sql("SELECT count(*) FROM sessions").scalar()) == 0


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(
            ("PRAGMA max_page_count = 1", "CREATE TABLE more (x)", "INSERT INTO more VALUES (zeroblob(1000000))"),
            id="full",
        ),
        pytest.param(("PRAGMA query_only = 1", "DELETE FROM sessions"), id="read-only"),
    ],
)
def test_sqlite_that_stores_nothing_only_reads(sqlite_url: str, statements: tuple[str, ...]) -> None:
    database = open_database(sqlite_url, "test")

    refusal = _refusal(database, *statements)

    assert refusal.only_reads
    assert _is_read(database)
    database.dispose()


def test_postgres_whose_disk_is_full_only_reads(migrated_postgres_url: str) -> None:
    database = open_database(migrated_postgres_url, "test")

    refusal = _refusal(database, "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END $$")

    assert refusal.only_reads
    assert _is_read(database)
    database.dispose()


def test_postgres_that_ends_for_its_full_disk_is_away(migrated_postgres_url: str) -> None:
    database = open_database(migrated_postgres_url, "test")

    def write(_: Connection) -> None:
        full = psycopg.errors.DiskFull("could not write to the log")
        raise DBAPIError.instance("INSERT", None, full, psycopg.Error, connection_invalidated=True)

    with pytest.raises(StoreUnavailable) as raised:
        database.write(write)

    assert not raised.value.only_reads
    database.dispose()


def test_standby_is_given_up_as_one_that_is_away(migrated_postgres_url: str) -> None:
    database = open_database(migrated_postgres_url, "test")

    refusal = _refusal(database, "SET TRANSACTION READ ONLY", "DELETE FROM sessions")

    assert not refusal.only_reads
    database.dispose()
