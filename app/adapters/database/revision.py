"""Which revision of the schema a database is at, and which one this version of the program needs.

Knows where the migrations stand, and that they only add; refuses to import what runs them.
"""

from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, column, inspect, select, table

import migrations
from app.adapters.database.engine import Database

MIGRATIONS: Final = Path(migrations.__file__).parent
"""Installed or not, they are beside the package; there is no alembic.ini."""
_REVISIONS: Final = table("alembic_version", column("version_num"))


def current_revision(database: Database) -> str | None:
    """Return the revision that the database is at, or None if it was never migrated."""
    return database.read(revision_of)


@cache
def newest_revision() -> str:
    """Return the revision that this version of the program needs: four digits, with which its file begins."""
    return max(path.name for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))[:4]


def is_current(database: Database) -> bool:
    """Tell whether the database has what this version needs: migrations only add, so a later revision has it too."""
    return is_enough(current_revision(database))


def is_enough(revision: str | None) -> bool:
    """Tell whether a database at `revision` has what this version needs."""
    return revision is not None and revision >= newest_revision()  # four digits each


def revision_of(connection: Connection) -> str | None:
    """Return the revision of the database of `connection`, or None if it was never migrated."""
    is_migrated = inspect(connection).has_table(_REVISIONS.name)
    revision: str | None = connection.scalar(select(_REVISIONS.c.version_num)) if is_migrated else None
    return revision
