"""Private keys for test tokens: a PEM or JWK file, as a key that signs."""

import json
from typing import Any, assert_never

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from app.domain.strict_json import NotStrictJson, parse_object
from app.jose import base64url
from app.jose.keys import KeyRefused, UsableKey, import_keys
from app.jose.material import PRIVATE_MEMBERS

_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_ALGORITHMS = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA"}


def read_private_jwk(content: bytes) -> dict[str, Any]:
    """Return the private JWK that a file holds, PEM (without a password) or JSON; raise KeyRefused if it holds none."""
    if content.lstrip().startswith(b"{"):
        try:
            return parse_object(content)
        except NotStrictJson:
            raise KeyRefused("not_json") from None
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError):
        raise KeyRefused("not_a_private_key") from None
    if isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey):
        return _jwk_of(key)
    raise KeyRefused("kty_unsupported")


def usable(jwk: dict[str, Any]) -> UsableKey:
    """Return a JWK as a key that signs; raise KeyRefused."""
    imported = import_keys(jwk)
    if imported.dropped:
        raise KeyRefused(imported.dropped[0].reason)
    key = next(iter(imported.keys), None)  # a JWK Set may hold none
    if key is None or not (key.has_private or key.kty == "oct"):
        raise KeyRefused("not_a_private_key")
    return key


def public_half(jwk: dict[str, Any]) -> dict[str, Any]:
    """Return the public members of a JWK."""
    return {name: value for name, value in jwk.items() if name not in PRIVATE_MEMBERS}


def usual_algorithm(key: UsableKey) -> str:
    """Return the algorithm that a key is for by itself, or by custom."""
    if key.alg is not None:
        return key.alg
    return {"RSA": "RS256", "oct": "HS256"}.get(key.kty) or _ALGORITHMS[key.curve or ""]


def as_text(jwk: dict[str, Any]) -> str:
    """Return a JWK as the text of a file."""
    return json.dumps(jwk, indent=2) + "\n"


def _jwk_of(key: RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey) -> dict[str, Any]:
    match key:
        case RSAPrivateKey():
            return _rsa(key)
        case EllipticCurvePrivateKey():
            return _elliptic(key)
        case Ed25519PrivateKey():
            private, public = key.private_bytes_raw(), key.public_key().public_bytes_raw()
            return {"kty": "OKP", "crv": "Ed25519", "x": base64url.encode(public), "d": base64url.encode(private)}
        case _:
            assert_never(key)


def _rsa(key: RSAPrivateKey) -> dict[str, Any]:
    private = key.private_numbers()
    numbers = {
        "n": private.public_numbers.n,
        "e": private.public_numbers.e,
        "d": private.d,
        "p": private.p,
        "q": private.q,
        "dp": private.dmp1,
        "dq": private.dmq1,
        "qi": private.iqmp,
    }
    return {"kty": "RSA", **{name: _octets(number, (number.bit_length() + 7) // 8) for name, number in numbers.items()}}


def _elliptic(key: EllipticCurvePrivateKey) -> dict[str, Any]:
    if key.curve.name not in _CURVES:
        raise KeyRefused("curve_unsupported")
    private, size = key.private_numbers(), (key.curve.key_size + 7) // 8
    numbers = {"x": private.public_numbers.x, "y": private.public_numbers.y, "d": private.private_value}
    return {
        "kty": "EC",
        "crv": _CURVES[key.curve.name],
        **{name: _octets(number, size) for name, number in numbers.items()},
    }


def _octets(number: int, size: int) -> str:
    return base64url.encode(number.to_bytes(size, "big"))
