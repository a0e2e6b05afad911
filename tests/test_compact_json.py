"""JSON as it is written: compact, of any size of number, and of nothing that JSON cannot spell."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.compact_json import decode, encode

_halves = st.text(["\ud800", "\udbff", "\udc00", "\udfff", "a", "é", '"'], max_size=4).filter(
    lambda text: not re.search("[\ud800-\udbff][\udc00-\udfff]", text)  # which is a pair once it is written
)
_text = st.text(max_size=8) | st.text("0123456789", min_size=15, max_size=45) | _halves
_number = (
    st.integers()
    | st.integers(-(10**40), 10**40)
    | st.integers(2**63 - 2, 2**64 + 2)
    | st.integers(-(2**63) - 2, -(2**63) + 2)
    | st.floats(allow_nan=False, allow_infinity=False)
)
_values = st.recursive(
    st.none() | st.booleans() | _number | _text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4),
    max_leaves=12,
)


class Colour(StrEnum):
    RED = "red"


@dataclass
class Person:
    name: str


def test_encode_value_returns_utf8_without_spaces() -> None:
    encoded = encode({"a": ["é", None, True, 1.5], "b": {"c": Colour.RED}})

    assert encoded == '{"a":["é",null,true,1.5],"b":{"c":"red"}}'.encode()


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"n": 10**40}, id="integer-beyond-64-bits"),
        pytest.param({"n": -(2**63) - 1}, id="negative-beyond-64-bits"),
        pytest.param({"text": "\ud800"}, id="lone-surrogate"),
        pytest.param({Colour.RED: 1}, id="name-that-is-an-enum"),
    ],
)
def test_encode_value_that_the_fast_library_refuses_is_spelled_all_the_same(value: dict[str, object]) -> None:
    assert json.loads(encode(value)) == value


@pytest.mark.parametrize(
    "stray",
    [pytest.param(Person("Ada"), id="dataclass"), pytest.param(datetime(2027, 1, 1, tzinfo=UTC), id="moment")],
)
def test_encode_object_that_is_no_json_is_refused(stray: object) -> None:
    with pytest.raises(TypeError):
        encode({"stray": stray})


def test_encode_object_with_a_default_goes_through_it() -> None:
    assert encode({"who": Person("Ada")}, default=lambda _: "somebody") == b'{"who":"somebody"}'


@given(value=_values)
@example(value=[2**64, 1e16, "\ud800", "0" * 40])
@example(value={"n": -(2**63) - 1, "f": -0.0})
@example(value={"\udfff": 10**18, "1": 10**19 - 1})
@example(value=5e-324)
@example(value=1.7976931348623157e308)
def test_decode_returns_what_was_encoded(value: object) -> None:
    assert repr(decode(encode(value))) == repr(value)  # which tells 1 from 1.0, 0.0 from -0.0, and true from 1


@pytest.mark.parametrize("text", ["", "{", '{"a":1}x', "nul", '"\x00"'])
def test_decode_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(text.encode())
