"""Encryption: opening a JWE with one of our keys, and making one.

Steps 4 to 7 of the gate for a JWE. The caller says which algorithms, encodings and keys. Whatever goes wrong after that
has one name, DECRYPTION_FAILED, and takes the same way through the code, so that nobody can ask us questions. Opening a
JWE never proves who sent it: what is inside is a signed token, still to be verified.

Works one level below jwcrypto's `JWE` object, on its algorithms, and hands them only header members that were checked.
"""

import json
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from app.domain.shape import MAX_TOKEN_BYTES
from app.errors import TokenRejected
from app.jose import base64url
from app.jose.agreement import agree_content_key, offer_content_key
from app.jose.encryption_rules import (
    CONTENT_ENCODINGS,
    ENCODING_RULES,
    KEY_ALGORITHMS,
    KEY_RULES,
    encryption_key_fits,
)
from app.jose.gate import UnverifiedToken, open_token
from app.jose.keys import KeyRefused, KeySource, UsableKey, usable_keys
from app.reasons import TokenReason

__all__ = [
    "CONTENT_ENCODINGS",
    "KEY_ALGORITHMS",
    "MAX_PLAINTEXT_BYTES",
    "decrypt",
    "decrypt_payload",
    "encrypt",
    "open_nested",
]

MAX_PLAINTEXT_BYTES: Final = 64 * 1024
"""A second bound beside the token's own, should ever a compressed or a longer token come this far."""

_KEY_WRAP_BYTES = {"iv": 12, "tag": 16}
"""RFC 7518 section 4.7.1; jwcrypto would take an IV of any length."""


@dataclass(frozen=True, slots=True)
class _Message:
    """The parts of a compact JWE (RFC 7516 section 7.1); `aad` is the header as it was sent."""

    aad: bytes
    encrypted_key: bytes = field(repr=False)
    iv: bytes
    ciphertext: bytes
    tag: bytes


def decrypt(token: UnverifiedToken, keys: KeySource, algorithms: Collection[str], encodings: Collection[str]) -> bytes:
    """Return the plaintext of `token`, at most 64 KiB; raise TokenRejected ALG_NOT_ALLOWED or DECRYPTION_FAILED.

    An empty `algorithms` or `encodings` allows none. A JWS is refused as TOKEN_NOT_ENCRYPTED.
    """
    if not token.encrypted or token.enc is None:
        raise TokenRejected(TokenReason.TOKEN_NOT_ENCRYPTED)
    # Sets, so that a string by mistake allows none, rather than each of its substrings.
    if token.alg not in frozenset(algorithms) or token.alg not in KEY_RULES:
        raise TokenRejected(TokenReason.ALG_NOT_ALLOWED, "alg")
    if token.enc not in frozenset(encodings) or token.enc not in ENCODING_RULES:
        raise TokenRejected(TokenReason.ALG_NOT_ALLOWED, "enc")
    message = _split(token.raw)
    rule = ENCODING_RULES[token.enc]
    well_sized = len(message.iv) == rule.iv_bytes and len(message.tag) == rule.tag_bytes
    if well_sized and len(message.ciphertext) <= MAX_PLAINTEXT_BYTES:
        for key in usable_keys(keys):
            if encryption_key_fits(key, token.alg, token.enc, "decrypt"):
                plaintext = _open(message, token, key, token.enc)
                if plaintext is not None:
                    return plaintext
    raise TokenRejected(TokenReason.DECRYPTION_FAILED)


def decrypt_payload(token: str, keys: KeySource, algorithms: Collection[str], encodings: Collection[str]) -> bytes:
    """Return the plaintext of a compact JWE made for one of `keys`; raise TokenRejected."""
    return decrypt(open_token(token), keys, algorithms, encodings)


def open_nested(plaintext: bytes, header: Mapping[str, object]) -> UnverifiedToken:
    """Return the JWS inside a JWE with that header (RFC 7519 section 5.2); raise TokenRejected if there is none."""
    content_type = header.get("cty", "JWT")
    if not isinstance(content_type, str) or content_type.upper() != "JWT":
        raise TokenRejected(TokenReason.TOKEN_MALFORMED, "cty")
    try:
        return _open_signed(plaintext)
    except TokenRejected as refusal:
        raise TokenRejected(refusal.reason, f"inside the JWE: {refusal.detail}") from None


def encrypt(payload: str, key: UsableKey, alg: str, enc: str, kid: str | None) -> str:
    """Return a compact JWE whose plaintext is `payload`, a compact JWS (RFC 7519 section 5.2), for the holder of `key`.

    Raise KeyRefused if the key is not for that; TokenRejected if `payload` is no JWS, or the JWE too long for a token.
    """
    if alg not in KEY_ALGORITHMS or enc not in CONTENT_ENCODINGS or not encryption_key_fits(key, alg, enc, "encrypt"):
        raise KeyRefused("key_unfit_for_algorithm")
    plaintext = payload.encode("utf-8")
    said = {"alg": alg, "enc": enc, "cty": "JWT", **({} if kid is None else {"kid": kid})}
    _open_signed(plaintext)
    rule = ENCODING_RULES[enc]
    content_key, encrypted_key, more = _new_content_key(key, alg, enc, said)
    header = json.dumps({**said, **more}, separators=(",", ":"))
    protected = base64url.encode(header.encode("utf-8"))
    iv, ciphertext, tag = rule.engine.encrypt(content_key, protected.encode("ascii"), plaintext)
    token = ".".join((protected, *map(base64url.encode, (encrypted_key, iv, ciphertext, tag))))
    if len(token) > MAX_TOKEN_BYTES:
        raise TokenRejected(TokenReason.TOKEN_TOO_LARGE, "once encrypted")
    return token


def _open_signed(plaintext: bytes) -> UnverifiedToken:
    try:
        token = open_token(plaintext.decode("ascii"))
    except UnicodeDecodeError:
        raise TokenRejected(TokenReason.TOKEN_MALFORMED, "not ASCII") from None
    if token.encrypted:
        raise TokenRejected(TokenReason.TOKEN_MALFORMED, "encrypted twice")
    return token


def _new_content_key(
    key: UsableKey, alg: str, enc: str, header: Mapping[str, object]
) -> tuple[bytes, bytes, Mapping[str, object]]:
    """Return a content key, that key encrypted for the holder of `key`, and what the header has to say of it."""
    bits = ENCODING_RULES[enc].key_bits
    if alg.startswith("ECDH-ES"):
        return offer_content_key(key, alg, enc, bits)
    wrapped = KEY_RULES[alg].engine.wrap(key.material, bits, None, header)
    return wrapped["cek"], wrapped.get("ek", b""), wrapped.get("header", {})


def _split(raw: str) -> _Message:
    protected, *parts = raw.split(".")
    return _Message(protected.encode("ascii"), *map(base64url.decode_checked, parts))


def _open(message: _Message, token: UnverifiedToken, key: UsableKey, enc: str) -> bytes | None:
    rule = ENCODING_RULES[enc]
    # Of a bad key as much work is done as of a good one (RFC 7516 section 11.5).
    content_key = os.urandom(rule.key_bits // 8)
    with suppress(Exception):  # what the libraries raise on a hostile key is no closed list; the random key goes on
        content_key = _content_key(message, token, key, enc)
    try:
        plaintext: bytes = rule.engine.decrypt(content_key, message.aad, message.iv, message.ciphertext, message.tag)
    except Exception:  # noqa: BLE001 nor on a hostile ciphertext; whatever it is, the token has not been opened
        return None
    return plaintext


def _content_key(message: _Message, token: UnverifiedToken, key: UsableKey, enc: str) -> bytes:
    bits = ENCODING_RULES[enc].key_bits
    if token.alg.startswith("ECDH-ES"):
        return agree_content_key(key, token.header, enc, bits, message.encrypted_key)
    header: dict[str, str] = {}
    if token.alg.endswith("GCMKW"):
        header = {name: _sized(token.header.get(name), size) for name, size in _KEY_WRAP_BYTES.items()}
    content_key: bytes = KEY_RULES[token.alg].engine.unwrap(key.material, bits, message.encrypted_key, header)
    return content_key


def _sized(value: object, size: int) -> str:
    raw = base64url.decode(value)
    if len(raw) != size:
        raise ValueError("another length")
    return base64url.encode(raw)
