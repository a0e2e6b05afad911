"""What the minisite script says on a partner's own page, in every language that the pages have."""

from collections.abc import Mapping
from typing import Final

from app.web.prefill_words import PREFILL_WORDS
from app.web.wording import WORDS

_UNRECOGNISED: Final[Mapping[str, str]] = {
    "en": "We could not recognise you",
    "fr": "Nous n'avons pas pu vous reconnaître",
    "de": "Wir konnten Sie nicht erkennen",
}
"""Said where an answer holds no screen of the campaign, as those of an earlier version."""


def minisite_words() -> dict[str, dict[str, object]]:
    """Return the texts by language, under the names that the script knows them by; some hold `{partner}`."""
    return {
        language: {
            **PREFILL_WORDS[language].for_script(),
            "busy": words.busy_message,
            "back": words.back,
            "reference": words.reference,
            "unrecognised": {"title": _UNRECOGNISED[language], "message": words.wrong_message},
        }
        for language, words in WORDS.items()
    }
