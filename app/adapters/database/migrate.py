"""Brings a database to the schema of this version, one process at a time.

The migrations are found beside the package `migrations`, installed or not; there is no alembic.ini.
"""

from functools import cache
from pathlib import Path

import alembic.command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

import migrations
from app.adapters.database.engine import Database

_LOCK = 0x7665_7374_6962_756C
"""The advisory lock that a migration holds on PostgreSQL: `vestibul` in ASCII."""


def migrate(database: Database) -> str:
    """Bring the schema to this version, or leave it as a later one made it, and return its revision.

    Of two that run at once, one finds nothing to do.
    """
    return database.write(_migrate)


def current_revision(database: Database) -> str | None:
    """Return the revision that the database is at, or None if it was never migrated."""
    return database.read(_revision)


@cache
def newest_revision() -> str:
    """Return the revision that this version of the program needs."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise LookupError("the migrations are not installed")
    return revision


def is_current(database: Database) -> bool:
    """Tell whether the database has what this version needs: migrations only add, so a later revision has it too."""
    return _is_enough(current_revision(database))


def _is_enough(revision: str | None) -> bool:
    return revision is not None and revision >= newest_revision()  # four digits each


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _migrate(connection: Connection) -> str:
    if connection.dialect.name == "postgresql":
        # Both databases change their schema inside transactions; SQLite's begins by taking the write lock.
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%(lock)s)", {"lock": _LOCK})
    revision = _revision(connection)
    if revision is not None and _is_enough(revision):
        return revision
    config = _config()
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, "head")
    return newest_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    return config
