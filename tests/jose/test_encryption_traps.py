"""JWEs that are encrypted rightly and yet wrong: whoever knows our public key, or our secret, can make each of them."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.errors import TokenRejected
from app.jose import base64url
from app.jose.encryption import CONTENT_ENCODINGS, KEY_ALGORITHMS, decrypt_payload
from app.jose.encryption_rules import KEY_RULES, encryption_key_fits
from app.reasons import TokenReason
from tests.jose.tokens import KeyRing, hand_encrypted, only_key

SECRET = bytes(range(32))
PLAINTEXT = b"a.signed.token"


def test_decrypt_payload_agreed_token_as_it_should_be_opens(keys: KeyRing) -> None:
    token = _agreed(keys, "ECDH-ES", {})

    assert decrypt_payload(token, [keys("ECDH-ES").private], KEY_ALGORITHMS, CONTENT_ENCODINGS) == PLAINTEXT


def test_decrypt_payload_epk_with_other_members_opens_and_they_are_not_read(keys: KeyRing) -> None:
    token = _agreed(keys, "ECDH-ES", {"kid": 1, "d": "A" * 43, "generate": "EC", "use": "sig", "key_ops": 7})

    assert decrypt_payload(token, [keys("ECDH-ES").private], KEY_ALGORITHMS, CONTENT_ENCODINGS) == PLAINTEXT


@pytest.mark.parametrize("change", [{"crv": "P-384"}, {"kty": "OKP"}, {"kty": None}, {"crv": None}])
def test_decrypt_payload_epk_that_names_another_curve_than_its_own_fails(keys: KeyRing, change: dict[str, Any]) -> None:
    token = _agreed(keys, "ECDH-ES", change)

    _assert_fails(token, keys("ECDH-ES").private)


def test_decrypt_payload_epk_without_its_leading_zeros_opens(keys: KeyRing) -> None:
    # As Authlib writes it: one token in 64 would otherwise be refused.
    key, agreed = keys("ECDH-ES"), _agreement_with_leading_zeros(keys)
    epk = agreed["header"]["epk"]
    short = {**epk, "x": base64url.encode(base64url.decode(epk["x"]).lstrip(b"\0"))}

    token = hand_encrypted({**_said("ECDH-ES"), "epk": short}, agreed["cek"], "A256GCM", PLAINTEXT)

    assert decrypt_payload(token, [key.private], KEY_ALGORITHMS, CONTENT_ENCODINGS) == PLAINTEXT


def test_decrypt_payload_epk_cut_elsewhere_fails(keys: KeyRing) -> None:
    point = KEY_RULES["ECDH-ES"].engine.wrap(keys("ECDH-ES").public.material, 256, None, _said("ECDH-ES"))
    epk = point["header"]["epk"]
    octets = base64url.decode(epk["x"]) + base64url.decode(epk["y"])
    cut = {**epk, "x": base64url.encode(octets[:31]), "y": base64url.encode(octets[31:])}

    token = hand_encrypted({**_said("ECDH-ES"), "epk": cut}, point["cek"], "A256GCM", PLAINTEXT)

    _assert_fails(token, keys("ECDH-ES").private)


def test_decrypt_payload_direct_agreement_with_an_encrypted_key_fails(keys: KeyRing) -> None:
    header, _, *rest = _agreed(keys, "ECDH-ES", {}).split(".")

    _assert_fails(".".join((header, "AAAA", *rest)), keys("ECDH-ES").private)


@pytest.mark.parametrize("kind", ["ECDH-ES+A256KW", "RSA-OAEP-256", "A256KW"])
def test_decrypt_payload_content_key_of_another_size_fails(keys: KeyRing, kind: str) -> None:
    wrapped = KEY_RULES[kind].engine.wrap(keys(kind).public.material, 256, None, _said(kind))
    header = {**_said(kind), "enc": "A128GCM", **wrapped.get("header", {})}

    token = hand_encrypted(header, wrapped["cek"], "A256GCM", PLAINTEXT, wrapped["ek"])

    _assert_fails(token, keys(kind).private)


@pytest.mark.parametrize("size", [8, 11, 13, 16, 64])
def test_decrypt_payload_iv_of_another_length_fails(size: int) -> None:
    header, *_ = hand_encrypted(_said("dir"), SECRET, "A256GCM", PLAINTEXT).split(".")
    iv = bytes(size)
    sealed = AESGCM(SECRET).encrypt(iv, PLAINTEXT, header.encode())

    token = ".".join((header, "", *map(base64url.encode, (iv, sealed[:-16], sealed[-16:]))))

    _assert_fails(token, only_key({"kty": "oct", "k": base64url.encode(SECRET)}))


def test_decrypt_payload_wrapping_iv_of_another_length_fails() -> None:
    iv = bytes(16)
    wrapped = AESGCM(SECRET).encrypt(iv, SECRET, None)
    header = {**_said("A256GCMKW"), "iv": base64url.encode(iv), "tag": base64url.encode(wrapped[-16:])}

    token = hand_encrypted(header, SECRET, "A256GCM", PLAINTEXT, wrapped[:-16])

    _assert_fails(token, only_key({"kty": "oct", "k": base64url.encode(SECRET)}))


@pytest.mark.parametrize("kind", ["RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A256KW", "A128KW", "A256KW", "A256GCMKW"])
def test_encryption_key_fits_its_own_algorithm_alone(keys: KeyRing, kind: str) -> None:
    fitting = {alg for alg in KEY_ALGORITHMS if encryption_key_fits(keys(kind).private, alg, "A256GCM", "decrypt")}

    assert fitting == {kind}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param("RSA-OAEP-256", {"RSA-OAEP-256"}, id="rsa"),
        pytest.param("ECDH-ES", {"ECDH-ES", "ECDH-ES+A256KW"}, id="p-256"),
        pytest.param("X25519", {"ECDH-ES", "ECDH-ES+A256KW"}, id="x25519"),
        pytest.param("EdDSA", set(), id="ed25519"),
        pytest.param("A128KW", {"A128KW", "A128GCMKW", "dir"}, id="128-bits"),
        pytest.param("A192KW", {"A192KW"}, id="192-bits"),
        pytest.param("A256KW", {"A256KW", "A256GCMKW"}, id="256-bits"),
    ],
)
def test_encryption_key_fits_by_type_curve_and_size(keys: KeyRing, kind: str, expected: set[str]) -> None:
    key = only_key({name: value for name, value in keys(kind).private_jwk.items() if name not in {"alg", "use"}})

    assert {alg for alg in KEY_ALGORITHMS if encryption_key_fits(key, alg, "A128GCM", "decrypt")} == expected


@pytest.mark.parametrize("kind", ["RSA-OAEP-256", "ECDH-ES", "X25519"])
def test_encryption_key_fits_public_half_encrypts_and_does_not_decrypt(keys: KeyRing, kind: str) -> None:
    alg = "ECDH-ES" if kind == "X25519" else kind

    assert encryption_key_fits(keys(kind).public, alg, "A128GCM", "encrypt")
    assert not encryption_key_fits(keys(kind).public, alg, "A128GCM", "decrypt")


def _agreement_with_leading_zeros(keys: KeyRing) -> dict[str, Any]:
    while True:
        agreed: dict[str, Any] = KEY_RULES["ECDH-ES"].engine.wrap(
            keys("ECDH-ES").public.material, 256, None, _said("ECDH-ES")
        )
        if base64url.decode(agreed["header"]["epk"]["x"])[0] == 0:
            return agreed


def _said(alg: str) -> dict[str, Any]:
    return {"alg": alg, "enc": "A256GCM"}


def _agreed(keys: KeyRing, alg: str, change: dict[str, Any]) -> str:
    agreed = KEY_RULES[alg].engine.wrap(keys(alg).public.material, 256, None, _said(alg))
    epk = {**agreed["header"]["epk"], **change}
    return hand_encrypted({**_said(alg), "epk": epk}, agreed["cek"], "A256GCM", PLAINTEXT)


def _assert_fails(token: str, key: Any) -> None:
    with pytest.raises(TokenRejected) as refusal:
        decrypt_payload(token, [key], KEY_ALGORITHMS, CONTENT_ENCODINGS)
    assert refusal.value.reason is TokenReason.DECRYPTION_FAILED
