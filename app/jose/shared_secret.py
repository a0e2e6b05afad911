"""Shared secrets as administrators have them: base64url, hex or text.

Refuses what is no secret at all: a public key taken for an HMAC secret is the oldest forgery of signed tokens (RFC 8725
section 2.1).
"""

import binascii
import json
import re
from base64 import b64decode
from typing import Literal, assert_never

from cryptography.hazmat.primitives import serialization
from cryptography.x509 import load_der_x509_certificate

from app.jose import base64url
from app.jose.material import KeyRefused

SecretEncoding = Literal["base64url", "hex", "text"]

_PEM_MARK = re.compile(b"-----(?:BEGIN|END) ")
_SSH_MARKS = (b"ssh-", b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-", b"---- BEGIN SSH2")
_SSH_BLOB = re.compile(rb"\0\0\0[\x07-\x40](?:ssh-|ecdsa-sha2-|sk-)|openssh-key-v1\0")
"""A public key begins with the length of its type's name (RFC 4253 section 6.6)."""
_KTY = re.compile(rb"""\bkty[\\"']*\s*:\s*[\\"']*(?:RSA|EC|OKP|oct)\b""")
"""However a JWK is quoted, and whatever stands around it."""
_DER_SEQUENCE = b"\x30"
_LONG_LENGTH = 0x80


def read_secret(secret: str, encoding: SecretEncoding) -> bytes:
    """Return the octets of a shared secret; raise KeyRefused if it has none, or is a PEM, SSH, DER or JWK."""
    octets = _decode(secret, encoding)
    for candidate in (secret.encode("utf-8", "replace"), octets):
        _refuse_keys(candidate)
    return octets


def _decode(secret: str, encoding: SecretEncoding) -> bytes:
    try:
        match encoding:
            case "base64url":
                return base64url.decode(_unpadded(secret))
            case "hex":
                return binascii.unhexlify(secret)
            case "text":
                return secret.encode("utf-8")
            case _:
                assert_never(encoding)
    except ValueError:
        raise KeyRefused(f"secret_not_{encoding}") from None


def _unpadded(secret: str) -> str:
    # Most tools write the padding that RFC 7515 leaves out.
    return secret.rstrip("=") if len(secret) % 4 == 0 else secret


def _refuse_keys(candidate: bytes) -> None:
    for octets in (candidate, _from_base64(candidate), _from_hex(candidate)):
        if _PEM_MARK.search(octets):
            raise KeyRefused("secret_is_pem")
        if _is_ssh_key(octets):
            raise KeyRefused("secret_is_ssh_key")
        if _is_jwk(octets):
            raise KeyRefused("secret_is_jwk")
        if _is_der(octets.lstrip()):
            raise KeyRefused("secret_is_der")


def _is_ssh_key(candidate: bytes) -> bool:
    if candidate.strip().startswith(_SSH_MARKS) or _SSH_BLOB.match(candidate):
        return True
    # Before the blob of a known host or an authorized key stand names and options.
    return any(_SSH_BLOB.match(_from_base64(word)) for word in candidate.split() if word.startswith(b"AAAA"))


def _is_jwk(candidate: bytes) -> bool:
    if _KTY.search(candidate):
        return True
    try:
        value = json.loads(candidate)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and not value.keys().isdisjoint({"kty", "keys"})


def _from_base64(candidate: bytes) -> bytes:
    """Return the octets that a text in base64 or base64url spells, with padding or without; none for any other."""
    text = b"".join(candidate.split()).rstrip(b"=")
    altchars = b"-_" if b"-" in text or b"_" in text else None
    try:
        return b64decode(text + b"=" * (-len(text) % 4), altchars, validate=True)
    except ValueError:
        return b""


def _from_hex(candidate: bytes) -> bytes:
    try:
        return binascii.unhexlify(candidate.strip())
    except ValueError:
        return b""


def _is_der(candidate: bytes) -> bool:
    if not candidate.startswith(_DER_SEQUENCE):
        return False
    der = _first_value(candidate)
    for load in (_load_public, _load_certificate, _load_private):
        try:
            load(der)
        except TypeError:
            return True  # a private key under a password
        except Exception:  # noqa: BLE001, S112 what the parsers raise on foreign bytes is no closed list, and all of it means "not this"
            continue
        return True
    return False


def _first_value(der: bytes) -> bytes:
    # Its own length says where it ends: what follows may be a line's end, and so may its last byte look.
    size = der[1] if len(der) > 1 else 0
    if size < _LONG_LENGTH:
        return der[: 2 + size]
    octets = size - _LONG_LENGTH
    return der[: 2 + octets + int.from_bytes(der[2 : 2 + octets], "big")]


def _load_public(der: bytes) -> None:
    serialization.load_der_public_key(der)


def _load_certificate(der: bytes) -> None:
    load_der_x509_certificate(der)


def _load_private(der: bytes) -> None:
    serialization.load_der_private_key(der, password=None)
