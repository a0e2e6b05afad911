"""Why a signature may not hold, where that can be found out with what the partner configured.

Tries the partner's own keys in ways that the journey never would, and says only which of them would do.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from app.domain.partner import KeyMaterial, Partner, SignatureMethod
from app.errors import TokenRejected
from app.jose.gate import UnverifiedToken
from app.jose.keys import KeyRefused, SecretEncoding, UsableKey, import_secret
from app.jose.signature import RULES, key_fits, verify
from app.steps.keyring import Keyring

_ENCODINGS: tuple[SecretEncoding, ...] = ("base64url", "hex", "text")
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def signature_advice(token: UnverifiedToken, partner: Partner, keyring: Keyring, now: datetime) -> str | None:
    """Return the likely cause, or None where there is none to be seen."""
    rule = RULES.get(token.alg)
    if rule is None:
        return None
    if rule.signature_bytes is not None and len(token.signature) != rule.signature_bytes:
        is_der = rule.kty == "EC" and token.signature[:1] == b"\x30"
        said = " It is in DER: write r and s after one another (RFC 7518 section 3.4)." if is_der else ""
        return f"The signature has {len(token.signature)} bytes; {token.alg} has {rule.signature_bytes}.{said}"
    if partner.signature.method is SignatureMethod.JWKS:
        return None
    keys = keyring.signature_keys(partner, now)
    if _signed_by_one(token, keyring.signature_keys(partner, _LONG_AGO)):
        return "A key signed that is no longer used: its not_after has passed."
    if not any(key_fits(key, token.alg, "verify") for key in keys):
        return f"None of the configured keys has the type, curve or size that {token.alg} asks for."
    return _reading_advice(token, partner.signature.keys)


def _reading_advice(token: UnverifiedToken, materials: Sequence[KeyMaterial]) -> str | None:
    for material in materials:
        for encoding in _ENCODINGS if material.secret else ():
            try:
                key = import_secret(material.secret or "", encoding)
            except KeyRefused:
                continue
            if _signed_by_one(token, [key]):
                return f"It holds if the secret is read as {encoding}: say so in the key's encoding."
    return None


def _signed_by_one(token: UnverifiedToken, keys: Sequence[UsableKey]) -> bool:
    try:
        verify(token, keys, {token.alg})
    except TokenRejected:
        return False
    return True
