"""What stands where something else should: inside a JWE, or behind a signature. Tells kinds, never a claim's value."""

from collections.abc import Mapping

from app.domain.inspection import shown
from app.domain.shape import check_shape
from app.domain.strict_json import NotStrictJson, parse_object
from app.domain.token_advice import shape_advice
from app.errors import TokenRejected
from app.jose.gate import REFUSED_MEMBERS, open_token, read_header

_JWE_PARTS = 5


def content_seen(plaintext: bytes, header: Mapping[str, object]) -> str:
    """Return what a JWE with that header holds, that is no JWS: its kind and size, the header of a token."""
    cty = f"cty {shown(header['cty'])}, " if "cty" in header else ""
    members, inner = _members(plaintext), _inner_header(plaintext)
    if members is not None:
        return f"{cty}an object of {len(members)} members"
    if inner is not None:
        return f"{cty}a {'JWE' if _is_jwe(plaintext) else 'JWS'}, header {shown(inner)}"
    if not plaintext.isascii():
        return f"{cty}{len(plaintext)} bytes that are not ASCII"
    return f"{cty}{plaintext.count(b'.') + 1} parts, {len(plaintext)} characters"


def content_advice(plaintext: bytes) -> str | None:
    """Return how it may have come that a JWE holds no JWS, or None where that cannot be told."""
    members, inner = _members(plaintext), _inner_header(plaintext)
    if members is not None and "payload" not in members:
        return "The JWE holds bare claims, which nobody signed."
    if inner is None:
        return shape_advice(plaintext.decode("ascii")) if plaintext.isascii() else None
    if _is_jwe(plaintext):
        return "The JWE holds a JWE."
    refused = ", ".join(sorted(REFUSED_MEMBERS.intersection(inner)))
    return f"The header of the JWS inside holds {refused}." if refused else None


def payload_advice(payload: bytes) -> str | None:
    """Return that what was signed is a token instead of claims, or None where it is not."""
    try:
        token = open_token(payload.decode("ascii").strip('" \r\n'))
    except (TokenRejected, UnicodeDecodeError):
        return None
    return "What was signed is a JWE: sign first, then encrypt." if token.encrypted else "What was signed is a JWS."


def _members(plaintext: bytes) -> Mapping[str, object] | None:
    try:
        return parse_object(plaintext)
    except NotStrictJson:
        return None


def _inner_header(plaintext: bytes) -> Mapping[str, object] | None:
    try:
        return read_header(check_shape(plaintext.decode("ascii"))[0])
    except (TokenRejected, UnicodeDecodeError):
        return None


def _is_jwe(compact: bytes) -> bool:
    return compact.count(b".") + 1 == _JWE_PARTS
