import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from app.adapters.database.engine import Database, open_database
from app.adapters.database.migrate import migrate
from app.adapters.database.revision import MIGRATIONS, current_revision, is_current, newest_revision
from app.adapters.database.schema import Base
from tests.architecture.sources import ROOT


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'empty.db'}"


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    database = open_database(empty_url, "test")
    yield database
    database.dispose()


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, Base.metadata))


def conditions_of_indexes(connection: Connection) -> dict[str, str]:
    """Return the conditions of the partial indexes, which compare_metadata does not look at, by name."""
    catalog = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index'",
        "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    }[connection.dialect.name]
    rows = connection.exec_driver_sql(catalog).all()
    return {name: re.sub(r"[()]|::text", "", sql.partition(" WHERE ")[2]) for name, sql in rows if sql}


def test_migrations_make_the_schema_of_the_models(empty: Database) -> None:
    migrate(empty)

    assert empty.read(differences) == []


def test_migrations_make_the_partial_indexes_of_the_models(empty: Database, tmp_path: Path) -> None:
    migrate(empty)
    made_at_once = open_database(f"sqlite:///{tmp_path / 'models.db'}", "test")
    made_at_once.write(Base.metadata.create_all)

    migrated = {name: where for name, where in empty.read(conditions_of_indexes).items() if where}
    expected = {name: where for name, where in made_at_once.read(conditions_of_indexes).items() if where}

    made_at_once.dispose()
    assert migrated.keys() == expected.keys()
    simple = {"ix_sessions_due", "ix_sessions_parked", "ix_sessions_suspects", "ix_sessions_done", "ix_sessions_dead"}
    assert {name: migrated[name] for name in simple} == {name: expected[name] for name in simple}


def test_statistics_of_sessions_are_taken_from_few_rows(postgres_url: str) -> None:
    database = open_database(postgres_url, "test")
    migrate(database)
    query = "SELECT DISTINCT attstattarget FROM pg_attribute WHERE attrelid = 'sessions'::regclass AND attnum > 0"

    targets = database.read(lambda connection: connection.exec_driver_sql(query).scalars().all())

    database.dispose()
    assert targets == [10], "a column that was added later has a target of its own, or all rows are looked at for it"


def test_migrate_tells_the_revision_and_may_be_repeated(empty: Database) -> None:
    before = (current_revision(empty), is_current(empty))

    revisions = [migrate(empty), migrate(empty)]

    assert before == (None, False)
    assert revisions == [newest_revision()] * 2
    assert (current_revision(empty), is_current(empty)) == (newest_revision(), True)


def test_database_that_a_later_version_has_migrated_serves_this_one_and_is_left_alone(empty: Database) -> None:
    migrate(empty)
    empty.write(lambda connection: connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'"))

    revision = migrate(empty)

    assert (revision, current_revision(empty), is_current(empty)) == ("9999", "9999", True)


def test_database_that_lacks_a_migration_does_not_serve_this_version(empty: Database) -> None:
    migrate(empty)

    empty.write(lambda connection: connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'"))

    assert not is_current(empty)


def test_migrations_are_numbered_by_four_digits_so_that_revisions_compare_as_text() -> None:
    files = [path.stem for path in (ROOT / "migrations" / "versions").glob("*.py")]

    assert [name for name in files if not re.fullmatch(r"[0-9]{4}_\w+", name)] == []
    assert newest_revision() == ScriptDirectory(MIGRATIONS).get_current_head()


def test_migrate_of_two_at_once_does_no_harm(empty_url: str) -> None:
    databases = [open_database(empty_url, f"release-{n}") for n in range(2)]

    with ThreadPoolExecutor(2) as threads:
        revisions = list(threads.map(migrate, databases))

    assert revisions == [newest_revision()] * 2
    assert databases[0].read(lambda connection: inspect(connection).has_table("sessions"))
    for database in databases:
        database.dispose()


def test_migrations_are_found_from_another_folder(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    program = (
        f"import sys; sys.path.insert(0, {str(root)!r})\nfrom app.adapters.database.revision import newest_revision\n"
    )

    finished = subprocess.run(
        [sys.executable, "-c", f"{program}print(newest_revision())"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert finished.stdout.strip() == newest_revision()
