"""Tokens made by hand, so that they can be wrong in one place."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.jose import base64url
from app.jose.encryption_rules import ENCODING_RULES
from app.jose.keys import UsableKey, import_keys
from app.jose.signature import RULES
from app.jose.signing import generate_key

CLAIMS = b'{"sub":"p-1","campaignId":"summer","exp":1999999999}'


@dataclass(frozen=True, slots=True)
class Pair:
    """A generated key as we import it; of a symmetric one both halves are the same."""

    private_jwk: Mapping[str, Any]
    public_jwk: Mapping[str, Any]
    private: UsableKey
    public: UsableKey


class KeyRing:
    """One pair per kind, generated when first asked for."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[str, str], Pair] = {}

    def __call__(self, kind: str, kid: str = "k1") -> Pair:
        if (kind, kid) not in self._pairs:
            self._pairs[kind, kid] = _generate(kind, kid)
        return self._pairs[kind, kid]


def only_key(jwk: Mapping[str, Any]) -> UsableKey:
    """Return the key of a JWK that is fit for use."""
    imported = import_keys(dict(jwk))
    assert imported.dropped == ()
    (key,) = imported.keys
    return key


def hand_signed(header: Mapping[str, Any] | bytes, key: UsableKey, alg: str, payload: bytes = CLAIMS) -> str:
    """Return a JWS with any header at all, and a signature by `alg` that is right."""
    raw_header = header if isinstance(header, bytes) else json.dumps(header).encode()
    signing_input = f"{base64url.encode(raw_header)}.{base64url.encode(payload)}"
    signature = RULES[alg].engine.sign(key.material, signing_input.encode())
    return f"{signing_input}.{base64url.encode(signature)}"


def hand_encrypted(
    header: Mapping[str, Any] | bytes, content_key: bytes, enc: str, plaintext: bytes, encrypted_key: bytes = b""
) -> str:
    """Return a JWE with any header at all, encrypted rightly by `content_key`."""
    raw_header = header if isinstance(header, bytes) else json.dumps(header).encode()
    protected = base64url.encode(raw_header)
    iv, ciphertext, tag = ENCODING_RULES[enc].engine.encrypt(content_key, protected.encode(), plaintext)
    return ".".join((protected, *map(base64url.encode, (encrypted_key, iv, ciphertext, tag))))


def _generate(kind: str, kid: str) -> Pair:
    private_jwk, public_jwk = generate_key(kind, kid)
    private = only_key(private_jwk)
    return Pair(private_jwk, public_jwk, private, only_key(public_jwk) if public_jwk else private)
