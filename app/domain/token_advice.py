"""What commonly goes wrong with a token, recognised by its looks, so that an integrator need not guess."""

import re

from app.domain.shape import MAX_TOKEN_BYTES

_PARAMETER = re.compile(r"[A-Za-z_-]{1,32}=[^=.]")
"""A name and its value's first character; behind a part that is padded comes =, a dot or nothing."""
_PLACEHOLDERS = ("{{", "${", "<%", "[[", "%%")
_MILLISECONDS_FROM = 10**11
"""As seconds that is the year 5138, as milliseconds 1973."""


def shape_advice(text: str) -> str | None:
    """Tell what a text is that has not the shape of a token, where it can be told."""
    signs = (
        (not text, "There is nothing."),
        (len(text) > MAX_TOKEN_BYTES, f"It has {len(text)} characters."),
        (text[:7].lower() == "bearer ", "It begins with Bearer: send what follows."),
        (text.startswith(_PLACEHOLDERS), "It is a template's placeholder that nobody filled in."),
        (text[:1] in "{[", "It is JSON: send the compact serialization."),
        ("://" in text, "It is an address: send the token alone."),
        (any(letter.isspace() for letter in text), "It has white space or line breaks."),
        ("%" in text, "It is percent-encoded."),
        (_PARAMETER.match(text) is not None, "It begins with the parameter's name: send what follows the =."),
        ("=" in text, "It has padding (=), which base64url has not."),
        ("+" in text or "/" in text, "It is in base64, not in base64url: - stands for +, and _ for /."),
        (text[:1] in "\"'", "It stands in quotes."),
    )
    return next((advice for is_seen, advice in signs if is_seen), None)


def moment_advice(value: object) -> str | None:
    """Tell that a moment looks like milliseconds, or like text."""
    if isinstance(value, str):
        return "It is text: send a number."
    if isinstance(value, int | float) and value >= _MILLISECONDS_FROM:
        return "It looks like milliseconds: send seconds."
    return None
