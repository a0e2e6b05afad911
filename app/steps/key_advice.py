"""Why a signature may not hold, or a JWE not open, where that can be found out with what the partner configured.

Tries the partner's own keys in ways that the journey never would, and says only which of them would do.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from app.domain.partner import KeyMaterial, Partner, SignatureMethod
from app.errors import TokenRejected
from app.jose.encryption import decrypt
from app.jose.encryption_rules import ENCODING_RULES, KEY_RULES, encryption_key_fits
from app.jose.gate import UnverifiedToken
from app.jose.keys import KeyRefused, SecretEncoding, UsableKey, import_secret
from app.jose.signature import RULES, key_fits, verify
from app.steps.keyring import Keyring

_ENCODINGS: Final[tuple[SecretEncoding, ...]] = ("base64url", "hex", "text")
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_RETIRED: Final = "A key was used that is no longer: its not_after has passed."


def signature_advice(token: UnverifiedToken, partner: Partner, keyring: Keyring, received_at: datetime) -> str | None:
    """Return the likely cause of a signature that does not hold, or None where there is none to be seen."""
    rule = RULES.get(token.alg)
    if rule is None:
        return None
    if rule.signature_bytes is not None and len(token.signature) != rule.signature_bytes:
        is_der = rule.kty == "EC" and token.signature[:1] == b"\x30"
        said = " It is in DER: write r and s after one another (RFC 7518 section 3.4)." if is_der else ""
        return f"The signature has {len(token.signature)} bytes; {token.alg} has {rule.signature_bytes}.{said}"
    if partner.signature.method is SignatureMethod.JWKS:
        return None
    if _is_signed_by(token, keyring.signature_keys(partner, _LONG_AGO)):
        return _RETIRED
    if not any(key_fits(key, token.alg, "verify") for key in keyring.signature_keys(partner, received_at)):
        return f"None of the configured keys has the type, curve or size that {token.alg} asks for."
    readings = _readings(partner.signature.keys)
    return next((_read_as(encoding) for encoding, key in readings if _is_signed_by(token, [key])), None)


def decryption_advice(token: UnverifiedToken, partner: Partner, keyring: Keyring, received_at: datetime) -> str | None:
    """Return the likely cause of a JWE that does not open, or None where there is none to be seen."""
    alg, enc = token.alg, token.enc or ""
    if partner.encryption is None or alg not in KEY_RULES or enc not in ENCODING_RULES:
        return None
    if _is_opened_by(token, keyring.encryption_keys(partner, _LONG_AGO)):
        return _RETIRED
    for encoding, key in _readings(partner.encryption.keys):
        if _is_opened_by(token, [key]):
            return _read_as(encoding)
    keys = keyring.encryption_keys(partner, received_at)
    if not any(encryption_key_fits(key, alg, enc, "decrypt") for key in keys):
        return f"None of the configured keys has the type, curve or size that {alg} with {enc} asks for."
    return None


def _readings(materials: Sequence[KeyMaterial]) -> Iterator[tuple[SecretEncoding, UsableKey]]:
    for material in materials:
        for encoding in _ENCODINGS if material.secret else ():
            try:
                yield encoding, import_secret(material.secret or "", encoding)
            except KeyRefused:
                continue


def _read_as(encoding: SecretEncoding) -> str:
    return f"It holds if the secret is read as {encoding}: say so in the key's encoding."


def _is_signed_by(token: UnverifiedToken, keys: Sequence[UsableKey]) -> bool:
    try:
        verify(token, keys, {token.alg})
    except TokenRejected:
        return False
    return True


def _is_opened_by(token: UnverifiedToken, keys: Sequence[UsableKey]) -> bool:
    try:
        decrypt(token, keys, {token.alg}, {token.enc or ""})
    except TokenRejected:
        return False
    return True
