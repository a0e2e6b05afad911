"""The screens of the refused: the campaign's own, else neutral ones, and in which language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.domain.campaign import Campaign, Screen
from app.domain.languages import choose_language, find_language, primary_of
from app.reasons import ParticipationReason


@dataclass(frozen=True, slots=True)
class ChosenScreen:
    """A screen, and the tag of the language that it is in."""

    screen: Screen
    language: str


DEFAULT_SCREENS: Final[Mapping[str, Mapping[ParticipationReason, Screen]]] = {
    "en": {
        ParticipationReason.NOT_ELIGIBLE: Screen(
            "You cannot take part", "This campaign is not open to you at the moment."
        ),
        ParticipationReason.LIMIT_REACHED: Screen(
            "You have already taken part", "You have used all your participations."
        ),
        ParticipationReason.TOKEN_REJECTED: Screen(
            "We could not recognise you", "Please open the campaign again from where you found it."
        ),
    },
    "fr": {
        ParticipationReason.NOT_ELIGIBLE: Screen(
            "Vous ne pouvez pas participer", "Cette campagne ne vous est pas ouverte pour le moment."
        ),
        ParticipationReason.LIMIT_REACHED: Screen(
            "Vous avez déjà participé", "Vous avez utilisé toutes vos participations."
        ),
        ParticipationReason.TOKEN_REJECTED: Screen(
            "Nous n'avons pas pu vous reconnaître",
            "Merci d'ouvrir à nouveau la campagne là où vous l'avez trouvée.",
        ),
    },
    "de": {
        ParticipationReason.NOT_ELIGIBLE: Screen(
            "Sie können nicht teilnehmen", "Diese Kampagne steht Ihnen zurzeit nicht offen."
        ),
        ParticipationReason.LIMIT_REACHED: Screen(
            "Sie haben bereits teilgenommen", "Sie haben alle Ihre Teilnahmen genutzt."
        ),
        ParticipationReason.TOKEN_REJECTED: Screen(
            "Wir konnten Sie nicht erkennen",
            "Bitte öffnen Sie die Kampagne noch einmal dort, wo Sie sie gefunden haben.",
        ),
    },
}
"""Neutral words for campaigns that bring none of their own, in the languages of the pages' own words."""
_ELSEWHERE: Final = "en"
"""What is spoken where the campaign's language is none of these."""


def screen_for(campaign: Campaign, reason: ParticipationReason, preferred: Sequence[str]) -> ChosenScreen:
    """Return the campaign's screen for `reason` in the first `preferred` language that has one, else in its own.

    Where it has none there is a neutral one, in the first `preferred` language that the campaign speaks.
    """
    own = [language for language, screens in campaign.screens.items() if reason in screens]
    found = find_language((*preferred, *campaign.languages), own)
    if found is not None:
        return ChosenScreen(campaign.screens[found][reason], found)
    spoken = primary_of(choose_language(preferred, campaign.languages))
    language = spoken if spoken in DEFAULT_SCREENS else _ELSEWHERE
    return ChosenScreen(DEFAULT_SCREENS[language][reason], language)
