"""Migrated databases: made once, copied for each test."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.adapters.database.engine import Database, open_database
from app.adapters.database.fetch_queue import SqlFetchQueue
from app.adapters.database.migrate import migrate
from tests.adapters.stores import Stores, memory_stores, sql_stores
from tests.servers.postgres import Postgres


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> str:
    url = postgres.create_database()
    _migrate(url)
    return url


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    shutil.copy(sqlite_template, tmp_path / "test.db")
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def migrated_postgres_url(postgres: Postgres, postgres_template: str) -> Iterator[str]:
    url = postgres.create_database(postgres_template)
    yield url
    postgres.drop_database(url)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a migrated database, of each kind in turn."""
    name = {"sqlite": "sqlite_url", "postgres": "migrated_postgres_url"}[request.param]
    return str(request.getfixturevalue(name))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url, "test")
    yield opened
    opened.dispose()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    """Return all stores of one kind, of each kind in turn."""
    if request.param == "memory":
        yield memory_stores()
        return
    name = {"sqlite": "sqlite_url", "postgres": "migrated_postgres_url"}[request.param]
    opened = open_database(request.getfixturevalue(name), "test")
    yield sql_stores(opened)
    opened.dispose()


@pytest.fixture
def another(stores: Stores) -> Iterator[Callable[[], Stores]]:
    """Return a maker of stores as another process has them: connections of its own, the same rows."""
    opened: list[Database] = []

    def make() -> Stores:
        if not isinstance(stores.fetches, SqlFetchQueue):
            return stores
        url = stores.fetches.database.writing.url.render_as_string(hide_password=False)
        opened.append(open_database(url, "other"))
        return sql_stores(opened[-1])

    yield make
    for database in opened:
        database.dispose()


def _migrate(url: str) -> None:
    database = open_database(url, "test")
    migrate(database)
    database.dispose()
