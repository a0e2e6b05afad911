"""Arrays that we spell are read by a real server as the values they are made of."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from app.adapters.database.array_columns import array_of, arrays_of
from app.adapters.database.directly import rows_of
from app.adapters.database.engine import open_database
from tests.servers.postgres import Postgres

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=300)
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - bounds have no zone
VALUES: dict[str, st.SearchStrategy[object]] = {
    "text": TEXT,
    "bytea": st.binary(max_size=300),
    "boolean": st.booleans(),
    "smallint": st.integers(-(2**15), 2**15 - 1),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "timestamptz": MOMENTS,
}
SIDE_BY_SIDE = """SELECT * FROM unnest(
    %(id)b::text[], %(shared)b::text[], %(some)b::integer[], %(nothing)b::bytea[], %(empty)b::text[])"""


@pytest.fixture(scope="module")
def connection(postgres: Postgres) -> Iterator[Connection]:
    url = postgres.create_database()
    database = open_database(url, "test")
    with database.reading.connect() as connection:
        yield connection
    database.dispose()
    postgres.drop_database(url)


@st.composite
def columns(draw: st.DrawFn) -> tuple[str, list[object]]:
    """Draw a type, and values of which some are NULL, or all the same."""
    type_ = draw(st.sampled_from(sorted(VALUES)))
    value = VALUES[type_]
    several = st.lists(st.none() | value, min_size=1, max_size=20)
    same = st.builds(lambda one, many: [one] * many, value, st.integers(1, 20))
    return type_, draw(several | same)


@given(columns())
def test_server_reads_the_values_of_an_array(connection: Connection, column: tuple[str, list[object]]) -> None:
    type_, values = column

    ((read,),) = rows_of(connection, f"SELECT %(values)b::{type_}[]", {"values": array_of(type_, values)})

    assert read == (None if values == [None] * len(values) else values)


@pytest.mark.parametrize("many", [1, 2, 300])
def test_columns_side_by_side_are_the_rows_they_came_from(connection: Connection, many: int) -> None:
    types = {"id": "text", "shared": "text", "some": "integer", "nothing": "bytea", "empty": "text"}
    rows = [(f"id-{number}", "all the same", number if number % 2 else None, None, "") for number in range(many)]

    read = rows_of(connection, SIDE_BY_SIDE, arrays_of(types, rows))

    assert read == rows


def test_arrays_of_different_types_are_sent_over_one_connection_by_turns(connection: Connection) -> None:
    numbers, texts = array_of("smallint", [1, 2]), array_of("text", ["1", "2"])

    read = [
        rows_of(connection, "SELECT pg_typeof(%(values)b)::text", {"values": array}) for array in (numbers, texts) * 2
    ]

    assert read == [[("smallint[]",)], [("text[]",)]] * 2


def test_no_values_are_no_array() -> None:
    assert array_of("text", []) is None
