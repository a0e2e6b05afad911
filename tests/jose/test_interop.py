"""Tokens of other libraries open here, and ours open there."""

import json
from typing import Any

import jwt
import pytest
from joserfc import jwe, jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from app.jose import base64url
from app.jose.encryption import CONTENT_ENCODINGS, KEY_ALGORITHMS, decrypt_payload, encrypt
from app.jose.encryption_rules import ENCODING_RULES
from app.jose.signature import SIGNATURE_ALGORITHMS, verify_payload
from app.jose.signing import sign
from tests.jose.tokens import CLAIMS, KeyRing, hand_signed, only_key

EVERY_SIGNATURE = sorted(SIGNATURE_ALGORITHMS)
EVERY_ENCODING = sorted(CONTENT_ENCODINGS)
KINDS = [*sorted(KEY_ALGORITHMS - {"dir"}), "X25519"]


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # joserfc urges RFC 9864's names; partners sign by this one
@pytest.mark.parametrize("alg", EVERY_SIGNATURE)
def test_joserfc_signature_is_verified_here(keys: KeyRing, alg: str) -> None:
    token = jws.serialize_compact({"alg": alg, "kid": "k1"}, CLAIMS, _joserfc(keys(alg).private_jwk), algorithms=[alg])

    assert verify_payload(token, [keys(alg).public], {alg}) == CLAIMS


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # joserfc urges RFC 9864's names; partners sign by this one
@pytest.mark.parametrize("alg", EVERY_SIGNATURE)
def test_our_signature_is_verified_by_joserfc(keys: KeyRing, alg: str) -> None:
    token = sign(CLAIMS, keys(alg).private, alg, {"kid": "k1"})

    verified = jws.deserialize_compact(token, _joserfc(_public(keys, alg)), algorithms=[alg])

    assert verified.payload == CLAIMS


@pytest.mark.parametrize("alg", EVERY_SIGNATURE)
def test_pyjwt_token_is_verified_here(keys: KeyRing, alg: str) -> None:
    token = jwt.encode(json.loads(CLAIMS), jwt.PyJWK(dict(keys(alg).private_jwk), alg).key, alg, {"kid": "k1"})

    payload = verify_payload(token, [keys(alg).public], {alg})

    assert json.loads(payload) == json.loads(CLAIMS)


@pytest.mark.parametrize("alg", EVERY_SIGNATURE)
def test_our_token_is_verified_by_pyjwt(keys: KeyRing, alg: str) -> None:
    token = sign(CLAIMS, keys(alg).private, alg, {"typ": "JWT"})

    claims = jwt.decode(token, jwt.PyJWK(dict(_public(keys, alg)), alg).key, [alg])

    assert claims == json.loads(CLAIMS)


@pytest.mark.parametrize("enc", EVERY_ENCODING)
@pytest.mark.parametrize("kind", KINDS)
def test_joserfc_encryption_opens_here(keys: KeyRing, kind: str, enc: str) -> None:
    alg = _alg(kind)
    inner = hand_signed({"alg": "HS256"}, keys("HS256").private, "HS256")
    header = {"alg": alg, "enc": enc, "cty": "JWT"}

    token = jwe.encrypt_compact(header, inner, _joserfc(_public(keys, kind)), algorithms=[alg, enc])

    assert decrypt_payload(token, [keys(kind).private], {alg}, {enc}) == inner.encode()


@pytest.mark.parametrize("enc", EVERY_ENCODING)
@pytest.mark.parametrize("kind", KINDS)
def test_our_encryption_opens_in_joserfc(keys: KeyRing, kind: str, enc: str) -> None:
    alg = _alg(kind)
    inner = hand_signed({"alg": "HS256"}, keys("HS256").private, "HS256")

    token = encrypt(inner, keys(kind).public, alg, enc, "k1")

    opened = jwe.decrypt_compact(token, _joserfc(keys(kind).private_jwk), algorithms=[alg, enc])
    assert opened.plaintext == inner.encode()


@pytest.mark.parametrize("enc", EVERY_ENCODING)
def test_joserfc_direct_encryption_opens_here_and_ours_there(keys: KeyRing, enc: str) -> None:
    jwk = {"kty": "oct", "k": base64url.encode(bytes(range(ENCODING_RULES[enc].key_bits // 8)))}
    inner = hand_signed({"alg": "HS256"}, keys("HS256").private, "HS256")

    theirs = jwe.encrypt_compact({"alg": "dir", "enc": enc}, inner, _joserfc(jwk), algorithms=["dir", enc])
    ours = encrypt(inner, only_key(jwk), "dir", enc, None)

    assert decrypt_payload(theirs, [only_key(jwk)], {"dir"}, {enc}) == inner.encode()
    assert jwe.decrypt_compact(ours, _joserfc(jwk), algorithms=["dir", enc]).plaintext == inner.encode()


@pytest.mark.parametrize("alg", ["ECDH-ES", "ECDH-ES+A256KW"])
def test_joserfc_encryption_with_party_information_opens_here(keys: KeyRing, alg: str) -> None:
    header = {"alg": alg, "enc": "A128GCM", "apu": base64url.encode(b"Alice"), "apv": base64url.encode(b"Bob")}

    token = jwe.encrypt_compact(header, b"a.b.c", _joserfc(keys(alg).public_jwk), algorithms=[alg, "A128GCM"])

    assert decrypt_payload(token, [keys(alg).private], {alg}, {"A128GCM"}) == b"a.b.c"


def _alg(kind: str) -> str:
    return "ECDH-ES+A256KW" if kind == "X25519" else kind


def _public(keys: KeyRing, kind: str) -> Any:
    return keys(kind).public_jwk or keys(kind).private_jwk


def _joserfc(jwk: Any) -> Any:
    # Without alg and use: joserfc would want "X25519" keys and these to agree with a header that it did not write.
    members = {name: value for name, value in jwk.items() if name not in {"alg", "use"}}
    kinds: dict[str, Any] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey, "oct": OctKey}
    return kinds[members["kty"]].import_key(members)
