"""Which algorithms of encryption there are, and what each asks of a key.

Tables, and one question. Engines are jwcrypto's algorithm objects, which keep no state and are shared by all threads.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from jwcrypto.jwa import JWA

from app.jose.keys import UsableKey

KEY_ALGORITHMS: Final = frozenset(
    {"dir", "A128KW", "A192KW", "A256KW", "A128GCMKW", "A256GCMKW", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A256KW"}
)
"""What a partner may be configured with, and what we encrypt with; never RSA1_5 and never PBES2."""
CONTENT_ENCODINGS: Final = frozenset({"A128GCM", "A256GCM", "A128CBC-HS256", "A256CBC-HS512"})
"""Likewise."""
POINT_BYTES: Final = {"P-256": 32, "P-384": 48, "P-521": 66, "X25519": 32}
"""Curves of key agreement, with the length of a coordinate."""

Operation = Literal["decrypt", "encrypt"]

_GCM_IV_BYTES, _GCM_TAG_BYTES = 12, 16
_CBC_IV_BYTES = 16


@dataclass(frozen=True, slots=True)
class KeyRule:
    """What a key algorithm asks of a key; `bits` is the exact size of a symmetric one, 0 where the encoding decides."""

    kty: frozenset[str]
    key_ops: Mapping[Operation, frozenset[str]]
    bits: int
    engine: Any


@dataclass(frozen=True, slots=True)
class EncodingRule:
    """What a content encoding asks of its key, IV and tag (RFC 7518 sections 5.2 and 5.3)."""

    key_bits: int
    iv_bytes: int
    tag_bytes: int
    engine: Any


_DIRECT: Mapping[Operation, frozenset[str]] = {"decrypt": frozenset({"decrypt"}), "encrypt": frozenset({"encrypt"})}
_WRAP: Mapping[Operation, frozenset[str]] = {
    "decrypt": frozenset({"decrypt", "unwrapKey"}),
    "encrypt": frozenset({"encrypt", "wrapKey"}),
}
_AGREE: Mapping[Operation, frozenset[str]] = {
    "decrypt": frozenset({"deriveKey", "deriveBits"}),
    "encrypt": frozenset({"deriveKey", "deriveBits"}),
}


def _key(alg: str, kty: set[str], key_ops: Mapping[Operation, frozenset[str]], bits: int = 0) -> KeyRule:
    return KeyRule(frozenset(kty), key_ops, bits, JWA.keymgmt_alg(alg))


def _encoding(enc: str, iv_bytes: int, tag_bytes: int) -> EncodingRule:
    engine = JWA.encryption_alg(enc)
    return EncodingRule(engine.wrap_key_size, iv_bytes, tag_bytes, engine)


# Some stand here that KEY_ALGORITHMS and CONTENT_ENCODINGS lack: the conformance vectors ask for them, partners cannot.
KEY_RULES: Final = {
    "dir": _key("dir", {"oct"}, _DIRECT),
    **{f"A{bits}KW": _key(f"A{bits}KW", {"oct"}, _WRAP, bits) for bits in (128, 192, 256)},
    **{f"A{bits}GCMKW": _key(f"A{bits}GCMKW", {"oct"}, _WRAP, bits) for bits in (128, 192, 256)},
    **{alg: _key(alg, {"RSA"}, _WRAP) for alg in ("RSA-OAEP", "RSA-OAEP-256")},
    "ECDH-ES": _key("ECDH-ES", {"EC", "OKP"}, _AGREE),
    **{f"ECDH-ES+A{bits}KW": _key(f"ECDH-ES+A{bits}KW", {"EC", "OKP"}, _AGREE) for bits in (128, 192, 256)},
}
ENCODING_RULES: Final = {
    **{f"A{bits}GCM": _encoding(f"A{bits}GCM", _GCM_IV_BYTES, _GCM_TAG_BYTES) for bits in (128, 192, 256)},
    "A128CBC-HS256": _encoding("A128CBC-HS256", _CBC_IV_BYTES, 16),
    "A192CBC-HS384": _encoding("A192CBC-HS384", _CBC_IV_BYTES, 24),
    "A256CBC-HS512": _encoding("A256CBC-HS512", _CBC_IV_BYTES, 32),
}


def encryption_key_fits(key: UsableKey, alg: str, enc: str, operation: Operation) -> bool:
    """Say whether `key` may be used so: its type, curve and size, its private half, and what its JWK says of it."""
    rule = KEY_RULES[alg]
    if key.kty not in rule.kty or key.use not in {None, "enc"}:
        return False
    if key.alg not in ({None, alg, enc} if alg == "dir" else {None, alg}):
        return False
    if key.key_ops is not None and key.key_ops.isdisjoint(rule.key_ops[operation]):
        return False
    if key.kty == "oct":
        return key.bits == (rule.bits or ENCODING_RULES[enc].key_bits)
    if operation == "decrypt" and not key.has_private:
        return False
    return key.kty == "RSA" or key.curve in POINT_BYTES
