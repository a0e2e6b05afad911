"""Which numbers may be a key at all, whoever says so."""

from collections.abc import Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from app.jose import base64url
from app.jose.keys import DroppedKey, import_keys
from app.jose.material import RSA_MAX_BITS, has_roca_fingerprint
from app.jose.signing import generate_key
from tests.jose.tokens import KeyRing


def test_import_keys_thumbprint_is_that_of_the_rfc() -> None:
    """RFC 7638 section 3.1 and RFC 8037 appendix A.3."""
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhM"
        "stn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5"
        "hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    rsa_key = {"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    okp_key = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}

    imported = import_keys({"keys": [rsa_key, okp_key]}).keys

    assert [key.thumbprint for key in imported] == [
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    ]


def test_import_keys_same_key_written_otherwise_has_the_same_thumbprint(keys: KeyRing) -> None:
    jwk = {name: keys("RS256").public_jwk[name] for name in ("kty", "n", "e")}
    with_zero = {**jwk, "n": base64url.encode(b"\x00" + base64url.decode(jwk["n"]))}

    thumbprints = {import_keys(document).keys[0].thumbprint for document in (jwk, with_zero)}

    assert thumbprints == {keys("RS256").public.thumbprint}


@pytest.mark.parametrize(
    ("kind", "change", "reason"),
    [
        pytest.param("RS256", {"kty": None}, "kty_unsupported", id="kty-null"),
        pytest.param("RS256", {"kty": "rsa"}, "kty_unsupported", id="kty-in-small-letters"),
        pytest.param("RS256", {"kty": "AKP", "alg": "ML-DSA-44"}, "kty_unsupported", id="kty-post-quantum"),
        pytest.param("ES256", {"kty": "RSA"}, "member_missing", id="kty-of-another-key"),
        pytest.param("ES256", {"crv": "P-384"}, "member_length", id="crv-of-another-curve"),
        pytest.param("ES256", {"crv": "secp256k1"}, "curve_unsupported", id="crv-secp256k1"),
        pytest.param("ES256", {"crv": None}, "curve_unsupported", id="crv-null"),
        pytest.param("ES256", {"crv": ["P-256"]}, "curve_unsupported", id="crv-array"),
        pytest.param("EdDSA", {"crv": "Ed448"}, "curve_unsupported", id="crv-ed448"),
        pytest.param("ES256", {"x": "A" * 43}, "key_invalid", id="point-off-the-curve"),
        pytest.param("ES256", {"x": "_" * 42 + "8"}, "key_invalid", id="coordinate-over-the-field"),
        pytest.param("ES256", {"x": "A" * 36}, "member_length", id="coordinate-short"),
        pytest.param("ES256", {"y": 5}, "member_not_base64url", id="coordinate-number"),
        pytest.param("ES256", {"x": "A" * 43 + "="}, "member_not_base64url", id="coordinate-padded"),
        pytest.param("ES256", {"x": "+" * 43}, "member_not_base64url", id="coordinate-in-base64"),
        pytest.param("RS256", {"e": "AQ"}, "rsa_exponent", id="exponent-1"),
        pytest.param("RS256", {"e": "Aw"}, "rsa_exponent", id="exponent-3"),
        pytest.param("RS256", {"e": "AQAA"}, "rsa_exponent", id="exponent-even"),
        pytest.param(
            "RS256", {"e": base64url.encode((2**64 + 1).to_bytes(9, "big"))}, "rsa_exponent", id="exponent-65"
        ),
        pytest.param("RS256", {"e": ""}, "rsa_exponent", id="exponent-empty"),
        pytest.param("RS256", {"n": "AQAB"}, "rsa_size", id="modulus-17-bits"),
        pytest.param("RS256", {"n": base64url.encode(b"\xff" * 64)}, "rsa_size", id="modulus-512-bits"),
        pytest.param("RS256", {"n": base64url.encode(b"\x7f" + b"\xff" * 255)}, "rsa_size", id="modulus-2047-bits"),
        pytest.param("RS256", {"n": base64url.encode(b"\x01" + b"\xff" * 1024)}, "rsa_size", id="modulus-8193-bits"),
        pytest.param("RS256", {"n": base64url.encode(b"\xff" * 255 + b"\xfe")}, "rsa_modulus", id="modulus-even"),
        pytest.param("RS256", {"alg": 1}, "alg_invalid", id="alg-number"),
        pytest.param("RS256", {"use": None}, "use_invalid", id="use-null"),
        pytest.param("RS256", {"key_ops": "verify"}, "key_ops_invalid", id="key-ops-text"),
        pytest.param("RS256", {"key_ops": [1]}, "key_ops_invalid", id="key-ops-numbers"),
        pytest.param("RS256", {"key_ops": ["verify", "verify"]}, "key_ops_invalid", id="key-ops-twice"),
        pytest.param("HS256", {"k": "A" * 20}, "secret_too_short", id="secret-15-bytes"),
        pytest.param("HS256", {"k": ""}, "secret_too_short", id="secret-empty"),
        pytest.param("HS256", {"k": "A" * 1368}, "secret_too_long", id="secret-1026-bytes"),
        pytest.param("HS256", {"k": None}, "member_not_base64url", id="secret-null"),
    ],
)
def test_import_keys_key_that_is_none_is_dropped_with_its_reason(
    keys: KeyRing, kind: str, change: dict[str, Any], reason: str
) -> None:
    jwk = {**(keys(kind).public_jwk or keys(kind).private_jwk), **change}

    imported = import_keys({"keys": [jwk]})

    assert imported.keys == ()
    assert imported.dropped == (DroppedKey("k1", reason),)


@pytest.mark.parametrize(
    ("kind", "change", "reason"),
    [
        pytest.param("ES256", {"d": base64url.encode(b"\x01" * 32)}, "key_invalid", id="ec-of-another-pair"),
        pytest.param("EdDSA", {"d": base64url.encode(b"\x01" * 32)}, "key_pair_mismatch", id="ed25519-of-another-pair"),
        pytest.param("X25519", {"d": base64url.encode(b"\x01" * 32)}, "key_pair_mismatch", id="x25519-of-another-pair"),
        pytest.param("RS256", {"d": "AQAB"}, "key_invalid", id="rsa-of-another-pair"),
        pytest.param("RS256", {"p": "AQAB"}, "key_invalid", id="rsa-of-other-primes"),
        pytest.param("RS256", {"oth": []}, "private_key_incomplete", id="rsa-of-three-primes"),
    ],
)
def test_import_keys_private_half_that_does_not_belong_is_dropped(
    keys: KeyRing, kind: str, change: dict[str, Any], reason: str
) -> None:
    imported = import_keys({**keys(kind).private_jwk, **change})

    assert imported.keys == ()
    assert [dropped.reason for dropped in imported.dropped] == [reason]


@pytest.mark.parametrize(("kind", "members"), [("RS256", "ne"), ("ES256", ("crv", "x", "y")), ("EdDSA", ("crv", "x"))])
def test_import_keys_jwk_of_a_certificate_alone_lacks_members(keys: KeyRing, kind: str, members: Sequence[str]) -> None:
    jwk = {name: value for name, value in keys(kind).public_jwk.items() if name not in members}

    imported = import_keys({**jwk, "x5c": ["MIIB"]})

    assert imported.dropped == (DroppedKey("k1", "member_missing"),)


def test_import_keys_private_rsa_key_without_its_primes_is_dropped(keys: KeyRing) -> None:
    jwk = {name: value for name, value in keys("RS256").private_jwk.items() if name not in {"p", "q", "dp", "dq", "qi"}}

    assert import_keys(jwk).dropped == (DroppedKey("k1", "private_key_incomplete"),)


@pytest.mark.parametrize("bits", [2048, 3072, RSA_MAX_BITS])
def test_import_keys_modulus_of_the_infineon_generator_is_dropped(bits: int) -> None:
    product = 1
    for candidate in range(2, 168):
        product *= candidate if all(candidate % smaller for smaller in range(2, candidate)) else 1
    modulus = (1 << (bits - 1)) // product * product + product + pow(65537, 4711, product)
    modulus += product * (1 - modulus % 2)

    imported = import_keys({"kty": "RSA", "n": base64url.encode(modulus.to_bytes(bits // 8, "big")), "e": "AQAB"})

    assert modulus.bit_length() == bits
    assert imported.dropped == (DroppedKey(None, "rsa_roca"),)


@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES512"])
def test_import_keys_coordinate_without_its_leading_zeros_is_of_the_same_key(alg: str) -> None:
    whole = _with_leading_zeros(alg)
    short = {**whole, "x": base64url.encode(base64url.decode(whole["x"]).lstrip(b"\0"))}

    imported = [import_keys(jwk).keys[0] for jwk in (whole, short)]

    assert len(short["x"]) < len(whole["x"])
    assert imported[0].thumbprint == imported[1].thumbprint


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("01" + "00" * 31, id="order-1"),
        pytest.param("01" + "00" * 30 + "80", id="order-1-signed"),
        pytest.param("ec" + "ff" * 30 + "7f", id="order-2"),
        pytest.param("ec" + "ff" * 31, id="order-2-signed"),
        pytest.param("00" * 32, id="order-4"),
        pytest.param("00" * 31 + "80", id="order-4-signed"),
        pytest.param("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", id="order-8"),
        pytest.param("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85", id="order-8-signed"),
        pytest.param("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", id="order-8-other"),
        pytest.param("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa", id="order-8-other-signed"),
        pytest.param("ed" + "ff" * 30 + "7f", id="order-4-beyond-the-field"),
        pytest.param("ee" + "ff" * 30 + "7f", id="order-1-beyond-the-field"),
        pytest.param("ee" + "ff" * 31, id="order-1-beyond-the-field-signed"),
    ],
)
def test_import_keys_point_of_low_order_which_anybody_signs_for_is_dropped(point: str) -> None:
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url.encode(bytes.fromhex(point))}

    imported = import_keys(jwk)

    assert imported.dropped == (DroppedKey(None, "okp_low_order"),)


def test_has_roca_fingerprint_sound_moduli_have_none(keys: KeyRing) -> None:
    publics = [keys(alg).public.material.get_op_key("verify") for alg in ("RS256", "RS384", "PS256")]

    assert all(isinstance(public, rsa.RSAPublicKey) for public in publics)
    assert not any(has_roca_fingerprint(public.public_numbers().n) for public in publics)


def _with_leading_zeros(alg: str) -> dict[str, str]:
    while True:
        _, jwk = generate_key(alg, "k1")
        if base64url.decode(jwk["x"])[0] == 0:
            return jwk
