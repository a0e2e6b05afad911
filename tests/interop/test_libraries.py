"""Tokens of other libraries open here, and ours open there: every algorithm, in both directions."""

import json
from collections.abc import Callable

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey

from app.jose import base64url
from app.jose.encryption import CONTENT_ENCODINGS, KEY_ALGORITHMS, decrypt_payload, encrypt
from app.jose.encryption_rules import ENCODING_RULES
from app.jose.keys import KeyPolicy, import_keys
from app.jose.signature import SIGNATURE_ALGORITHMS, verify_payload
from app.jose.signing import sign
from tests.interop.peers import Encrypting, Publishing, Signing
from tests.jose.tokens import CLAIMS, KeyRing, Pair, hand_signed, only_key

# joserfc urges RFC 9864's name; partners sign by either.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")

SIGNERS = ("pyjwt", "joserfc", "authlib", "jose", "jsonwebtoken", "node-jose")
ENCRYPTERS = ("joserfc", "authlib", "jose", "node-jose")
WITHOUT_EDWARDS_CURVES = {"jsonwebtoken", "node-jose"}
WITHOUT_ALGORITHM = {"EdDSA": WITHOUT_EDWARDS_CURVES, "Ed25519": {*WITHOUT_EDWARDS_CURVES, "pyjwt", "authlib"}}
# node-jose derives 256 bits at most.
NOT_IN_NODE_JOSE = ("node-jose", "ECDH-ES", "A256CBC-HS512")
X25519 = ("ECDH-ES on X25519", "ECDH-ES+A256KW on X25519")


SIGNATURES = [
    pytest.param(library, alg, id=f"{library}-{alg}")
    for library in SIGNERS
    for alg in sorted(SIGNATURE_ALGORITHMS)
    if library not in WITHOUT_ALGORITHM.get(alg, ())
]
KEY_SETS = [
    pytest.param(library, alg, id=f"{library}-{alg}")
    for library in ("pyjwt", "joserfc", "authlib", "jose", "node-jose")
    for alg in ("RS256", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
    if library not in WITHOUT_ALGORITHM.get(alg, ())
]
ENCRYPTIONS = [
    pytest.param(library, kind, enc, id=f"{library}-{kind}-{enc}".replace(" on ", "-"))
    for library in ENCRYPTERS
    for kind in (*sorted(KEY_ALGORITHMS), *X25519)
    for enc in sorted(CONTENT_ENCODINGS)
    if (kind not in X25519 or library not in WITHOUT_EDWARDS_CURVES) and (library, kind, enc) != NOT_IN_NODE_JOSE
]


@pytest.mark.parametrize(("library", "alg"), SIGNATURES)
def test_signature_of_another_library_is_verified_here(
    keys: KeyRing, peer: Callable[[str], Signing], library: str, alg: str
) -> None:
    pair = keys(alg)
    token = peer(library).sign(CLAIMS.decode(), pair.private_jwk, alg, "k1")

    payload = verify_payload(token, [pair.public], {alg})

    assert json.loads(payload) == json.loads(CLAIMS)


@pytest.mark.parametrize(("library", "alg"), SIGNATURES)
def test_signature_of_ours_is_verified_by_another_library(
    keys: KeyRing, peer: Callable[[str], Signing], library: str, alg: str
) -> None:
    pair = keys(alg)
    token = sign(CLAIMS, pair.private, alg, {"kid": "k1", "typ": "JWT"})

    payload = peer(library).verify(token, pair.public_jwk or pair.private_jwk, alg)

    assert json.loads(payload) == json.loads(CLAIMS)


@pytest.mark.parametrize(("library", "alg"), KEY_SETS)
def test_key_set_that_another_library_writes_verifies_what_it_signs(
    peer: Callable[[str], Publishing], library: str, alg: str
) -> None:
    document, token = peer(library).publish(CLAIMS.decode(), alg, "2027-03")

    imported = import_keys(document, KeyPolicy.remote())

    assert ([key.kid for key in imported.keys], imported.dropped) == (["2027-03"], ())
    assert json.loads(verify_payload(token, imported, {alg})) == json.loads(CLAIMS)


@pytest.mark.parametrize(("library", "kind", "enc"), ENCRYPTIONS)
def test_encryption_of_another_library_opens_here(
    keys: KeyRing, peer: Callable[[str], Encrypting], library: str, kind: str, enc: str
) -> None:
    alg, pair = _pair(keys, kind, enc)
    inner = _inner(keys)

    token = peer(library).encrypt(inner, pair.public_jwk or pair.private_jwk, alg, enc, "k1")

    assert decrypt_payload(token, [pair.private], {alg}, {enc}) == inner.encode()


@pytest.mark.parametrize(("library", "kind", "enc"), ENCRYPTIONS)
def test_encryption_of_ours_opens_in_another_library(
    keys: KeyRing, peer: Callable[[str], Encrypting], library: str, kind: str, enc: str
) -> None:
    alg, pair = _pair(keys, kind, enc)
    inner = _inner(keys)

    token = encrypt(inner, pair.public, alg, enc, "k1")

    assert peer(library).decrypt(token, pair.private_jwk, alg, enc) == inner


@pytest.mark.parametrize("alg", ["ECDH-ES", "ECDH-ES+A256KW"])
def test_encryption_with_party_information_opens_here(keys: KeyRing, alg: str) -> None:
    header = {"alg": alg, "enc": "A128GCM", "apu": base64url.encode(b"Alice"), "apv": base64url.encode(b"Bob")}

    token = jwe.encrypt_compact(header, b"a.b.c", ECKey.import_key(dict(keys(alg).public_jwk)), [alg, "A128GCM"])

    assert decrypt_payload(token, [keys(alg).private], {alg}, {"A128GCM"}) == b"a.b.c"


def _inner(keys: KeyRing) -> str:
    return hand_signed({"alg": "HS256"}, keys("HS256").private, "HS256")


def _pair(keys: KeyRing, kind: str, enc: str) -> tuple[str, Pair]:
    if kind == "dir":
        jwk = {"kty": "oct", "k": base64url.encode(bytes(range(ENCODING_RULES[enc].key_bits // 8))), "kid": "k1"}
        return kind, Pair(jwk, {}, only_key(jwk), only_key(jwk))
    alg = kind.partition(" ")[0]
    pair = keys("X25519" if kind in X25519 else kind)
    return alg, pair
