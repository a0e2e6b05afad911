"""Which signatures hold: by which key, by which algorithm, and what a token cannot talk us into."""

from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from app.errors import TokenRejected
from app.jose import base64url
from app.jose.gate import open_token
from app.jose.keys import import_keys
from app.jose.signature import (
    ASYMMETRIC_ALGORITHMS,
    SIGNATURE_ALGORITHMS,
    SYMMETRIC_ALGORITHMS,
    key_fits,
    verify,
    verify_payload,
)
from app.reasons import TokenReason
from tests.jose.tokens import CLAIMS, KeyRing, hand_signed, only_key

EVERY = sorted(SIGNATURE_ALGORITHMS)


def test_algorithms_are_those_of_the_design_and_the_new_name_of_eddsa() -> None:
    families = {f"{family}{size}" for family in ("RS", "PS", "ES", "HS") for size in (256, 384, 512)}

    assert families | {"EdDSA", "Ed25519"} == SIGNATURE_ALGORITHMS
    assert {"HS256", "HS384", "HS512"} == SYMMETRIC_ALGORITHMS
    assert ASYMMETRIC_ALGORITHMS == SIGNATURE_ALGORITHMS - SYMMETRIC_ALGORITHMS


@pytest.mark.parametrize("alg", EVERY)
def test_verify_right_key_returns_that_key(keys: KeyRing, alg: str) -> None:
    token = open_token(hand_signed({"alg": alg}, keys(alg).private, alg))

    verified_by = verify(token, [keys(alg, "other").public, keys(alg).public], frozenset({alg}))

    assert verified_by == keys(alg).public


@pytest.mark.parametrize(("alg", "other"), [("EdDSA", "Ed25519"), ("Ed25519", "EdDSA")])
def test_two_names_of_one_algorithm_are_not_taken_for_one_another(keys: KeyRing, alg: str, other: str) -> None:
    token = hand_signed({"alg": alg}, keys(alg).private, alg)
    names_other = import_keys({**keys(alg).public_jwk, "alg": other})
    names_none = import_keys({name: value for name, value in keys(alg).public_jwk.items() if name != "alg"})

    assert _reason(token, [keys(alg).public], {other}) is TokenReason.ALG_NOT_ALLOWED
    assert _reason(token, names_other, {alg, other}) is TokenReason.SIGNATURE_INVALID
    assert verify_payload(token, names_none, {alg, other}) == CLAIMS


@pytest.mark.parametrize("alg", EVERY)
def test_verify_payload_another_key_is_signature_invalid(keys: KeyRing, alg: str) -> None:
    token = hand_signed({"alg": alg}, keys(alg).private, alg)

    assert _reason(token, [keys(alg, "other").public], {alg}) is TokenReason.SIGNATURE_INVALID


@pytest.mark.parametrize("alg", EVERY)
def test_verify_payload_private_half_verifies_too(keys: KeyRing, alg: str) -> None:
    token = hand_signed({"alg": alg}, keys(alg).private, alg, b"")

    assert verify_payload(token, import_keys(dict(keys(alg).private_jwk)), frozenset({alg})) == b""


@pytest.mark.parametrize(
    "alg",
    [
        *("none", "None", "NONE", "nOnE", "", "hs256", "HS256 ", "HS1", "RSA1_5", "RSA-OAEP", "dir", "A128KW"),
        *("PBES2-HS256+A128KW", "ES256K", "ed25519", "Ed448", "BP256R1", "ML-DSA-44", "A256GCM"),
    ],
)
def test_verify_payload_alg_that_we_do_not_know_is_not_allowed_even_if_listed(keys: KeyRing, alg: str) -> None:
    token = hand_signed({"alg": alg}, keys("HS256").private, "HS256")

    assert _reason(token, [keys("HS256").private], {alg, "HS256"}) is TokenReason.ALG_NOT_ALLOWED


@pytest.mark.parametrize(
    "algorithms",
    [
        pytest.param(frozenset(), id="none-at-all"),
        pytest.param([], id="empty-list"),
        pytest.param(frozenset({"RS256"}), id="another"),
        pytest.param("HS256", id="a-string-by-mistake"),
        pytest.param("HS256 RS256", id="a-string-that-contains-it"),
    ],
)
def test_verify_payload_alg_outside_of_the_list_is_not_allowed(keys: KeyRing, algorithms: Any) -> None:
    token = hand_signed({"alg": "HS256"}, keys("HS256").private, "HS256")

    assert _reason(token, [keys("HS256").private], algorithms) is TokenReason.ALG_NOT_ALLOWED


def test_verify_payload_unsigned_token_is_refused_whatever_is_allowed(keys: KeyRing) -> None:
    header = base64url.encode(b'{"alg":"none"}')
    token = f"{header}.{base64url.encode(CLAIMS)}."

    assert _reason(token, [keys("HS256").private], {"none"}) is TokenReason.ALG_NOT_ALLOWED


def test_verify_payload_public_key_as_shared_secret_is_refused(keys: KeyRing) -> None:
    public = keys("RS256").public
    pem = public.material.export_to_pem()
    secret = only_key({"kty": "oct", "k": base64url.encode(pem)})
    forged = hand_signed({"alg": "HS256"}, secret, "HS256")

    assert _reason(forged, [public], SIGNATURE_ALGORITHMS) is TokenReason.SIGNATURE_INVALID


@pytest.mark.parametrize("signed_with", EVERY)
def test_verify_payload_key_of_another_type_is_refused(keys: KeyRing, signed_with: str) -> None:
    token = hand_signed({"alg": signed_with}, keys(signed_with).private, signed_with)
    unfit = [_bare(keys(alg).public_jwk or keys(alg).private_jwk) for alg in EVERY if alg[:2] != signed_with[:2]]
    others = [only_key(jwk) for jwk in unfit if jwk["kty"] != keys(signed_with).public.kty]

    assert len(others) >= 7
    assert _reason(token, others, {signed_with}) is TokenReason.SIGNATURE_INVALID


@pytest.mark.parametrize(
    ("signed_with", "says"),
    [
        pytest.param("RS256", {"alg": "PS256"}, id="alg-of-another-padding"),
        pytest.param("RS256", {"alg": "RS384"}, id="alg-of-another-hash"),
        pytest.param("RS256", {"alg": "RSA-OAEP"}, id="alg-of-encryption"),
        pytest.param("ES256", {"alg": "ES521"}, id="alg-that-does-not-exist"),
        pytest.param("HS256", {"alg": "A256GCM"}, id="alg-of-a-cipher"),
        pytest.param("RS256", {"use": "enc"}, id="use-enc"),
        pytest.param("RS256", {"use": "other"}, id="use-unknown"),
        pytest.param("RS256", {"key_ops": ["encrypt"]}, id="key-ops-encrypt"),
        pytest.param("RS256", {"key_ops": ["sign"]}, id="key-ops-sign"),
        pytest.param("RS256", {"key_ops": []}, id="key-ops-empty"),
    ],
)
def test_verify_payload_key_that_says_otherwise_is_refused(
    keys: KeyRing, signed_with: str, says: dict[str, Any]
) -> None:
    pair = keys(signed_with)
    token = hand_signed({"alg": signed_with}, pair.private, signed_with)
    jwk = _bare(pair.public_jwk or pair.private_jwk)

    assert verify_payload(token, [only_key(jwk)], {signed_with}) == CLAIMS
    assert _reason(token, [only_key({**jwk, **says})], {signed_with}) is TokenReason.SIGNATURE_INVALID


@pytest.mark.parametrize(("alg", "size"), [("HS256", 31), ("HS384", 47), ("HS512", 63)])
def test_verify_payload_secret_shorter_than_its_hash_is_refused(alg: str, size: int) -> None:
    long_enough, too_short = (
        only_key({"kty": "oct", "k": base64url.encode(b"s" * length)}) for length in (size + 1, size)
    )
    padded = only_key({"kty": "oct", "k": base64url.encode(b"s" * size + b"\x00")})  # what HMAC makes of the short one
    forged = hand_signed({"alg": alg}, padded, alg)

    assert verify_payload(hand_signed({"alg": alg}, long_enough, alg), [long_enough], {alg}) == CLAIMS
    assert _reason(forged, [too_short], {alg}) is TokenReason.SIGNATURE_INVALID


@pytest.mark.parametrize(
    ("alg", "smaller", "scheme"),
    [
        ("ES384", "ES256", hashes.SHA384()),
        ("ES512", "ES256", hashes.SHA512()),
        ("ES512", "ES384", hashes.SHA512()),
    ],
)
def test_verify_payload_ecdsa_by_a_smaller_curve_padded_is_refused(
    keys: KeyRing, alg: str, smaller: str, scheme: hashes.HashAlgorithm
) -> None:
    """It holds for jwcrypto, which asks for the curve only when it first parses the key."""
    signing_input, _, encoded = hand_signed({"alg": alg}, keys(alg).private, alg).rpartition(".")
    size = len(base64url.decode(encoded)) // 2
    private = keys(smaller).private.material.get_op_key("sign")
    r, s = decode_dss_signature(private.sign(signing_input.encode(), ec.ECDSA(scheme)))
    signature = r.to_bytes(size, "big") + s.to_bytes(size, "big")

    forged = f"{signing_input}.{base64url.encode(signature)}"

    assert _reason(forged, [only_key(_bare(keys(smaller).public_jwk))], {alg}) is TokenReason.SIGNATURE_INVALID


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param("RS256", {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, id="rsa"),
        pytest.param("ES256", {"ES256"}, id="p-256"),
        pytest.param("ES384", {"ES384"}, id="p-384"),
        pytest.param("ES512", {"ES512"}, id="p-521"),
        pytest.param("EdDSA", {"EdDSA", "Ed25519"}, id="ed25519"),
        pytest.param("X25519", set(), id="x25519"),
        pytest.param("A128KW", set(), id="128-bits"),
        pytest.param("HS256", {"HS256"}, id="256-bits"),
        pytest.param("HS384", {"HS256", "HS384"}, id="384-bits"),
        pytest.param("HS512", {"HS256", "HS384", "HS512"}, id="512-bits"),
    ],
)
def test_key_fits_by_type_curve_and_size(keys: KeyRing, kind: str, expected: set[str]) -> None:
    key = only_key(_bare(keys(kind).private_jwk))

    assert {alg for alg in SIGNATURE_ALGORITHMS if key_fits(key, alg, "verify")} == expected


@pytest.mark.parametrize(("alg", "size"), [("ES256", 64), ("ES384", 96), ("ES512", 132)])
def test_verify_payload_ecdsa_signature_of_another_length_is_refused(keys: KeyRing, alg: str, size: int) -> None:
    token = hand_signed({"alg": alg}, keys(alg).private, alg)
    signing_input, _, encoded = token.rpartition(".")
    signature = base64url.decode(encoded)
    r, s = signature[: size // 2], signature[size // 2 :]
    # The first two hold for jwcrypto, which cuts any signature in two halves.
    lengths = [
        b"\x00" + r + b"\x00" + s,
        b"\x00" * 9 + r + b"\x00" * 9 + s,
        signature + b"\x00",
        signature[:-1],
        b"",
        r,
    ]

    assert len(signature) == size
    for other in lengths:
        changed = f"{signing_input}.{base64url.encode(other)}"
        assert _reason(changed, [keys(alg).public], {alg}) is TokenReason.SIGNATURE_INVALID


@pytest.mark.parametrize("alg", EVERY)
@pytest.mark.parametrize("size", [0, 1, 31, 32, 64, 256, 1000])
def test_verify_payload_signature_of_zeros_is_refused(keys: KeyRing, alg: str, size: int) -> None:
    token = hand_signed({"alg": alg}, keys(alg).private, alg)
    forged = f"{token.rpartition('.')[0]}.{base64url.encode(bytes(size))}"

    assert _reason(forged, [keys(alg).public], {alg}) is TokenReason.SIGNATURE_INVALID


def test_verify_payload_second_ecdsa_signature_of_one_token_is_accepted(keys: KeyRing) -> None:
    """ECDSA allows it, which is why a hash of the raw token is never an identity."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    token = hand_signed({"alg": "ES256"}, keys("ES256").private, "ES256")
    signing_input, _, encoded = token.rpartition(".")
    signature = base64url.decode(encoded)
    other = signature[:32] + (order - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")

    second = f"{signing_input}.{base64url.encode(other)}"

    assert second != token
    assert verify_payload(second, [keys("ES256").public], {"ES256"}) == CLAIMS


def test_verify_payload_no_key_at_all_is_signature_invalid(keys: KeyRing) -> None:
    token = hand_signed({"alg": "HS256"}, keys("HS256").private, "HS256")

    assert _reason(token, [], {"HS256"}) is TokenReason.SIGNATURE_INVALID


def test_verify_jwe_is_unexpectedly_encrypted(keys: KeyRing) -> None:
    header = base64url.encode(b'{"alg":"HS256","enc":"A128GCM"}')

    reason = _reason(f"{header}.AAAA.AAAA.AAAA.AAAA", [keys("HS256").private], {"HS256"})

    assert reason is TokenReason.TOKEN_UNEXPECTEDLY_ENCRYPTED


def test_verify_payload_library_that_breaks_is_signature_invalid_and_says_nothing(
    keys: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_with_claims(*_: object) -> None:
        raise RuntimeError("p-1 of brand")

    token = hand_signed({"alg": "RS256"}, keys("RS256").private, "RS256")
    monkeypatch.setattr("jwcrypto.jwk.JWK.get_op_key", break_with_claims)

    with pytest.raises(TokenRejected) as refusal:
        verify_payload(token, [keys("RS256").public], {"RS256"})

    assert str(refusal.value) == "signature_invalid"
    assert (refusal.value.__cause__, refusal.value.__context__) == (None, None)


def _bare(jwk: Any) -> dict[str, Any]:
    return {name: value for name, value in jwk.items() if name not in {"alg", "use", "key_ops", "kid"}}


def _reason(token: str, keys: Any, algorithms: Any) -> TokenReason:
    with pytest.raises(TokenRejected) as refusal:
        verify_payload(token, keys, algorithms)
    return refusal.value.reason
