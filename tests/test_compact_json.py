"""JSON as it is written: compact, of any size of number, and of nothing that JSON cannot spell."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.compact_json import decode, decode_own_spelling, encode
from app.domain.strict_json import parse

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


@st.composite
def _spelled(draw: st.DrawFn) -> bytes:
    """Return a text as others may have written it: spaced, escaped, with a piece of it twice or gone."""
    indent, is_ascii = draw(st.sampled_from([None, 1])), draw(st.booleans())
    value = draw(_values)
    text = json.dumps(
        value, indent=indent, ensure_ascii=is_ascii, separators=None if draw(st.booleans()) else (",", ":")
    )
    first, last = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
    changed = draw(st.sampled_from([text, text[:last] + text[first:], text[:first] + text[last:]]))
    return changed.encode("utf-8", "surrogatepass")


@given(text=_spelled() | st.text('{}[]:,"01aeE.-+\\ud8 ', max_size=12).map(str.encode))
@example(text=b'{"a":1,"a":1}')
@example(text=b'{"a":1,"\\u0061":1}')
@example(text=b"1e400")
@example(text=b"-0")
@example(text=b"18446744073709551616")
@example(text=b"\xef\xbb\xbf{}")
@example(text=b'"\\ud800"')
@example(text=b"[1.0,1e16,1e+16,NaN]")
def test_decode_own_spelling_reads_what_strict_json_reads_or_nothing(text: bytes) -> None:
    value = decode_own_spelling(text)
    if value is not None:
        assert repr(parse(text)) == repr(value)


@pytest.mark.parametrize(
    "text", ['{"sub":"ada","exp":1795848477,"form":{"city":"Orléans"},"optin":{"news":true}}', "[]"]
)
def test_decode_own_spelling_reads_a_compact_text(text: str) -> None:
    assert decode_own_spelling(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b'{"sub":"a","sub":"b"}', id="name-twice"),
        pytest.param(b'{"sub": "a"}', id="space"),
        pytest.param(b'{"sub":"\\u00e9"}', id="escape"),
        pytest.param(b'{"sub":"\xff"}', id="not-utf-8"),
        pytest.param(b'"\\ud800"', id="half-of-a-surrogate-pair"),
        pytest.param(b"NaN", id="nan"),
        pytest.param(b"\xef\xbb\xbf1", id="byte-order-mark"),
        pytest.param(b'{"n":1E2}', id="number-spelled-otherwise"),
        pytest.param(b"[" * 1100 + b"]" * 1100, id="nested-too-deep-to-read"),
        pytest.param(b"[" * 300 + b"]" * 300, id="nested-too-deep-to-write"),
    ],
)
def test_decode_own_spelling_of_any_other_text_is_nothing(text: bytes) -> None:
    assert decode_own_spelling(text) is None
