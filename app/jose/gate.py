"""The gate: what a token must be before any cryptography looks at it.

Steps 1 to 3: the shape, a strict header, no header member that would let a token choose its own rules. Knows no key, no
partner and no library; what it returns is read, not believed.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Final

from app.domain.shape import check_shape
from app.domain.strict_json import NotStrictJson, parse_object
from app.errors import TokenRejected
from app.jose.base64url import decode_checked
from app.reasons import TokenReason
from app.values import light_value

REFUSED_MEMBERS: Final = frozenset({"crit", "b64", "zip", "jwk", "jku", "x5u"})
"""They bring keys, addresses, compression or other rules of reading: refused whatever their value."""
MAX_KID_CHARACTERS: Final = 256
_JWS_PARTS = 3

_NAMES_OF_A_KEY: Final = frozenset({"alg", "kid", "typ", "cty"})
_MOST_REMEMBERED: Final = 256
_MOST_REMEMBERED_CHARACTERS: Final = 512
"""The longest kid fits."""
_remembered: dict[str, Mapping[str, object]] = {}
"""Headers as read, by their encoded text: of the tokens that one key signed they are all the same."""


@light_value
class UnverifiedToken:
    """A token that is well-formed and proves nothing yet.

    Of a JWS, `signing_input`, `signature` and `payload` are set; of a JWE (`encrypted`), `enc` and `raw`, its text.
    """

    alg: str
    enc: str | None
    encrypted: bool
    header: Mapping[str, object] = field(repr=False)
    kid: object = field(repr=False)
    signing_input: bytes = field(default=b"", repr=False)
    signature: bytes = field(default=b"", repr=False)
    payload: bytes = field(default=b"", repr=False)
    raw: str = field(default="", repr=False)


def open_token(text: str) -> UnverifiedToken:
    """Return the parts of a compact JWS or JWE (RFC 7515 section 5.2); raise TokenRejected for any other text."""
    parts = check_shape(text)
    header = _remembered.get(parts[0]) or _read_and_remember(parts[0])
    if not REFUSED_MEMBERS.isdisjoint(header):
        raise TokenRejected(TokenReason.TOKEN_MALFORMED, "a header member that is never allowed")
    alg, kid = header.get("alg"), header.get("kid")
    if not isinstance(alg, str):
        raise TokenRejected(TokenReason.TOKEN_MALFORMED, "alg")
    if len(parts) == _JWS_PARTS:
        return UnverifiedToken(
            alg=alg,
            enc=None,
            encrypted=False,
            header=header,
            kid=kid,
            signing_input=text[: text.rindex(".")].encode("ascii"),
            signature=decode_checked(parts[2]),
            payload=decode_checked(parts[1]),
        )
    enc = header.get("enc")
    if not isinstance(enc, str):
        raise TokenRejected(TokenReason.TOKEN_MALFORMED, "enc")
    return UnverifiedToken(alg=alg, enc=enc, encrypted=True, header=header, kid=kid, raw=text)


def require_kid(token: UnverifiedToken) -> str:
    """Return the token's kid, 1 to 256 printable characters; raise TokenRejected KID_MISSING for anything else."""
    kid = token.kid
    if isinstance(kid, str) and 0 < len(kid) <= MAX_KID_CHARACTERS and kid.isprintable():
        return kid
    raise TokenRejected(TokenReason.KID_MISSING)


def read_header(part: str) -> dict[str, object]:
    """Return the header that a part of checked shape spells, whatever its members; raise TokenRejected."""
    try:
        return parse_object(decode_checked(part))
    except NotStrictJson as refusal:
        raise TokenRejected(TokenReason.TOKEN_MALFORMED, f"header: {refusal}") from None


def _read_and_remember(part: str) -> Mapping[str, object]:
    """Return the header that `part` spells; only one that names a key and says nothing else is remembered."""
    header = read_header(part)
    if len(part) <= _MOST_REMEMBERED_CHARACTERS and header.keys() <= _NAMES_OF_A_KEY:
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        _remembered[part] = header
    return header
