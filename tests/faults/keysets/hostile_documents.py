"""Key sets that mean harm: each holds the good key too, and says what must become of it and of the others.

Knows JWK (RFC 7517); refuses to know who reads it.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey, RSAKey

from tests.faults.keysets.jwks_server import Reply, json_reply
from tests.journey.tokens import Signer, b64

GOOD = Signer.make("ES256", kid="good")
LEAKED = Signer.make("ES256", kid="private")
TWICE = Signer.make("ES256", kid="twice")
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Hostile:
    """A set that is taken without its bad keys: `dropped` holds their kids and reasons; or refused whole (None)."""

    reply: Reply = field(repr=False)
    dropped: frozenset[tuple[str | None, str]] | None


def hostile_documents() -> Mapping[str, Hostile]:
    """Return each kind of hostile set by its name."""
    good = GOOD.jwk
    return {
        "generate": _with({"generate": "RSA", "size": 16384, "kid": "made"}, ("made", "kty_unsupported")),
        "oct": _with({"kty": "oct", "k": b64(os.urandom(32)), "kid": "secret"}, ("secret", "symmetric_key")),
        "private EC": _with(_private(LEAKED), ("private", "private_key")),
        "private RSA": _with(_private(Signer.make("RS256", kid="private")), ("private", "private_key")),
        "RSA-512": _with(_rsa(int.from_bytes(os.urandom(64), "big") | 1 | 1 << 511, "short"), ("short", "rsa_size")),
        "ROCA": _with(_rsa(_roca_modulus(), "roca"), ("roca", "rsa_roca")),
        "off-curve": _with(_off_curve("crooked"), ("crooked", "key_invalid")),
        "kid twice": _with(TWICE.jwk, ("twice", "kid_ambiguous"), {**Signer.make("ES256").jwk, "kid": "twice"}),
        "kid of 100 KB": _with({**TWICE.jwk, "kid": "k" * 100_000}, (None, "kid_invalid")),
        "kid of 1 MB": Hostile(json_reply({"keys": [good, {**TWICE.jwk, "kid": "k" * 2**20}]}), None),
        "10,000 small keys": Hostile(json_reply({"keys": [good, *({} for _ in range(9_999))]}), _MANY),
        "10,000 keys": Hostile(json_reply({"keys": [good, *(_numbered(number) for number in range(9_999))]}), None),
        "10,000 small keys before": Hostile(json_reply({"keys": [*({} for _ in range(9_999)), good]}), None),
        "deep JSON": Hostile(_raw(b'{"keys": [%s], "x": %s1%s}', b"[" * 100_000, b"]" * 100_000), None),
        "name twice in the set": Hostile(_raw(b'{"keys": [], "keys": [%s]}'), None),
        "name twice in a key": Hostile(_raw(b'{"keys": [%s, {"kty": "EC", "kty": "RSA"}]}'), None),
    }


_MANY = frozenset({(None, "kid_missing"), (None, "too_many_keys")})


def _with(bad: Mapping[str, object], dropped: tuple[str | None, str], *more: Mapping[str, object]) -> Hostile:
    """Put the bad keys around the good one."""
    return Hostile(json_reply({"keys": [bad, GOOD.jwk, *more]}), frozenset({dropped}))


def _raw(text: bytes, *parts: bytes) -> Reply:
    return Reply(text % (json.dumps(GOOD.jwk).encode(), *parts), headers=_JSON)


def _private(signer: Signer) -> dict[str, Any]:
    assert not isinstance(signer.key, bytes)
    kind = ECKey if isinstance(signer.key, ec.EllipticCurvePrivateKey) else RSAKey
    return {**kind.import_key(signer.key).as_dict(private=True), "kid": signer.kid}  # type: ignore[arg-type] # it is of that kind


def _rsa(modulus: int, kid: str) -> dict[str, str]:
    octets = modulus.to_bytes((modulus.bit_length() + 7) // 8, "big")
    return {"kty": "RSA", "n": b64(octets), "e": "AQAB", "kid": kid}


def _roca_modulus() -> int:
    """Return 2,048 bits that bear the mark of the flawed generator: a power of 65537 modulo every small prime."""
    product = 1
    for candidate in range(2, 168):
        product *= candidate if all(candidate % smaller for smaller in range(2, candidate)) else 1
    modulus = (1 << 2047) // product * product + product + pow(65537, 4711, product)
    return modulus + product * (1 - modulus % 2)


def _off_curve(kid: str) -> dict[str, str]:
    return {"kty": "EC", "crv": "P-256", "x": b64(b"\x01" * 32), "y": b64(b"\x01" * 32), "kid": kid}


@cache
def _coordinates() -> tuple[str, str]:
    jwk = Signer.make("ES256").jwk
    return jwk["x"], jwk["y"]


def _numbered(number: int) -> dict[str, str]:
    x, y = _coordinates()
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": f"key-{number}"}
