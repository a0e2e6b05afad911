"""What is told of a text that is no token."""

import pytest

from app.domain.token_advice import shape_advice
from tests.builders import JWS


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        pytest.param("", "There is nothing", id="nothing"),
        pytest.param("x" * 16_385, "It has 16385 characters", id="too-large"),
        pytest.param(f"Bearer {JWS}", "It begins with Bearer", id="bearer"),
        pytest.param('{"token": "x"}', "It is JSON", id="json"),
        pytest.param("{{TOKEN}}", "It is a template's placeholder", id="placeholder"),
        pytest.param(f"token={JWS}", "It begins with the parameter's name", id="parameter"),
        pytest.param(f"https://h.example/c/1?token={JWS}", "It is an address", id="address"),
        pytest.param(f"{JWS}\n", "It has white space", id="line-break"),
        pytest.param(JWS.replace(".", "%2E"), "It is percent-encoded", id="percent"),
        pytest.param(f"{JWS}==", "It has padding", id="padding"),
        pytest.param(f"abc=.{JWS}", "It has padding", id="padding-of-the-first-part"),
        pytest.param(f"{JWS}+/a", "It is in base64", id="base64"),
        pytest.param(f'"{JWS}"', "It stands in quotes", id="quotes"),
    ],
)
def test_shape_of_what_is_no_token_is_told_by_its_looks(text: str, begins: str) -> None:
    advice = shape_advice(text)

    assert advice is not None
    assert advice.startswith(begins)


def test_shape_that_shows_nothing_in_particular_has_no_advice() -> None:
    assert shape_advice("abc.def") is None
