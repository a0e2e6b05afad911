"""Key material: which numbers may be a key at all.

Reads the allow-listed members of one JWK into canonical ones: sizes, exponents, curves, lengths, the ROCA fingerprint.
Knows no policy, no kid and no algorithm. What is left to the library (a point on its curve, a private key that belongs
to its public one) is checked where the key is parsed, in `keys.py`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from app.errors import VestibuleError
from app.jose import base64url

PRIVATE_MEMBERS: Final = ("d", "p", "q", "dp", "dq", "qi", "oth")
"""Members of a JWK that only a private key has (RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037 section 2)."""
RSA_MIN_BITS: Final = 2048
RSA_MAX_BITS: Final = 8192
RSA_MIN_EXPONENT: Final = 65537
RSA_MAX_EXPONENT_BITS: Final = 64
SECRET_MIN_BYTES: Final = 16
"""The smallest AES key; a signature algorithm asks for more (RFC 7518 section 3.2)."""
SECRET_MAX_BYTES: Final = 1024
"""Far above every hash's block; longer ones are files that were pasted by mistake."""

_MOST_LEADING_ZEROS = 4
"""Of the coordinate of a point that was made by chance, octets."""
_EC_CURVES = {"P-256": 256, "P-384": 384, "P-521": 521}
_OKP_CURVES = frozenset({"Ed25519", "X25519"})
_OKP_BYTES = 32
_RSA_PRIVATE = ("d", "p", "q", "dp", "dq", "qi")

# Infineon's flawed generator makes n a power of 65537 modulo every small prime (CVE-2017-15361). Modulo each of these
# the powers of 65537 are few, so that a sound modulus has the mark by chance once in 2^27.
_ROCA_PRIMES = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)
_ROCA_RESIDUES = {prime: frozenset(pow(65537, power, prime) for power in range(prime)) for prime in _ROCA_PRIMES}

# Points of Ed25519 whose order divides eight, by their y (RFC 8032 section 5.1): as a public key, such a point verifies
# signatures that anybody forges.
_FIELD_25519 = 2**255 - 19
_ORDER_EIGHT = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_LOW_ORDER = frozenset({0, 1, _FIELD_25519 - 1, _ORDER_EIGHT, _FIELD_25519 - _ORDER_EIGHT})
_SIGN_BIT = 2**255


class KeyRefused(VestibuleError):
    """A key that we do not use, for a stable `reason` in snake_case; never holds any of the key."""

    code: ClassVar[str] = "key_refused"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Material:
    """The canonical members of a key, and its size: `bits` is that of the modulus, the curve or the secret."""

    members: Mapping[str, str] = field(repr=False)
    bits: int
    curve: str | None = None
    has_private: bool = False


def read_material(jwk: Mapping[str, object]) -> Material:
    """Return the material of one JWK (RFC 7517 section 4); raise KeyRefused if it may not be used whoever says so."""
    match jwk.get("kty"):
        case "RSA":
            return _read_rsa(jwk)
        case "EC":
            return _read_ec(jwk)
        case "OKP":
            return _read_okp(jwk)
        case "oct":
            return _read_oct(jwk)
        case _:
            raise KeyRefused("kty_unsupported")


def has_roca_fingerprint(modulus: int) -> bool:
    """Say whether an RSA modulus bears the mark of the generator whose keys can be factored (CVE-2017-15361)."""
    return all(modulus % prime in residues for prime, residues in _ROCA_RESIDUES.items())


def padded_coordinate(raw: bytes, size: int) -> bytes:
    """Return a coordinate of a point with its leading zeros; raise ValueError where more than those may be missing.

    RFC 7518 section 6.2.1.2 wants them. Authlib leaves them out: of one point in 128, on P-521 of three in four.
    """
    if not size - _MOST_LEADING_ZEROS <= len(raw) <= size:
        raise ValueError("a coordinate of another length")
    return raw.rjust(size, b"\0")


def _read_rsa(jwk: Mapping[str, object]) -> Material:
    modulus, exponent = _number(jwk, "n"), _number(jwk, "e")
    if not RSA_MIN_BITS <= modulus.bit_length() <= RSA_MAX_BITS:
        raise KeyRefused("rsa_size")
    if modulus % 2 == 0:
        raise KeyRefused("rsa_modulus")
    if exponent < RSA_MIN_EXPONENT or exponent % 2 == 0 or exponent.bit_length() > RSA_MAX_EXPONENT_BITS:
        raise KeyRefused("rsa_exponent")
    if has_roca_fingerprint(modulus):
        raise KeyRefused("rsa_roca")
    has_private = any(name in jwk for name in PRIVATE_MEMBERS)
    if has_private and ("oth" in jwk or not all(name in jwk for name in _RSA_PRIVATE)):
        raise KeyRefused("private_key_incomplete")
    names = ("n", "e", *(_RSA_PRIVATE if has_private else ()))
    members = {name: _minimal(_number(jwk, name)) for name in names}
    return Material({"kty": "RSA", **members}, modulus.bit_length(), has_private=has_private)


def _read_ec(jwk: Mapping[str, object]) -> Material:
    curve = _curve(jwk, _EC_CURVES)
    bits = _EC_CURVES[curve]
    size = (bits + 7) // 8
    members = {name: _coordinate(jwk, name, size) for name in ("x", "y")}
    if "d" in jwk:
        members["d"] = _octets(jwk, "d", size)
    return Material({"kty": "EC", "crv": curve, **members}, bits, curve, has_private="d" in jwk)


def _read_okp(jwk: Mapping[str, object]) -> Material:
    curve = _curve(jwk, _OKP_CURVES)
    names = ("x", "d") if "d" in jwk else ("x",)
    members = {name: _octets(jwk, name, _OKP_BYTES) for name in names}
    if curve == "Ed25519" and _has_low_order(members["x"]):
        raise KeyRefused("okp_low_order")
    return Material({"kty": "OKP", "crv": curve, **members}, _OKP_BYTES * 8, curve, has_private="d" in jwk)


def _curve(jwk: Mapping[str, object], curves: Collection[str]) -> str:
    if "crv" not in jwk:
        raise KeyRefused("member_missing")
    curve = jwk["crv"]
    if not isinstance(curve, str) or curve not in curves:
        raise KeyRefused("curve_unsupported")
    return curve


def _has_low_order(point: str) -> bool:
    # The library takes a y beyond the field too, so it is reduced first.
    y = int.from_bytes(base64url.decode(point), "little") % _SIGN_BIT
    return y % _FIELD_25519 in _LOW_ORDER


def _read_oct(jwk: Mapping[str, object]) -> Material:
    secret = _decoded(jwk, "k")
    if len(secret) < SECRET_MIN_BYTES:
        raise KeyRefused("secret_too_short")
    if len(secret) > SECRET_MAX_BYTES:
        raise KeyRefused("secret_too_long")
    return Material({"kty": "oct", "k": base64url.encode(secret)}, len(secret) * 8)


def _number(jwk: Mapping[str, object], name: str) -> int:
    # Leading zero octets are tolerated, since some libraries write one (RFC 7518 section 6.3.1.1), and never kept.
    return int.from_bytes(_decoded(jwk, name), "big")


def _minimal(number: int) -> str:
    return base64url.encode(number.to_bytes((number.bit_length() + 7) // 8 or 1, "big"))


def _octets(jwk: Mapping[str, object], name: str, size: int) -> str:
    raw = _decoded(jwk, name)
    if len(raw) != size:
        raise KeyRefused("member_length")
    return base64url.encode(raw)


def _coordinate(jwk: Mapping[str, object], name: str, size: int) -> str:
    try:
        return base64url.encode(padded_coordinate(_decoded(jwk, name), size))
    except ValueError:
        raise KeyRefused("member_length") from None


def _decoded(jwk: Mapping[str, object], name: str) -> bytes:
    if name not in jwk:
        raise KeyRefused("member_missing")
    try:
        return base64url.decode_key_member(jwk[name])
    except ValueError:
        raise KeyRefused("member_not_base64url") from None
