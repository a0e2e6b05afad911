"""Which language serves one who reads others: the most wanted first, then the nearest to it."""

import pytest

from app.domain.languages import choose_language, find_language


@pytest.mark.parametrize(
    ("preferred", "offered", "chosen"),
    [
        pytest.param(("fr-CH", "en"), ("en", "fr"), "fr", id="by-the-first-part"),
        pytest.param(("pt",), ("en", "pt-BR"), "pt-BR", id="a-variant-of-it"),
        pytest.param(("EN-gb",), ("de", "en-GB"), "en-GB", id="whatever-its-case"),
        pytest.param(("ja",), ("de", "en"), "de", id="none-of-them"),
        pytest.param((), ("de", "en"), "de", id="no-preference"),
        pytest.param(("pt-BR",), ("pt-PT", "pt", "pt-br"), "pt-br", id="the-very-one-of-several"),
        pytest.param(("pt-AO",), ("pt-BR", "pt"), "pt", id="the-one-without-a-region-of-several"),
    ],
)
def test_choose_language_takes_the_most_wanted_that_is_offered(
    preferred: tuple[str, ...], offered: tuple[str, ...], chosen: str
) -> None:
    assert choose_language(preferred, offered) == chosen


def test_find_language_finds_none_where_none_of_the_preferred_is_offered() -> None:
    assert find_language(("ja", "fr"), ("de", "en")) is None
