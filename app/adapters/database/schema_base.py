"""What all tables share: the names of constraints, and how Python's types are stored."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index, LargeBinary, MetaData, Text, text
from sqlalchemy.orm import DeclarativeBase

from app.adapters.database.types import JSON_DOCUMENT, UtcDateTime

Document = dict[str, Any]


class Base(DeclarativeBase):
    """The root of the models; rows never leave `app.adapters.database`."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        str: Text(),
        bytes: LargeBinary(),
        Document: JSON_DOCUMENT,
        list[Any]: JSON_DOCUMENT,
    }


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Return an index that holds only the rows of the condition `where`, on both databases."""
    return Index(name, *columns, unique=unique, postgresql_where=text(where), sqlite_where=text(where))
