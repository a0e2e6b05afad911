"""Which screen one is shown who may not play, and in which language: a row is a rule."""

from collections.abc import Mapping

import pytest

from app.domain.campaign import Campaign, Screen
from app.domain.screens import DEFAULT_SCREENS, ChosenScreen, screen_for
from app.reasons import ParticipationReason

LIMIT_REACHED = ParticipationReason.LIMIT_REACHED


def _campaign(*languages: str, own: Mapping[str, str] | None = None) -> Campaign:
    screens = {language: {LIMIT_REACHED: Screen(title, "…")} for language, title in (own or {}).items()}
    return Campaign("945645", 1, "acme", "Spring", languages=languages, screens=screens)


@pytest.mark.parametrize(
    ("languages", "preferred", "language", "title"),
    [
        pytest.param(("en", "fr"), ("fr-CA", "en"), "fr", "Vous avez déjà participé", id="asked-language"),
        pytest.param(("en", "de-AT"), ("de",), "de", "Sie haben bereits teilgenommen", id="a-variant-of-it"),
        pytest.param(("fr", "en"), (), "fr", "Vous avez déjà participé", id="campaigns-first-language"),
        pytest.param(("en",), ("fr",), "en", "You have already taken part", id="not-one-of-the-campaigns"),
        pytest.param(("ar", "fr"), ("ar",), "en", "You have already taken part", id="none-of-ours"),
    ],
)
def test_default_screen_is_in_the_language_of_the_campaign_that_the_participant_reads(
    languages: tuple[str, ...], preferred: tuple[str, ...], language: str, title: str
) -> None:
    chosen = screen_for(_campaign(*languages), LIMIT_REACHED, preferred)

    assert (chosen.language, chosen.screen.title) == (language, title)


@pytest.mark.parametrize(
    ("own", "preferred", "language"),
    [
        pytest.param({"en": "Over", "fr": "Fini"}, ("fr-CA", "en"), "fr", id="asked-language"),
        pytest.param({"en": "Over", "pt-BR": "Fim"}, ("pt",), "pt-BR", id="a-variant-of-it"),
        pytest.param({"en-GB": "Over", "en": "Done"}, ("en",), "en", id="the-very-one"),
        pytest.param({"de": "Aus", "en": "Over"}, ("fr",), "en", id="campaigns-first-rather-than-ours"),
    ],
)
def test_own_screen_is_told_with_its_language(
    own: Mapping[str, str], preferred: tuple[str, ...], language: str
) -> None:
    chosen = screen_for(_campaign("en", "fr", own=own), LIMIT_REACHED, preferred)

    assert chosen == ChosenScreen(Screen(own[language], "…"), language)


def test_own_screens_in_no_language_of_the_participant_nor_of_the_campaign_are_not_shown() -> None:
    chosen = screen_for(_campaign("en", own={"de": "Aus"}), LIMIT_REACHED, ("fr",))

    assert chosen.screen == DEFAULT_SCREENS["en"][LIMIT_REACHED]


@pytest.mark.parametrize("reason", ParticipationReason)
def test_default_screens_say_every_reason_in_each_language_in_words_of_its_own(reason: ParticipationReason) -> None:
    said = [screens[reason] for screens in DEFAULT_SCREENS.values()]

    assert len({screen.title for screen in said}) == len({screen.message for screen in said}) == len(said) == 3
