"""Brings a database to the schema of this version, one process at a time."""

import alembic.command
from alembic.config import Config
from sqlalchemy import Connection

from app.adapters.database.engine import Database
from app.adapters.database.revision import MIGRATIONS, is_enough, newest_revision, revision_of
from app.adapters.database.unanswered import take_all_the_time

_LOCK = 0x7665_7374_6962_756C
"""The advisory lock that a migration holds on PostgreSQL: `vestibul` in ASCII."""


def migrate(database: Database) -> str:
    """Bring the schema to this version, or leave it as a later one made it, and return its revision.

    Of two that run at once, one finds nothing to do.
    """
    return database.write(_migrate)


def _migrate(connection: Connection) -> str:
    if connection.dialect.name == "postgresql":
        take_all_the_time(connection)
        # Both databases change their schema inside transactions; SQLite's begins by taking the write lock.
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%(lock)s)", {"lock": _LOCK})
    revision = revision_of(connection)
    if revision is not None and is_enough(revision):
        return revision
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, "head")
    return newest_revision()
