"""Whether a column holds one of many texts."""

from sqlalchemy import ARRAY, ColumnElement, Text, any_, bindparam
from sqlalchemy.orm import InstrumentedAttribute


def is_one_of(column: InstrumentedAttribute[str], name: str, *, as_array: bool) -> ColumnElement[bool]:
    """Return the condition that `column` is in the list that is bound as `name`.

    As an array, which PostgreSQL has, one statement serves lists of any length; else each length is a statement of its
    own, to be spelled out and planned anew.
    """
    if as_array:
        return column == any_(bindparam(name, type_=ARRAY(Text)))
    return column.in_(bindparam(name, expanding=True))
