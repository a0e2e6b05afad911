"""Encryption: opening a JWE with one of our keys, and making one.

Steps 4 to 7 of the gate for a JWE. The caller says which algorithms, encodings and keys. Whatever goes wrong after that has one name,
DECRYPTION_FAILED, and takes the same way through the code, so that nobody can ask us questions. Opening a JWE never proves who sent
it: the signature inside is always verified, and what is inside is always a signed token.
Works one level below jwcrypto's `JWE` object, on its algorithms, and lets no header member reach them that was not checked here: jwcrypto
would make a JWK of any `epk`, be it a private or a generated one, and take IVs of any length.
"""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jwcrypto.jwa import JWA

from app.errors import TokenRejected
from app.jose import base64url
from app.jose.gate import UnverifiedToken, open_token
from app.jose.keys import KeyRefused, KeySource, UsableKey, usable_keys
from app.reasons import TokenReason

KEY_ALGORITHMS: Final = frozenset(
    {"dir", "A128KW", "A192KW", "A256KW", "A128GCMKW", "A256GCMKW", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A256KW"}
)
"""What a partner may be configured with, and what we encrypt with."""
CONTENT_ENCODINGS: Final = frozenset({"A128GCM", "A256GCM", "A128CBC-HS256", "A256CBC-HS512"})
MAX_PLAINTEXT_BYTES: Final = 64 * 1024

_GCM_IV_BYTES, _CBC_IV_BYTES, _GCM_TAG_BYTES = 12, 16, 16
_POINT_BYTES = {"P-256": 32, "P-384": 48, "P-521": 66, "X25519": 32}


@dataclass(frozen=True, slots=True)
class _KeyRule:
    """What an algorithm asks of a key; `bits` is the exact size of a symmetric one, 0 where the encoding decides."""

    kty: frozenset[str]
    operations: Mapping[str, frozenset[str]]
    bits: int
    engine: Any


@dataclass(frozen=True, slots=True)
class _EncodingRule:
    key_bits: int
    iv_bytes: int
    tag_bytes: int
    engine: Any


_DIRECT = {"decrypt": frozenset({"decrypt"}), "encrypt": frozenset({"encrypt"})}
_WRAPPING = {"decrypt": frozenset({"decrypt", "unwrapKey"}), "encrypt": frozenset({"encrypt", "wrapKey"})}
_AGREEING = {"decrypt": frozenset({"deriveKey", "deriveBits"}), "encrypt": frozenset({"deriveKey", "deriveBits"})}


def _key_rule(alg: str, kty: str, operations: Mapping[str, frozenset[str]], bits: int = 0) -> _KeyRule:
    return _KeyRule(frozenset(kty.split()), operations, bits, JWA.keymgmt_alg(alg))


def _encoding_rule(enc: str, iv_bytes: int, tag_bytes: int) -> _EncodingRule:
    engine = JWA.encryption_alg(enc)
    return _EncodingRule(engine.wrap_key_size, iv_bytes, tag_bytes, engine)


# Beyond KEY_ALGORITHMS and CONTENT_ENCODINGS stand those that only the conformance vectors ask for. Configuration cannot name them.
_KEY_RULES: Final = {
    "dir": _key_rule("dir", "oct", _DIRECT),
    **{f"A{bits}KW": _key_rule(f"A{bits}KW", "oct", _WRAPPING, bits) for bits in (128, 192, 256)},
    **{f"A{bits}GCMKW": _key_rule(f"A{bits}GCMKW", "oct", _WRAPPING, bits) for bits in (128, 192, 256)},
    **{alg: _key_rule(alg, "RSA", _WRAPPING) for alg in ("RSA-OAEP", "RSA-OAEP-256")},
    **{
        alg: _key_rule(alg, "EC OKP", _AGREEING)
        for alg in ("ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW")
    },
}
_ENCODING_RULES: Final = {
    **{f"A{bits}GCM": _encoding_rule(f"A{bits}GCM", _GCM_IV_BYTES, _GCM_TAG_BYTES) for bits in (128, 192, 256)},
    "A128CBC-HS256": _encoding_rule("A128CBC-HS256", _CBC_IV_BYTES, 16),
    "A192CBC-HS384": _encoding_rule("A192CBC-HS384", _CBC_IV_BYTES, 24),
    "A256CBC-HS512": _encoding_rule("A256CBC-HS512", _CBC_IV_BYTES, 32),
}
