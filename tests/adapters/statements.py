"""Which statements a database is sent: by SQLAlchemy, or past it by the driver."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import psycopg
from sqlalchemy import event

from app.adapters.database.engine import Database


@contextmanager
def counted_statements(database: Database) -> Iterator[list[str]]:
    """Collect the statements that are sent meanwhile: on SQLite those that read."""
    statements: list[str] = []
    if not database.is_sqlite:
        execute = psycopg.Cursor.execute

        def send(cursor: Any, query: Any, *arguments: Any, **options: Any) -> Any:
            statements.append(str(query))
            return execute(cursor, query, *arguments, **options)

        with patch.object(psycopg.Cursor, "execute", send):
            yield statements
        return

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    event.listen(database.reading, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(database.reading, "before_cursor_execute", note)
