"""Tokens and keys of our own."""

from typing import Any

import pytest

from app.jose.gate import REFUSED_MEMBERS, open_token
from app.jose.keys import KeyPolicy, KeyRefused, import_keys
from app.jose.signature import SIGNATURE_ALGORITHMS, verify
from app.jose.signing import KEY_KINDS, generate_key, sign
from tests.jose.tokens import CLAIMS, KeyRing, only_key


@pytest.mark.parametrize("alg", sorted(SIGNATURE_ALGORITHMS))
def test_sign_token_is_verified_by_the_public_half(keys: KeyRing, alg: str) -> None:
    token = open_token(sign(CLAIMS, keys(alg).private, alg, {"kid": "k1", "typ": "JWT"}))

    assert verify(token, [keys(alg).public], {alg}).kid == "k1"
    assert token.header == {"kid": "k1", "typ": "JWT", "alg": alg}
    assert token.payload == CLAIMS


def test_sign_header_cannot_say_another_alg(keys: KeyRing) -> None:
    token = open_token(sign(CLAIMS, keys("HS256").private, "HS256", {"alg": "none"}))

    assert token.alg == "HS256"


@pytest.mark.parametrize(
    ("kind", "alg"),
    [
        pytest.param("ES256", "ES384", id="another-curve"),
        pytest.param("RS256", "PS256", id="another-alg-than-its-own"),
        pytest.param("ECDH-ES", "ES256", id="key-for-encryption"),
        pytest.param("HS256", "HS512", id="short-secret"),
        pytest.param("RS256", "none", id="none"),
    ],
)
def test_sign_key_that_does_not_fit_is_refused(keys: KeyRing, kind: str, alg: str) -> None:
    with pytest.raises(KeyRefused, match="key_unfit_for_algorithm"):
        sign(CLAIMS, keys(kind).private, alg, {})


def test_sign_public_half_is_refused(keys: KeyRing) -> None:
    with pytest.raises(KeyRefused, match="key_unfit_for_algorithm"):
        sign(CLAIMS, keys("ES256").public, "ES256", {})


@pytest.mark.parametrize("name", sorted(REFUSED_MEMBERS))
def test_sign_header_member_that_the_gate_refuses_is_refused(keys: KeyRing, name: str) -> None:
    with pytest.raises(KeyRefused, match="header_member_refused"):
        sign(CLAIMS, keys("ES256").private, "ES256", {name: None})


@pytest.mark.parametrize("kind", sorted(KEY_KINDS))
def test_generate_key_both_halves_are_what_we_take_ourselves(keys: KeyRing, kind: str) -> None:
    private_jwk, public_jwk = keys(kind).private_jwk, keys(kind).public_jwk

    private = only_key(private_jwk)

    assert private.kid == "k1"
    assert private.use == ("sig" if kind in SIGNATURE_ALGORITHMS else "enc")
    if private.kty == "oct":
        assert public_jwk == {}
    else:
        assert only_key(public_jwk).thumbprint == private.thumbprint
        assert not {"d", "p", "q", "dp", "dq", "qi"} & public_jwk.keys()


@pytest.mark.parametrize("kind", ["RS256", "ES256", "EdDSA"])
def test_generate_key_public_half_may_stand_in_a_remote_set(keys: KeyRing, kind: str) -> None:
    public_jwk: dict[str, Any] = dict(keys(kind).public_jwk)

    assert import_keys({"keys": [public_jwk]}, KeyPolicy.remote()).dropped == ()


def test_generate_key_of_another_kind_is_refused() -> None:
    with pytest.raises(KeyRefused, match="kind_unknown"):
        generate_key("RS1", "k1")
