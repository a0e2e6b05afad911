"""Which way a language is written."""

from typing import Final, Literal

# fmt: off
_LANGUAGES: Final = frozenset({
    "aeb", "apc", "apd", "ar", "arc", "ars", "ary", "arz", "bal", "bgn", "bqi", "ckb", "dv", "fa", "glk", "he", "iw",
    "ji", "khw", "ks", "lrc", "luz", "mzn", "nqo", "pnb", "prs", "ps", "rhg", "sd", "sdh", "skr", "syr", "ug", "ur",
    "yi",
})
"""Written from right to left where their tag names no script, after CLDR."""
# fmt: on
_SCRIPTS: Final = frozenset({"adlm", "arab", "aran", "hebr", "mand", "nkoo", "rohg", "samr", "syrc", "thaa"})
_SCRIPT_CHARACTERS: Final = 4


def direction_of(language: str) -> Literal["ltr", "rtl"]:
    """Return the direction of a tag's script, else that of its language (RFC 5646 section 2.2)."""
    primary, *others = language.lower().split("-")
    is_leftward = primary in _LANGUAGES
    for part in others:
        if len(part) == 1:  # what follows is an extension's
            break
        if len(part) == _SCRIPT_CHARACTERS and part.isalpha():
            is_leftward = part in _SCRIPTS
            break
    return "rtl" if is_leftward else "ltr"
