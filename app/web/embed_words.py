"""What the minisite script says on a partner's own page, in every language that the pages have."""

from app.domain.screens import DEFAULT_SCREENS
from app.reasons import ParticipationReason
from app.web.prefill_words import PREFILL_WORDS
from app.web.wording import WORDS


def minisite_words() -> dict[str, dict[str, object]]:
    """Return the texts by language, under the names that the script knows them by; some hold `{partner}`.

    `unrecognised` is said where an answer holds no screen of the campaign, as those of an earlier version.
    """
    return {
        language: {
            **PREFILL_WORDS[language].for_script(),
            "busy": words.busy_message,
            "sending": words.sending,
            "back": words.back,
            "reference": words.reference,
            "unrecognised": _unrecognised(language),
        }
        for language, words in WORDS.items()
    }


def _unrecognised(language: str) -> dict[str, object]:
    screen = DEFAULT_SCREENS[language][ParticipationReason.TOKEN_REJECTED]
    return {"title": screen.title, "message": screen.message}
