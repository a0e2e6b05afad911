"""Strict JSON at its edges; what tokens and bodies make of it is tested with them."""

import math

import pytest

from app.domain.strict_json import NotStrictJson, parse, parse_object


def test_number_of_any_length_is_json() -> None:
    digits = "9" * 5000

    assert parse_object(f'{{"a": {digits}, "b": -{digits}, "c": 1}}') == {"a": math.inf, "b": -math.inf, "c": 1}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{{"a": {0}, "a": 1}}', id="name-twice"),
        pytest.param('{{"a": {0}, "b": NaN}}', id="nan"),
        pytest.param('{{"a": {0}', id="unfinished"),
        pytest.param('{{"a": 0{0}}}', id="leading-zero"),
    ],
)
def test_text_with_a_long_number_is_read_as_strictly(text: str) -> None:
    with pytest.raises(NotStrictJson):
        parse(text.format("9" * 5000))
