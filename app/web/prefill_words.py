"""What is said about a prefill, by language: on our page, in the frame and on a partner's own page alike."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

DEFAULT_LANGUAGE: Final = "en"


@dataclass(frozen=True, slots=True)
class PrefillWords:
    """The texts of one language; `filled`, `partial` and `late` hold `{partner}`."""

    loading: str
    slow: str
    filled: str
    partial: str
    late: str
    fill: str
    clear: str
    cleared: str
    not_you: str
    unavailable: str
    expired: str
    closed: str

    def by_partner(self, name: str) -> "PrefillWords":
        """Return the texts with the partner's name in them."""
        return PrefillWords(**{key: text.replace("{partner}", name) for key, text in asdict(self).items()})

    def for_script(self) -> dict[str, str]:
        """Return the texts by the names that `static/prefill.js` knows them by."""
        return {"notYou" if key == "not_you" else key: text for key, text in asdict(self).items()}


PREFILL_WORDS: Final[Mapping[str, PrefillWords]] = {
    "en": PrefillWords(
        loading="Looking up your details…",
        slow="Still looking up your details. You can start without them.",
        filled="Filled in from {partner}",
        partial="Filled in from {partner}. Please add what is missing.",
        late="Your details from {partner} are here.",
        fill="Fill them in",
        clear="Clear",
        cleared="Cleared. You can fill this in yourself.",
        not_you="Not you?",
        unavailable="We could not fill this in for you. You can still take part.",
        expired="This page was open for a long time. Please open it again from where you found it.",
        closed="This campaign is over. Thank you for your interest.",
    ),
    "fr": PrefillWords(
        loading="Nous cherchons vos informations…",
        slow="Nous cherchons encore vos informations. Vous pouvez commencer sans elles.",
        filled="Rempli à partir de {partner}",
        partial="Rempli à partir de {partner}. Complétez ce qui manque.",
        late="Vos informations de {partner} sont là.",
        fill="Les utiliser",
        clear="Effacer",
        cleared="C'est effacé. Vous pouvez remplir vous-même.",
        not_you="Ce n'est pas vous ?",
        unavailable="Nous n'avons pas pu remplir ceci pour vous. Vous pouvez tout de même participer.",
        expired="Cette page est restée ouverte longtemps. Rouvrez-la là où vous l'avez trouvée.",
        closed="Cette campagne est terminée. Merci de votre intérêt.",
    ),
    "de": PrefillWords(
        loading="Wir suchen Ihre Angaben…",
        slow="Wir suchen Ihre Angaben noch. Sie können schon ohne sie beginnen.",
        filled="Ausgefüllt mit Daten von {partner}",
        partial="Ausgefüllt mit Daten von {partner}. Bitte ergänzen Sie, was fehlt.",
        late="Ihre Angaben von {partner} sind da.",
        fill="Einfügen",
        clear="Leeren",
        cleared="Geleert. Sie können das selbst ausfüllen.",
        not_you="Nicht Sie?",
        unavailable="Wir konnten das nicht für Sie ausfüllen. Sie können trotzdem teilnehmen.",
        expired="Diese Seite war lange offen. Bitte öffnen Sie sie noch einmal dort, wo Sie sie gefunden haben.",
        closed="Diese Kampagne ist vorbei. Vielen Dank für Ihr Interesse.",
    ),
}


def prefill_words(language: str, partner: str) -> PrefillWords:
    """Return the texts in `language`, or in English, with the partner's name in them."""
    words = PREFILL_WORDS.get(language.partition("-")[0].lower(), PREFILL_WORDS[DEFAULT_LANGUAGE])
    return words.by_partner(partner)
