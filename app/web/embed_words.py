"""What the minisite script says on a partner's own page, in every language that the pages have."""

from app.domain.campaign import DEFAULT_SCREENS
from app.web.prefill_words import PREFILL_WORDS
from app.web.wording import WORDS


def minisite_words() -> dict[str, dict[str, object]]:
    """Return the texts by language, under the names that the script knows them by; some hold `{partner}`."""
    refused = {
        reason.value: {"title": screen.title, "message": screen.message} for reason, screen in DEFAULT_SCREENS.items()
    }
    return {
        language: {
            **PREFILL_WORDS[language].for_script(),
            "busy": words.busy_message,
            "back": words.back,
            "reference": words.reference,
            "refused": refused,
        }
        for language, words in WORDS.items()
    }
