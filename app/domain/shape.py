"""The shape of a compact token: whether a text can be one at all.

The first step of the gate, and the only one that the ingress takes: size, number of parts, and base64url in its one
canonical spelling. Decodes nothing and knows nothing of what the parts mean.
"""

from typing import Final

from app.errors import TokenRejected
from app.reasons import TokenReason

MAX_TOKEN_BYTES: Final = 16 * 1024
"""Longest token taken; ten times what a partner's largest prefill needs."""

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_DOTS = {b"..", b"...."}
_LAST_OF_TWO = frozenset("AQgw")
"""Of two trailing characters the second carries 2 bits, so its lower 4 are zero."""
_LAST_OF_THREE = frozenset("AEIMQUYcgkosw048")
"""Of three trailing characters the third carries 4 bits, so its lower 2 are zero."""


def check_shape(text: object) -> tuple[str, ...]:
    """Return the three parts of a JWS or the five of a JWE (RFC 7515 section 7.1, RFC 7516 section 7.1), still encoded.

    Raise TokenRejected, TOKEN_TOO_LARGE or TOKEN_MALFORMED, for everything else. A part may be empty.
    """
    if not isinstance(text, str):
        raise TokenRejected(TokenReason.TOKEN_MALFORMED, "not a string")
    if len(text) > MAX_TOKEN_BYTES:
        raise TokenRejected(TokenReason.TOKEN_TOO_LARGE)
    try:
        encoded = text.encode("ascii")
    except UnicodeEncodeError:
        raise TokenRejected(TokenReason.TOKEN_MALFORMED, "a character outside of base64url") from None
    if encoded.translate(None, _ALPHABET) not in _DOTS:
        raise TokenRejected(TokenReason.TOKEN_MALFORMED, "not three or five parts of base64url")
    parts = tuple(text.split("."))
    for part in parts:
        if not _ends_canonically(part):
            raise TokenRejected(TokenReason.TOKEN_MALFORMED, "base64url that is not canonical")
    return parts


def is_base64url(part: str) -> bool:
    """Say whether `part` is base64url without padding, in its one canonical spelling (RFC 4648 sections 3.5 and 5)."""
    return has_base64url_characters(part) and _ends_canonically(part)


def has_base64url_characters(part: str) -> bool:
    """Say whether `part` holds nothing but the 64 characters (RFC 4648 section 5)."""
    return part.isascii() and not part.encode("ascii").translate(None, _ALPHABET)


def _ends_canonically(part: str) -> bool:
    match len(part) % 4:
        case 0:
            return True
        case 2:
            return part[-1] in _LAST_OF_TWO
        case 3:
            return part[-1] in _LAST_OF_THREE
        case _:
            return False
