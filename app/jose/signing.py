"""Signing: making tokens and keys of our own, for the demo partner, `token mint` and our access tokens.

Never on the way of a participant's token.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from jwcrypto.jwk import JWK

from app.jose import base64url
from app.jose.gate import REFUSED_MEMBERS
from app.jose.keys import KeyRefused, UsableKey
from app.jose.material import PRIVATE_MEMBERS
from app.jose.signature import RULES, key_fits

KEY_KINDS: Final[Mapping[str, Mapping[str, Any]]] = {
    **{alg: {"kty": "RSA", "size": 2048} for alg in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")},
    "ES256": {"kty": "EC", "crv": "P-256"},
    "ES384": {"kty": "EC", "crv": "P-384"},
    "ES512": {"kty": "EC", "crv": "P-521"},
    **{alg: {"kty": "OKP", "crv": "Ed25519"} for alg in ("EdDSA", "Ed25519")},
    **{f"HS{bits}": {"kty": "oct", "size": bits} for bits in (256, 384, 512)},
    "RSA-OAEP-256": {"kty": "RSA", "size": 2048},
    "ECDH-ES": {"kty": "EC", "crv": "P-256"},
    "ECDH-ES+A256KW": {"kty": "EC", "crv": "P-256"},
    "X25519": {"kty": "OKP", "crv": "X25519"},
    **{f"A{bits}KW": {"kty": "oct", "size": bits} for bits in (128, 192, 256)},
    **{f"A{bits}GCMKW": {"kty": "oct", "size": bits} for bits in (128, 256)},
}
"""What `generate_key` makes: a key for the algorithm of that name; `X25519` is for any ECDH-ES."""


def sign(claims_json: bytes, key: UsableKey, alg: str, header: Mapping[str, object]) -> str:
    """Return a compact JWS over `claims_json` (RFC 7515 section 7.1); `header` adds kid, typ and the like to `alg`.

    Raise KeyRefused if the key has no private half or is not for `alg`, or if `header` holds what the gate refuses.
    """
    if alg not in RULES or not key_fits(key, alg, "sign") or not (key.has_private or key.kty == "oct"):
        raise KeyRefused("key_unfit_for_algorithm")
    if not REFUSED_MEMBERS.isdisjoint(header):
        raise KeyRefused("header_member_refused")
    protected = json.dumps({**header, "alg": alg}, separators=(",", ":")).encode("utf-8")
    signing_input = f"{base64url.encode(protected)}.{base64url.encode(claims_json)}"
    signature: bytes = RULES[alg].engine.sign(key.material, signing_input.encode("ascii"))
    return f"{signing_input}.{base64url.encode(signature)}"


def generate_key(kind: str, kid: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return a new key as (private JWK, public JWK), for one of KEY_KINDS; raise KeyRefused for another kind.

    A symmetric key has no public half: its second JWK is empty.
    """
    if kind not in KEY_KINDS:
        raise KeyRefused("kind_unknown")
    material: dict[str, str] = JWK.generate(**KEY_KINDS[kind]).export(as_dict=True)
    material.pop("kid", None)
    says = {"kid": kid, "use": "sig" if kind in RULES else "enc", **({} if kind == "X25519" else {"alg": kind})}
    private = {**material, **says}
    if material["kty"] == "oct":
        return private, {}
    public = {name: value for name, value in private.items() if name not in PRIVATE_MEMBERS}
    return private, public
