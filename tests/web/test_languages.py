import pytest
from aiohttp.test_utils import make_mocked_request

from app.web.languages import MAX_LANGUAGES, preferred_languages
from app.web.wording import WORDS, Text, text_in, words_in


@pytest.mark.parametrize(
    ("header", "languages"),
    [
        pytest.param("fr-CH, fr;q=0.9, en;q=0.8, *;q=0.5", ("fr-CH", "fr", "en"), id="as-browsers-send-it"),
        pytest.param("en;q=0.2 , de ; q=0.7", ("de", "en"), id="by-weight"),
        pytest.param("en,fr", ("en", "fr"), id="equals-in-their-order"),
        pytest.param("en;q=0, fr", ("fr",), id="unwanted"),
        pytest.param("en;q=much, <script>, fr", ("fr",), id="malformed"),
        pytest.param("", (), id="empty"),
        pytest.param("x" * 10_000, (), id="too-long"),
    ],
)
def test_preferred_languages_are_those_of_the_header_in_order(header: str, languages: tuple[str, ...]) -> None:
    request = make_mocked_request("GET", "/", headers={"Accept-Language": header})

    assert preferred_languages(request) == languages


def test_preferred_languages_are_at_most_ten() -> None:
    header = ",".join(f"a{letter}" for letter in "abcdefghijklmnop")
    request = make_mocked_request("GET", "/", headers={"Accept-Language": header})

    assert len(preferred_languages(request)) == MAX_LANGUAGES == 10


def test_words_in_a_language_that_there_is_not_are_english() -> None:
    assert words_in("ja") is WORDS["en"]
    assert words_in("fr-CH") is WORDS["fr"]


def test_text_in_a_language_that_there_is_not_is_the_first_there_is() -> None:
    assert text_in({"fr": "Nom", "de": "Name"}, "en") == Text("Nom", "fr")
    assert text_in({"fr": "Nom", "de": "Name"}, "de-AT") == Text("Name", "de")
    assert text_in({"fr": "Nom", "pt-BR": "Nome"}, "pt") == Text("Nome", "pt-BR")
