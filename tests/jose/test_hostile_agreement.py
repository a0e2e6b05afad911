"""Ephemeral keys and header members that a stranger picks to learn of our private key, or to break the reader."""

from typing import Any

import pytest

from app.errors import TokenRejected
from app.jose import base64url
from app.jose.agreement import _derive
from app.jose.encryption import CONTENT_ENCODINGS, KEY_ALGORITHMS, decrypt_payload, encrypt
from app.reasons import TokenReason
from tests.jose.tokens import CLAIMS, KeyRing, hand_encrypted, hand_signed

P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
G_X = 0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296
G_Y = 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5
LOW_ORDER = {
    "zero": bytes(32),
    "one": (1).to_bytes(32, "little"),
    "order-8": bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    "order-8-again": bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    "p-minus-1": (2**255 - 20).to_bytes(32, "little"),
    "p": (2**255 - 19).to_bytes(32, "little"),
    "p-plus-1": (2**255 - 18).to_bytes(32, "little"),
}


def ec(x: int, y: int) -> dict[str, Any]:
    point = {name: base64url.encode(value.to_bytes(32, "big")) for name, value in (("x", x), ("y", y))}
    return {"kty": "EC", "crv": "P-256", **point}


def okp(x: bytes) -> dict[str, Any]:
    return {"kty": "OKP", "crv": "X25519", "x": base64url.encode(x)}


@pytest.mark.parametrize("x", [pytest.param(octets, id=name) for name, octets in LOW_ORDER.items()])
def test_decrypt_payload_x25519_point_of_low_order_fails(keys: KeyRing, x: bytes) -> None:
    # What such a point and any private key agree on is zero, so that whoever sends it knows the content key.
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "epk": okp(x)}

    _assert_fails(header, keys("X25519"), _derive(bytes(32), header, "A256GCM", 256))


@pytest.mark.parametrize("alg", ["ECDH-ES", "ECDH-ES+A256KW"])
@pytest.mark.parametrize(
    "epk",
    [
        pytest.param(ec(0, 0), id="infinity"),
        pytest.param(ec(G_X, G_Y - 1), id="off-the-curve"),
        pytest.param(ec(G_X, 0), id="on-no-curve"),
        pytest.param(ec(5, 1), id="of-a-weak-curve"),
        pytest.param(ec(P256, G_Y), id="coordinate-of-p"),
        pytest.param(ec(2**256 - 1, G_Y), id="coordinate-over-p"),
        pytest.param({**ec(G_X, G_Y), "x": base64url.encode(bytes(33))}, id="coordinate-too-long"),
        pytest.param({**ec(G_X, G_Y), "y": ""}, id="coordinate-empty"),
        pytest.param({**ec(G_X, G_Y), "y": None}, id="coordinate-null"),
        pytest.param({**ec(G_X, G_Y), "y": G_Y}, id="coordinate-number"),
        pytest.param({**ec(G_X, G_Y), "crv": "P-521"}, id="crv-of-another"),
        pytest.param({**ec(G_X, G_Y), "crv": "secp256k1"}, id="crv-that-is-not-ours"),
        pytest.param({**ec(G_X, G_Y), "crv": ["P-256"]}, id="crv-array"),
        pytest.param({**ec(G_X, G_Y), "kty": {}}, id="kty-object"),
        pytest.param(okp(LOW_ORDER["one"]), id="of-another-kind"),
        pytest.param({"kty": "oct", "k": "AAAA"}, id="secret"),
        pytest.param({"keys": [ec(G_X, G_Y)]}, id="set"),
        pytest.param([], id="array"),
        pytest.param("P-256", id="text"),
        pytest.param(None, id="null"),
        pytest.param({}, id="empty"),
    ],
)
def test_decrypt_payload_epk_that_is_no_point_of_the_curve_fails(keys: KeyRing, alg: str, epk: object) -> None:
    _assert_fails({"alg": alg, "enc": "A256GCM", "epk": epk}, keys("ECDH-ES"))


def test_decrypt_payload_without_an_epk_fails(keys: KeyRing) -> None:
    _assert_fails({"alg": "ECDH-ES", "enc": "A256GCM"}, keys("ECDH-ES"))


@pytest.mark.parametrize("member", ["apu", "apv"])
@pytest.mark.parametrize("value", [None, 1, [], {}, "A", "AA==", "+/+/", "é", True])
def test_decrypt_payload_party_information_that_is_no_base64url_fails(
    keys: KeyRing, member: str, value: object
) -> None:
    _assert_fails({"alg": "ECDH-ES", "enc": "A256GCM", "epk": ec(G_X, G_Y), member: value}, keys("ECDH-ES"))


@pytest.mark.parametrize("kind", ["RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A256KW", "A256KW", "A256GCMKW"])
@pytest.mark.parametrize("part", range(5))
def test_decrypt_payload_of_a_token_with_one_bit_changed_anywhere_fails(keys: KeyRing, kind: str, part: int) -> None:
    inner = hand_signed({"alg": "HS256"}, keys("HS256").private, "HS256", CLAIMS)
    parts = encrypt(inner, keys(kind).public, kind, "A256GCM", "k1").split(".")
    octets = bytearray(base64url.decode(parts[part]))
    if not octets:
        parts[part] = "AA"
    else:
        octets[len(octets) // 2] ^= 1
        parts[part] = base64url.encode(bytes(octets))

    with pytest.raises(TokenRejected) as refused:
        decrypt_payload(".".join(parts), [keys(kind).private], KEY_ALGORITHMS, CONTENT_ENCODINGS)

    expected = {TokenReason.DECRYPTION_FAILED} if part else set(TokenReason)
    assert refused.value.reason in expected


@pytest.mark.parametrize("enc", sorted(CONTENT_ENCODINGS))
@pytest.mark.parametrize("size", [0, 1, 8, 12, 15])
def test_decrypt_payload_tag_cut_short_fails(keys: KeyRing, enc: str, size: int) -> None:
    inner = hand_signed({"alg": "HS256"}, keys("HS256").private, "HS256", CLAIMS)
    *rest, tag = encrypt(inner, keys("ECDH-ES").public, "ECDH-ES", enc, "k1").split(".")
    cut = base64url.encode(base64url.decode(tag)[:size])

    with pytest.raises(TokenRejected) as refused:
        decrypt_payload(".".join((*rest, cut)), [keys("ECDH-ES").private], KEY_ALGORITHMS, CONTENT_ENCODINGS)

    assert refused.value.reason is TokenReason.DECRYPTION_FAILED


def _assert_fails(header: dict[str, Any], pair: Any, content_key: bytes = bytes(32)) -> None:
    encrypted_key = bytes(40) if header["alg"].endswith("KW") else b""
    token = hand_encrypted(header, content_key, "A256GCM", CLAIMS, encrypted_key)

    with pytest.raises(TokenRejected) as refused:
        decrypt_payload(token, [pair.private], KEY_ALGORITHMS, CONTENT_ENCODINGS)

    assert refused.value.reason is TokenReason.DECRYPTION_FAILED
