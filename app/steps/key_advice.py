"""Why a signature may not hold, or a JWE not open, where that can be found out with what the partner configured.

Tries the partner's own keys in ways that the journey never would, and says only which of them would do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from app.domain.key_guide import told_refusal
from app.domain.keyset import Keyset
from app.domain.partner import KeyMaterial, Partner, SignatureMethod
from app.errors import TokenRejected
from app.jose.encryption import decrypt
from app.jose.encryption_rules import CONTENT_ENCODINGS, encryption_key_fits
from app.jose.gate import UnverifiedToken
from app.jose.keys import KeyRefused, SecretEncoding, UsableKey, import_secret
from app.jose.signature import RULES, key_fits, verify
from app.steps.judge import KEY_ALGORITHMS_OF, keys_named_by
from app.steps.keyring import Keyring

_ENCODINGS: Final[tuple[SecretEncoding, ...]] = ("base64url", "hex", "text")
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_RETIRED: Final = "A key was used that is no longer: its not_after has passed."


def kid_advice(kid: object, keyset: Keyset | None) -> str | None:
    """Return why the key set has that kid and drops its key, or None where it does not."""
    if keyset is None or not isinstance(kid, str):
        return None
    reasons = (dropped.reason for dropped in keyset.dropped if dropped.kid == kid)
    return next((f"The key set has this kid, and its key is dropped. {told_refusal(one)}." for one in reasons), None)


def signature_advice(
    token: UnverifiedToken, chosen: Sequence[UsableKey], partner: Partner, keyring: Keyring, received_at: datetime
) -> str | None:
    """Return the likely cause of a signature that none of the `chosen` keys made, or None where there is none."""
    rule = RULES.get(token.alg)
    if rule is None:
        return None
    if rule.signature_bytes is not None and len(token.signature) != rule.signature_bytes:
        is_der = rule.kty == "EC" and token.signature[:1] == b"\x30"
        said = " It is in DER: write r and s after one another (RFC 7518 section 3.4)." if is_der else ""
        return f"The signature has {len(token.signature)} bytes; {token.alg} has {rule.signature_bytes}.{said}"
    if _is_signed_by(token, _retired(keyring.signature_keys(partner, _LONG_AGO), chosen)):
        return _RETIRED
    fitting = [key for key in chosen if key_fits(key, token.alg, "verify")]
    if not fitting:
        return _unfit_for_signature(chosen, token.alg, is_named=partner.signature.method is SignatureMethod.JWKS)
    if rule.kty == "RSA":
        return _of_another_length(token, fitting)
    readings = _readings(partner.signature.keys, received_at)
    return next((_read_as(encoding) for _, encoding, key in readings if _is_signed_by(token, [key])), None)


def decryption_advice(token: UnverifiedToken, partner: Partner, keyring: Keyring, received_at: datetime) -> str | None:
    """Return the likely cause of a JWE that does not open, or None where there is none to be seen."""
    encryption, alg, enc = partner.encryption, token.alg, token.enc or ""
    if encryption is None or alg not in KEY_ALGORITHMS_OF[encryption.method] or enc not in CONTENT_ENCODINGS:
        return None
    active = keyring.encryption_keys(partner, received_at)
    named = keys_named_by(token, active)
    if named and (opener := _opener(token, active)):
        return f"Its kid names another key than the one that opens it, which has {_kid(opener)}."
    if _opener(token, _retired(keyring.encryption_keys(partner, _LONG_AGO), active)):
        return _RETIRED
    for material, encoding, key in _readings(encryption.keys, received_at):
        if _opener(token, [key]) and (not named or material.kid == token.kid):
            return _read_as(encoding)
    if not any(encryption_key_fits(key, alg, enc, "decrypt") for key in named or active):
        return _unfit(named or active, f"{alg} with {enc}", is_named=bool(named))
    return None


def _retired(keys: Sequence[UsableKey], active: Sequence[UsableKey]) -> Sequence[UsableKey]:
    return [key for key in keys if key not in active]


def _readings(
    materials: Sequence[KeyMaterial], received_at: datetime
) -> Iterator[tuple[KeyMaterial, SecretEncoding, UsableKey]]:
    for material in materials:
        is_active = material.not_after is None or received_at < material.not_after
        for encoding in _ENCODINGS if material.secret and is_active else ():
            try:
                yield material, encoding, import_secret(material.secret or "", encoding)
            except KeyRefused:
                continue


def _read_as(encoding: SecretEncoding) -> str:
    return f"It holds if the secret is read as {encoding}: say so in the key's encoding."


def _unfit(keys: Sequence[UsableKey], asking: str, *, is_named: bool = False) -> str:
    if not keys:
        return "None of the configured keys is in use any more: the not_after of each has passed."
    whose = "The key that its kid names has not" if is_named else "None of the configured keys has"
    return f"{whose} the type, curve or size that {asking} asks for."


def _of_another_length(token: UnverifiedToken, keys: Sequence[UsableKey]) -> str | None:
    """Tell that an RSA signature is not as long as the modulus of any of `keys` (RFC 8017 section 8.2.2)."""
    sizes = sorted({(key.bits + 7) // 8 for key in keys})
    if len(token.signature) in sizes:
        return None
    bytes_ = " or ".join(map(str, sizes))
    return f"The signature has {len(token.signature)} bytes; {token.alg} has {bytes_} with the keys that are there."


def _unfit_for_signature(keys: Sequence[UsableKey], alg: str, *, is_named: bool) -> str:
    """Tell why none of `keys` may be used with `alg`: by what its JWK says, or by what it is."""
    whose = "The key that its kid names" if is_named else f"The configured key of the type that {alg} asks for"
    for key in keys:
        if key_fits(replace(key, alg=None, use=None, key_ops=None), alg, "verify"):
            return f"{whose} is not for {alg}: its JWK says {_restriction(key, alg)}."
    if is_named:
        kinds = ", ".join(f"{key.kty} {key.curve or f'of {key.bits} bits'}" for key in keys)
        return f"{whose} is of another kind than {alg} asks for: {kinds}."
    return _unfit(keys, alg)


def _restriction(key: UsableKey, alg: str) -> str:
    if key.alg not in {None, alg}:
        return f"alg {key.alg}"
    if key.use not in {None, "sig"}:
        return f"use {key.use}"
    return f"key_ops {', '.join(sorted(key.key_ops or ()))}"


def _kid(key: UsableKey) -> str:
    return "no kid" if key.kid is None else f"kid {key.kid}"


def _is_signed_by(token: UnverifiedToken, keys: Sequence[UsableKey]) -> bool:
    try:
        verify(token, keys, {token.alg})
    except TokenRejected:
        return False
    return True


def _opener(token: UnverifiedToken, keys: Sequence[UsableKey]) -> UsableKey | None:
    """Return the first of `keys` that opens a JWE."""
    for key in keys:
        try:
            decrypt(token, [key], {token.alg}, {token.enc or ""})
        except TokenRejected:
            continue
        return key
    return None
