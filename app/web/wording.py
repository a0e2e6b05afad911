"""The pages' own words, by language: everything that is neither the campaign's nor the partner's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.domain.languages import choose_language, primary_of

DEFAULT_LANGUAGE: Final = "en"


@dataclass(frozen=True, slots=True)
class Words:
    """What the pages say in one language; of a prefill `prefill_words` speaks."""

    welcome: str
    start: str
    game_title: str
    game_hint: str
    scratch: str
    reveal: str
    prize_title: str
    prize: str
    go_on: str
    form_title: str
    look_again: str
    optional: str
    submit: str
    back: str
    again: str
    reference: str
    thanks_title: str
    thanks_message: str
    closed_title: str
    closed_message: str
    elsewhere_title: str
    elsewhere_message: str
    sending: str
    busy_title: str
    busy_message: str
    expired_title: str
    wrong_title: str
    wrong_message: str


WORDS: Final[Mapping[str, Words]] = {
    "en": Words(
        welcome="Scratch your card, tell us where to reach you, and you are in. It takes a minute.",
        start="Start",
        game_title="Scratch your card",
        game_hint="Rub the foil away with a finger or the mouse.",
        scratch="Scratch here",
        reveal="Or show it at once",
        prize_title="You are in!",
        prize="Your ticket for the draw",
        go_on="Go on",
        form_title="Where can we reach you?",
        look_again="Look again for my details",
        optional="(optional)",
        submit="Take part",
        back="Go back",
        again="Try again",
        reference="Reference",
        thanks_title="Thank you!",
        thanks_message="You have taken part. Good luck!",
        closed_title="This campaign is not open",
        closed_message="It may be over. Please check the address, or look where you found it.",
        elsewhere_title="You went on elsewhere",
        elsewhere_message="This campaign was opened again in another tab. Please go on there, or open it once more.",
        sending="Sending …",
        busy_title="One moment, please",
        busy_message="Very many people are here right now. Please try again in a few seconds.",
        expired_title="It has been a while",
        wrong_title="Something went wrong",
        wrong_message="Please open the campaign again from where you found it.",
    ),
    "fr": Words(
        welcome="Grattez votre carte, dites-nous où vous joindre, et c'est joué. Une minute suffit.",
        start="Commencer",
        game_title="Grattez votre carte",
        game_hint="Frottez la pellicule du doigt ou à la souris.",
        scratch="Grattez ici",
        reveal="Ou l'afficher tout de suite",
        prize_title="Vous y êtes !",
        prize="Votre billet pour le tirage au sort",
        go_on="Continuer",
        form_title="Où pouvons-nous vous joindre ?",
        look_again="Chercher à nouveau mes informations",
        optional="(facultatif)",
        submit="Participer",
        back="Retour",
        again="Réessayer",
        reference="Référence",
        thanks_title="Merci !",
        thanks_message="Votre participation est enregistrée. Bonne chance !",
        closed_title="Cette campagne n'est pas ouverte",
        closed_message="Elle est peut-être terminée. Vérifiez l'adresse, ou retournez là où vous l'avez trouvée.",
        elsewhere_title="Vous avez continué ailleurs",
        elsewhere_message="La campagne a été rouverte dans un autre onglet. Continuez là-bas, ou ouvrez-la à nouveau.",
        sending="Envoi en cours …",
        busy_title="Un instant, s'il vous plaît",
        busy_message="Vous êtes très nombreux en ce moment. Réessayez dans quelques secondes.",
        expired_title="Cela fait un moment",
        wrong_title="Un problème est survenu",
        wrong_message="Merci d'ouvrir à nouveau la campagne là où vous l'avez trouvée.",
    ),
    "de": Words(
        welcome="Karte freirubbeln, sagen, wo wir Sie erreichen, und Sie sind dabei. Es dauert eine Minute.",
        start="Los geht's",
        game_title="Rubbeln Sie Ihre Karte frei",
        game_hint="Reiben Sie die Folie mit dem Finger oder der Maus weg.",
        scratch="Hier rubbeln",
        reveal="Oder gleich zeigen",
        prize_title="Sie sind dabei!",
        prize="Ihr Los für die Verlosung",
        go_on="Weiter",
        form_title="Wo erreichen wir Sie?",
        look_again="Noch einmal nach meinen Angaben suchen",
        optional="(freiwillig)",
        submit="Teilnehmen",
        back="Zurück",
        again="Noch einmal versuchen",
        reference="Referenz",
        thanks_title="Vielen Dank!",
        thanks_message="Sie haben teilgenommen. Viel Glück!",
        closed_title="Diese Kampagne ist nicht geöffnet",
        closed_message="Vielleicht ist sie vorbei. Prüfen Sie die Adresse, oder sehen Sie nach, wo Sie sie fanden.",
        elsewhere_title="Sie haben anderswo weitergemacht",
        elsewhere_message="Die Kampagne wurde in einem anderen Tab geöffnet. Bitte machen Sie dort weiter.",
        sending="Wird gesendet …",
        busy_title="Einen Moment, bitte",
        busy_message="Gerade sind sehr viele Menschen hier. Bitte versuchen Sie es in einigen Sekunden noch einmal.",
        expired_title="Es ist eine Weile her",
        wrong_title="Etwas ist schiefgegangen",
        wrong_message="Bitte öffnen Sie die Kampagne noch einmal dort, wo Sie sie gefunden haben.",
    ),
}


def language_of_words(language: str) -> str:
    """Return which of our languages speaks to one who reads `language`: its own, or English."""
    primary = primary_of(language)
    return primary if primary in WORDS else DEFAULT_LANGUAGE


def words_in(language: str) -> Words:
    """Return the words in `language`, or in English."""
    return WORDS[language_of_words(language)]


@dataclass(frozen=True, slots=True)
class Text:
    """A text, and the tag of the language that it is in."""

    text: str
    language: str


def text_in(texts: Mapping[str, str], language: str) -> Text:
    """Return the text in `language` or what is nearest to it, else the first there is."""
    spoken = choose_language((language,), tuple(texts))
    return Text(texts[spoken], spoken)
