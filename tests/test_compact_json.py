"""JSON as it is written: compact, of any size of number, and of nothing that JSON cannot spell."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import pytest

from app.compact_json import encode


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
