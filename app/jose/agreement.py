"""Key agreement: the content key of a JWE by ECDH-ES (RFC 7518 section 4.6, RFC 8037 section 3.2).

The one algorithm that is not jwcrypto's: opening a JWE, jwcrypto makes a JWK of whatever the sender's `epk` holds, be
it a command to generate one; and opening and making alike it spends longer on its JWKs than on the agreement.
"""

import os
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from app.jose import base64url
from app.jose.encryption_rules import POINT_BYTES
from app.jose.keys import UsableKey
from app.jose.material import padded_coordinate

_EC_CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
_KEY_WRAP_BITS = {"ECDH-ES+A128KW": 128, "ECDH-ES+A192KW": 192, "ECDH-ES+A256KW": 256}
_UNCOMPRESSED = b"\x04"


def agree_content_key(
    key: UsableKey, header: Mapping[str, object], enc: str, content_key_bits: int, encrypted_key: bytes
) -> bytes:
    """Return the content key of a JWE with that header, made for `key`; raise if it does not come out."""
    alg = str(header["alg"])
    if alg not in _KEY_WRAP_BITS:
        if encrypted_key:
            raise ValueError("direct agreement has no encrypted key")
        return _derive(_shared_secret(key, header), header, enc, content_key_bits)
    wrapping_key = _derive(_shared_secret(key, header), header, alg, _KEY_WRAP_BITS[alg])
    content_key = aes_key_unwrap(wrapping_key, encrypted_key)
    if len(content_key) * 8 != content_key_bits:
        raise ValueError("a content key of another size")
    return content_key


def offer_content_key(
    key: UsableKey, alg: str, enc: str, content_key_bits: int
) -> tuple[bytes, bytes, Mapping[str, object]]:
    """Return a new content key for the holder of `key`, that key encrypted, and what the header has to say of it."""
    secret, epk = _exchange_with(key)
    if alg not in _KEY_WRAP_BITS:
        return _derive(secret, {}, enc, content_key_bits), b"", {"epk": epk}
    content_key = os.urandom(content_key_bits // 8)
    wrapping_key = _derive(secret, {}, alg, _KEY_WRAP_BITS[alg])
    return content_key, aes_key_wrap(wrapping_key, content_key), {"epk": epk}


def _exchange_with(key: UsableKey) -> tuple[bytes, Mapping[str, str]]:
    """Return what a new ephemeral key and `key` agree on, and the ephemeral key's public half."""
    public: Any = key.material.get_op_key("wrapKey")
    curve = key.curve or ""
    if key.kty == "OKP":
        agreeing = X25519PrivateKey.generate()
        x = agreeing.public_key().public_bytes_raw()
        return agreeing.exchange(public), {"kty": "OKP", "crv": curve, "x": base64url.encode(x)}
    ephemeral = ec.generate_private_key(_EC_CURVES[curve])
    numbers, size = ephemeral.public_key().public_numbers(), POINT_BYTES[curve]
    point = {name: base64url.encode(getattr(numbers, name).to_bytes(size, "big")) for name in ("x", "y")}
    return ephemeral.exchange(ec.ECDH(), public), {"kty": "EC", "crv": curve, **point}


def _shared_secret(key: UsableKey, header: Mapping[str, object]) -> bytes:
    private: Any = key.material.get_op_key("unwrapKey")
    epk = header.get("epk")
    if not isinstance(epk, Mapping) or epk.get("kty") != key.kty or epk.get("crv") != key.curve or key.curve is None:
        raise ValueError("another curve")
    if key.kty == "OKP":  # the library takes 32 octets and no others, and no point that agrees on zero
        return bytes(private.exchange(X25519PublicKey.from_public_bytes(base64url.decode(epk.get("x")))))
    point = _UNCOMPRESSED + _coordinate(epk, "x", key.curve) + _coordinate(epk, "y", key.curve)
    # It refuses a point off the curve, which would give our private key away bit by bit (RFC 8725 section 2.4).
    public = ec.EllipticCurvePublicKey.from_encoded_point(_EC_CURVES[key.curve], point)
    return bytes(private.exchange(ec.ECDH(), public))


def _coordinate(epk: Mapping[str, object], name: str, curve: str) -> bytes:
    return padded_coordinate(base64url.decode(epk.get(name)), POINT_BYTES[curve])


def _derive(secret: bytes, header: Mapping[str, object], algorithm: str, bits: int) -> bytes:
    parties = (base64url.decode(header.get(name, "")) for name in ("apu", "apv"))
    fields = (algorithm.encode("ascii"), *parties)
    other_info = b"".join(len(field).to_bytes(4, "big") + field for field in fields) + bits.to_bytes(4, "big")
    return ConcatKDFHash(SHA256(), bits // 8, other_info).derive(secret)
