"""Which of the languages that there are serves one who reads others (RFC 4647 section 3.4, and its other way round)."""

from collections.abc import Sequence


def find_language(preferred: Sequence[str], offered: Sequence[str]) -> str | None:
    """Return the first of `preferred` that is `offered`, by its whole tag or its first part; None if none is.

    Of several that begin alike it is the very one, else the one without a region, else the first.
    """
    for wanted in preferred:
        alike = [language for language in offered if primary_of(language) == primary_of(wanted)]
        for tag in (wanted.lower(), primary_of(wanted)):
            for language in alike:
                if language.lower() == tag:
                    return language
        if alike:
            return alike[0]
    return None


def choose_language(preferred: Sequence[str], offered: Sequence[str]) -> str:
    """Return the first of `preferred` that is `offered`, likewise, else the first offered."""
    return find_language(preferred, offered) or offered[0]


def primary_of(language: str) -> str:
    """Return the language that a tag begins with, without its region or script (RFC 5646 section 2.2.1)."""
    return language.partition("-")[0].lower()
