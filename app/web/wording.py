"""The pages' own words, by language: everything that is neither the campaign's nor the partner's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

DEFAULT_LANGUAGE: Final = "en"


@dataclass(frozen=True, slots=True)
class Words:
    """What the pages say in one language; of a prefill `prefill_words` speaks."""

    look_again: str
    optional: str
    submit: str
    back: str
    reference: str
    thanks_title: str
    thanks_message: str
    unknown_title: str
    unknown_message: str
    busy_title: str
    busy_message: str
    wrong_title: str
    wrong_message: str


WORDS: Final[Mapping[str, Words]] = {
    "en": Words(
        look_again="Look again for my details",
        optional="(optional)",
        submit="Take part",
        back="Go back",
        reference="Reference",
        thanks_title="Thank you",
        thanks_message="You have taken part. This is the end of the demo campaign: what you entered was not stored.",
        unknown_title="There is no such page",
        unknown_message="Please check the address, or open the campaign again from where you found it.",
        busy_title="One moment, please",
        busy_message="Very many people are here right now. Please try again in a few seconds.",
        wrong_title="Something went wrong",
        wrong_message="Please open the campaign again from where you found it.",
    ),
    "fr": Words(
        look_again="Chercher à nouveau mes informations",
        optional="(facultatif)",
        submit="Participer",
        back="Retour",
        reference="Référence",
        thanks_title="Merci",
        thanks_message="Vous avez participé. La démonstration finit ici : votre saisie n'a pas été enregistrée.",
        unknown_title="Cette page n'existe pas",
        unknown_message="Vérifiez l'adresse, ou ouvrez à nouveau la campagne là où vous l'avez trouvée.",
        busy_title="Un instant, s'il vous plaît",
        busy_message="Vous êtes très nombreux en ce moment. Réessayez dans quelques secondes.",
        wrong_title="Un problème est survenu",
        wrong_message="Merci d'ouvrir à nouveau la campagne là où vous l'avez trouvée.",
    ),
    "de": Words(
        look_again="Noch einmal nach meinen Angaben suchen",
        optional="(freiwillig)",
        submit="Teilnehmen",
        back="Zurück",
        reference="Referenz",
        thanks_title="Vielen Dank",
        thanks_message="Sie haben teilgenommen. Hier endet die Demo-Kampagne: Ihre Eingaben wurden nicht gespeichert.",
        unknown_title="Diese Seite gibt es nicht",
        unknown_message="Bitte prüfen Sie die Adresse, oder öffnen Sie die Kampagne dort, wo Sie sie gefunden haben.",
        busy_title="Einen Moment, bitte",
        busy_message="Gerade sind sehr viele Menschen hier. Bitte versuchen Sie es in einigen Sekunden noch einmal.",
        wrong_title="Etwas ist schiefgegangen",
        wrong_message="Bitte öffnen Sie die Kampagne noch einmal dort, wo Sie sie gefunden haben.",
    ),
}


def choose_language(preferred: Sequence[str], offered: Sequence[str]) -> str:
    """Return the first of `preferred` that is `offered`, by its whole tag or its first part, else the first offered."""
    for wanted in preferred:
        for part in (wanted, wanted.partition("-")[0]):
            for language in offered:
                if language.lower() == part.lower() or language.lower().partition("-")[0] == part.lower():
                    return language
    return offered[0]


def words_in(language: str) -> Words:
    """Return the words in `language`, or in English."""
    return WORDS.get(language.partition("-")[0].lower(), WORDS[DEFAULT_LANGUAGE])


def text_in(texts: Mapping[str, str], language: str) -> str:
    """Return the text in `language`, else in its base language, else the first there is."""
    for tag in (language, language.partition("-")[0]):
        if tag in texts:
            return texts[tag]
    return next(iter(texts.values()), "")
