"""The columns of many rows as PostgreSQL's arrays in binary; a value that a whole column shares is spelled once.

The driver has a call for each value of each array: 3.5 µs for a new session of 15 columns, of which most are those of
its neighbours, where this takes one. Knows the types that batches have, and how the server reads them (`array_recv`).
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import psycopg
from psycopg.abc import DumperKey
from psycopg.adapt import Dumper, PyFormat
from psycopg.pq import Format

from app.values import light_value

_Spell = Callable[[Any], bytes]
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_BIGINT: Final = struct.Struct("!q").pack
_LENGTH: Final = struct.Struct("!i").pack
_HEAD: Final = struct.Struct("!iiIii").pack
"""Dimensions, whether there are NULLs, the type of the values, how many there are, and the number of the first."""
_NULL: Final = _LENGTH(-1)


def _spell_moment(moment: datetime) -> bytes:
    return _BIGINT((moment - _EPOCH) // _MICROSECOND)


_SPELL: Final[Mapping[str, _Spell]] = {
    "text": str.encode,
    "bytea": bytes,
    "boolean": struct.Struct("!?").pack,
    "smallint": struct.Struct("!h").pack,
    "integer": struct.Struct("!i").pack,
    "bigint": _BIGINT,
    "timestamptz": _spell_moment,
}
_CODES: Final = {name: psycopg.adapters.types[name] for name in _SPELL}


@light_value
class EncodedArray:
    """An array as the server takes it, of the type with that number (`pg_type.oid`)."""

    oid: int
    spelled: bytes = field(repr=False)


def arrays_of(columns: Mapping[str, str], rows: Sequence[Sequence[object]]) -> dict[str, EncodedArray | None]:
    """Return the arrays of at least one row by column, whose type is given; see `array_of`."""
    values = zip(*rows, strict=True)
    return {name: array_of(type_, column) for (name, type_), column in zip(columns.items(), values, strict=True)}


def array_of(type_: str, values: Sequence[object]) -> EncodedArray | None:
    """Return `values` as an array of that type; where none is anything, as NULL, which `unnest` fills up with NULLs."""
    many, nulls = len(values), values.count(None)
    if nulls == many:
        return None
    spell, codes = _SPELL[type_], _CODES[type_]
    head = _HEAD(1, nulls > 0, codes.oid, many, 1)
    if values.count(values[0]) == many:
        value = spell(values[0])
        return EncodedArray(codes.array_oid, head + (_LENGTH(len(value)) + value) * many)
    parts = [head]
    for one in values:
        if one is None:
            parts.append(_NULL)
        else:
            value = spell(one)
            parts += (_LENGTH(len(value)), value)
    return EncodedArray(codes.array_oid, b"".join(parts))


class _AsSpelled(Dumper):
    """Hands an array on as it is; one for each type, as the driver asks for them by their keys."""

    format = Format.BINARY

    def get_key(self, obj: EncodedArray, _: PyFormat) -> DumperKey:
        return cast("DumperKey", (self.cls, obj.oid))

    def upgrade(self, obj: EncodedArray, _: PyFormat) -> "_AsSpelled":
        dumper = type(self)(self.cls)
        dumper.oid = obj.oid
        return dumper

    def dump(self, obj: EncodedArray) -> bytes:
        return obj.spelled


psycopg.adapters.register_dumper(EncodedArray, _AsSpelled)  # for each engine that is made from now on
