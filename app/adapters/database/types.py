"""Column types that mean the same on both databases.

Times are aware UTC to the microsecond: `timestamptz` on PostgreSQL, microseconds since 1970 as an integer on SQLite,
which has no type for times and would compare texts.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, Dialect, Integer
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeDecorator, TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

JSON_DOCUMENT = JSON(none_as_null=True)
"""Documents, as text: PostgreSQL's binary JSON refuses the NUL that a stranger's text may hold, and shuffles names."""

COUNTED_ID = BigInteger().with_variant(Integer(), "sqlite")
"""Ids that the database counts; SQLite does so for INTEGER alone."""


def to_micros(moment: datetime) -> int:
    """Return `moment` (aware) as microseconds since 1970."""
    return (moment - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the moment that `micros` names, aware UTC."""
    return EPOCH + timedelta(microseconds=micros)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, aware UTC on both sides; a naive one is refused."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the dialect's own."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> object:
        """Return what is stored; raise ValueError for a naive moment."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored moment must be aware")
        return value if dialect.name == "postgresql" else to_micros(value)

    def process_result_value(self, value: object, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy passes it
        """Return the moment as aware UTC."""
        match value:
            case int():
                return from_micros(value)
            case datetime():
                return value.astimezone(UTC)
            case _:
                return None
