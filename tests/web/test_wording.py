"""The pages' own words: every language says everything, and whatever names the partner does so in all of them."""

from dataclasses import asdict, fields

import pytest

from app.web.prefill_words import PREFILL_WORDS, PrefillWords, prefill_words
from app.web.wording import WORDS, words_in

OF_THE_PARTNER = {"filled", "partial", "late"}


@pytest.mark.parametrize("language", WORDS)
def test_words_of_each_language_say_everything_in_that_language(language: str) -> None:
    said = {**asdict(WORDS[language]), **asdict(PREFILL_WORDS[language])}

    assert [name for name, text in said.items() if not text.strip()] == []
    alike = {
        name for name, text in asdict(PREFILL_WORDS[language]).items() if text == asdict(PREFILL_WORDS["en"])[name]
    }
    assert alike == (set(asdict(PREFILL_WORDS["en"])) if language == "en" else set())


@pytest.mark.parametrize("language", PREFILL_WORDS)
def test_words_that_name_the_partner_do_so_in_each_language(language: str) -> None:
    assert {name for name, text in asdict(PREFILL_WORDS[language]).items() if "{partner}" in text} == OF_THE_PARTNER
    assert "ACME" in prefill_words(language, "ACME").filled


def test_words_for_the_script_are_all_there_under_its_names() -> None:
    told = prefill_words("fr-CH", "A{B}").for_script()

    assert len(told) == len(fields(PrefillWords))
    assert told["notYou"] == "Ce n'est pas vous ?"
    assert told["filled"] == "Rempli à partir de A{B}"


def test_words_of_a_language_that_we_do_not_speak_are_english() -> None:
    assert words_in("ja") is WORDS["en"]
    assert prefill_words("ja", "ACME").clear == "Clear"
