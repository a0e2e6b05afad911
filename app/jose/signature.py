"""Signatures: which algorithm a key may be used with, and whether a token was signed by one of ours.

Steps 4 to 7 of the gate for a JWS. The caller says which algorithms and which keys; the token only says which of them
it used. Works one level below jwcrypto's `JWS` object, on its algorithms: the object costs twice a verification and
reads an empty allow list as "all".
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from jwcrypto.jwa import JWA

from app.errors import TokenRejected
from app.jose.gate import UnverifiedToken, open_token
from app.jose.keys import KeySource, UsableKey, usable_keys
from app.reasons import TokenReason


@dataclass(frozen=True, slots=True)
class SignatureRule:
    """What an algorithm asks of a key and of a signature; `engine` is jwcrypto's, which keeps no state."""

    kty: str
    curve: str | None
    min_bits: int
    signature_bytes: int | None
    engine: Any


def _rule(
    alg: str, kty: str, *, curve: str | None = None, min_bits: int = 0, signature_bytes: int | None = None
) -> SignatureRule:
    return SignatureRule(kty, curve, min_bits, signature_bytes, JWA.signing_alg(alg))


RULES: Final = {
    **{alg: _rule(alg, "RSA", min_bits=2048) for alg in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")},
    "ES256": _rule("ES256", "EC", curve="P-256", signature_bytes=64),
    "ES384": _rule("ES384", "EC", curve="P-384", signature_bytes=96),
    "ES512": _rule("ES512", "EC", curve="P-521", signature_bytes=132),
    **{alg: _rule(alg, "OKP", curve="Ed25519", signature_bytes=64) for alg in ("EdDSA", "Ed25519")},
    "HS256": _rule("HS256", "oct", min_bits=256, signature_bytes=32),
    "HS384": _rule("HS384", "oct", min_bits=384, signature_bytes=48),
    "HS512": _rule("HS512", "oct", min_bits=512, signature_bytes=64),
}
"""RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 9864 section 2.2, without `none` and the curves that we do not take.

`EdDSA` and `Ed25519` are two names of one algorithm; a partner's list, and a key's `alg`, mean the one they say.
"""

SIGNATURE_ALGORITHMS: Final = frozenset(RULES)
SYMMETRIC_ALGORITHMS: Final = frozenset(alg for alg, rule in RULES.items() if rule.kty == "oct")
ASYMMETRIC_ALGORITHMS: Final = SIGNATURE_ALGORITHMS - SYMMETRIC_ALGORITHMS


def verify(token: UnverifiedToken, keys: KeySource, algorithms: Collection[str]) -> UsableKey:
    """Return the key that signed `token`; raise TokenRejected ALG_NOT_ALLOWED or SIGNATURE_INVALID.

    An empty `algorithms` allows none. A JWE is refused as TOKEN_UNEXPECTEDLY_ENCRYPTED.
    """
    if token.encrypted:
        raise TokenRejected(TokenReason.TOKEN_UNEXPECTEDLY_ENCRYPTED)
    # A set, so that a string by mistake allows none, rather than each of its substrings.
    if token.alg not in frozenset(algorithms) or token.alg not in RULES:
        raise TokenRejected(TokenReason.ALG_NOT_ALLOWED)
    rule = RULES[token.alg]
    if rule.signature_bytes is not None and len(token.signature) != rule.signature_bytes:
        raise TokenRejected(TokenReason.SIGNATURE_INVALID)
    for key in usable_keys(keys):
        if key_fits(key, token.alg, "verify") and _is_signed_by(token, key, rule):
            return key
    raise TokenRejected(TokenReason.SIGNATURE_INVALID)


def verify_payload(token: str, keys: KeySource, algorithms: Collection[str]) -> bytes:
    """Return the payload of a compact JWS that one of `keys` signed; raise TokenRejected."""
    unverified = open_token(token)
    verify(unverified, keys, algorithms)
    return unverified.payload


def key_fits(key: UsableKey, alg: str, operation: str) -> bool:
    """Say whether `key` may be used with `alg` to verify or sign: type, curve, size, and what its JWK says of it."""
    rule = RULES[alg]
    return (
        key.kty == rule.kty
        and key.curve == rule.curve
        and key.bits >= rule.min_bits
        and key.alg in {None, alg}
        and key.use in {None, "sig"}
        and (key.key_ops is None or operation in key.key_ops)
    )


def _is_signed_by(token: UnverifiedToken, key: UsableKey, rule: SignatureRule) -> bool:
    try:
        rule.engine.verify(key.material, token.signing_input, token.signature)
    except Exception:  # noqa: BLE001 what the libraries raise on a hostile signature is no closed list; whatever it is, it is not signed
        return False
    return True
