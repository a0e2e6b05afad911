"""INSERT … ON CONFLICT in the dialect of the connection; both spell it alike."""

from typing import Any

from sqlalchemy import Connection, literal
from sqlalchemy.dialects import postgresql, sqlite

from app.adapters.database.schema_base import Base


def insert_into(connection: Connection, model: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT into the table of `model` that knows `on_conflict_do_…`."""
    is_postgres = connection.dialect.name == "postgresql"
    return postgresql.insert(model) if is_postgres else sqlite.insert(model)


def insert_if_absent(connection: Connection, model: type[Base], values: dict[str, Any]) -> bool:
    """Insert one row unless its key is taken; tell whether it was inserted."""
    insert = insert_into(connection, model).values(values).on_conflict_do_nothing().returning(literal(1))
    return connection.scalar(insert) is not None
