"""What opens as a JWE, what does not, and that what does not all looks alike."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app.errors import TokenRejected
from app.jose import base64url
from app.jose.encryption import (
    CONTENT_ENCODINGS,
    KEY_ALGORITHMS,
    MAX_PLAINTEXT_BYTES,
    decrypt,
    decrypt_payload,
    encrypt,
    open_nested,
)
from app.jose.encryption_rules import ENCODING_RULES
from app.jose.gate import UnverifiedToken, open_token
from app.jose.keys import import_keys
from app.jose.signature import verify
from app.reasons import TokenReason
from tests.jose.tokens import KeyRing, hand_encrypted, hand_signed, only_key

SECRET = bytes(range(32))
SHARED = {"kty": "oct", "k": base64url.encode(SECRET)}
DIRECT = {"alg": "dir", "enc": "A256GCM"}


def test_algorithms_are_those_of_the_design() -> None:
    expected = {
        "dir",
        "A128KW",
        "A192KW",
        "A256KW",
        "A128GCMKW",
        "A256GCMKW",
        "RSA-OAEP-256",
        "ECDH-ES",
        "ECDH-ES+A256KW",
    }

    assert expected == KEY_ALGORITHMS
    assert {"A128GCM", "A256GCM", "A128CBC-HS256", "A256CBC-HS512"} == CONTENT_ENCODINGS


@pytest.mark.parametrize("enc", sorted(CONTENT_ENCODINGS))
@pytest.mark.parametrize("kind", [*sorted(KEY_ALGORITHMS - {"dir"}), "X25519"])
def test_encrypt_then_decrypt_every_algorithm_returns_the_signed_token(keys: KeyRing, kind: str, enc: str) -> None:
    alg = "ECDH-ES" if kind == "X25519" else kind
    inner = hand_signed({"alg": "ES256"}, keys("ES256").private, "ES256")

    token = open_token(encrypt(inner, keys(kind).public, alg, enc, "e-1"))
    plaintext = decrypt(token, import_keys(dict(keys(kind).private_jwk)), {alg}, {enc})

    assert token.kid == "e-1"
    assert token.header["cty"] == "JWT"
    assert verify(open_nested(plaintext, token.header), [keys("ES256").public], {"ES256"}) == keys("ES256").public


@pytest.mark.parametrize("enc", sorted(CONTENT_ENCODINGS))
def test_encrypt_then_decrypt_directly_returns_the_signed_token(keys: KeyRing, enc: str) -> None:
    key = only_key({"kty": "oct", "k": base64url.encode(bytes(ENCODING_RULES[enc].key_bits // 8)), "alg": enc})
    inner = hand_signed({"alg": "HS256"}, keys("HS256").private, "HS256")

    token = encrypt(inner, key, "dir", enc, None)

    assert decrypt_payload(token, [key], {"dir"}, {enc}) == inner.encode()
    assert open_token(token).kid is None


@pytest.mark.parametrize(
    ("algorithms", "encodings"),
    [
        pytest.param(frozenset(), CONTENT_ENCODINGS, id="no-alg"),
        pytest.param(KEY_ALGORITHMS, frozenset(), id="no-enc"),
        pytest.param({"A256KW"}, CONTENT_ENCODINGS, id="another-alg"),
        pytest.param(KEY_ALGORITHMS, {"A128GCM"}, id="another-enc"),
        pytest.param("dir", CONTENT_ENCODINGS, id="alg-as-a-string"),
        pytest.param(KEY_ALGORITHMS, "A256GCM", id="enc-as-a-string"),
    ],
)
def test_decrypt_payload_outside_of_the_lists_is_not_allowed(algorithms: Any, encodings: Any) -> None:
    token = hand_encrypted(DIRECT, SECRET, "A256GCM", b"x")

    assert decrypt_payload(token, [only_key(SHARED)], KEY_ALGORITHMS, CONTENT_ENCODINGS) == b"x"
    assert _reason(token, [only_key(SHARED)], algorithms, encodings) is TokenReason.ALG_NOT_ALLOWED


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"alg": "none"}, id="none"),
        pytest.param({"alg": "RSA1_5"}, id="rsa1-5"),
        pytest.param({"alg": "PBES2-HS256+A128KW", "p2s": "AAAAAAAAAAA", "p2c": 10**9}, id="pbes2"),
        pytest.param({"alg": "DIR"}, id="capitals"),
        pytest.param({"alg": "HS256"}, id="signature"),
        pytest.param({"alg": "dir", "enc": "none"}, id="enc-none"),
        pytest.param({"alg": "dir", "enc": "HS256"}, id="enc-signature"),
    ],
)
def test_decrypt_payload_algorithm_that_we_never_use_is_not_allowed_even_if_listed(header: dict[str, Any]) -> None:
    token = hand_encrypted({**DIRECT, **header}, SECRET, "A256GCM", b"x")
    listed = {header["alg"], "dir"}, {header.get("enc", "A256GCM"), "A256GCM"}

    assert _reason(token, [only_key(SHARED)], *listed) is TokenReason.ALG_NOT_ALLOWED


@pytest.mark.parametrize("value", ["DEF", None, "", False])
def test_decrypt_payload_compressed_token_is_malformed(value: object) -> None:
    token = hand_encrypted({**DIRECT, "zip": value}, SECRET, "A256GCM", b"x")

    assert _reason(token, [only_key(SHARED)]) is TokenReason.TOKEN_MALFORMED


def test_decrypt_jws_is_not_encrypted(keys: KeyRing) -> None:
    token = hand_signed({"alg": "HS256"}, keys("HS256").private, "HS256")

    assert _reason(token, [only_key(SHARED)]) is TokenReason.TOKEN_NOT_ENCRYPTED


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda parts: [parts[0], "AAAA", *parts[2:]], id="encrypted-key-where-there-is-none"),
        pytest.param(lambda parts: [*parts[:2], "", *parts[3:]], id="no-iv"),
        pytest.param(lambda parts: [*parts[:2], "A" * 22, *parts[3:]], id="longer-iv"),
        pytest.param(lambda parts: [*parts[:3], "", parts[4]], id="no-ciphertext"),
        pytest.param(lambda parts: [*parts[:3], "AAAA", parts[4]], id="other-ciphertext"),
        pytest.param(lambda parts: [*parts[:4], ""], id="no-tag"),
        pytest.param(lambda parts: [*parts[:4], parts[4][:16]], id="tag-of-twelve-bytes"),
        pytest.param(lambda parts: [*parts[:4], parts[4][:20]], id="tag-of-fifteen-bytes"),
        pytest.param(lambda parts: [*parts[:4], base64url.encode(base64url.decode(parts[4]) + b"\0")], id="longer-tag"),
        pytest.param(lambda parts: [*parts[:4], "A" * 22], id="other-tag"),
        pytest.param(lambda parts: [_header({**DIRECT, "kid": "x"}), *parts[1:]], id="other-header"),
    ],
)
def test_decrypt_payload_changed_part_fails_as_every_failure_does(change: Callable[[list[str]], list[str]]) -> None:
    token = hand_encrypted(DIRECT, SECRET, "A256GCM", b"signed token")

    changed = ".".join(change(token.split(".")))

    _assert_fails_uniformly(changed, [only_key(SHARED)])


@pytest.mark.parametrize(
    "key",
    [
        pytest.param({**SHARED, "k": base64url.encode(bytes(32))}, id="another-secret"),
        pytest.param({**SHARED, "k": base64url.encode(SECRET[:16])}, id="too-short"),
        pytest.param({**SHARED, "k": base64url.encode(SECRET + SECRET)}, id="too-long"),
        pytest.param({**SHARED, "use": "sig"}, id="use-sig"),
        pytest.param({**SHARED, "alg": "HS256"}, id="alg-of-signatures"),
        pytest.param({**SHARED, "alg": "A128GCM"}, id="alg-of-another-size"),
        pytest.param({**SHARED, "key_ops": ["encrypt"]}, id="key-ops-encrypt"),
        pytest.param({**SHARED, "key_ops": ["verify"]}, id="key-ops-verify"),
    ],
)
def test_decrypt_payload_key_that_does_not_fit_fails_uniformly(key: dict[str, Any]) -> None:
    token = hand_encrypted(DIRECT, SECRET, "A256GCM", b"signed token")

    _assert_fails_uniformly(token, [only_key(key)])


@pytest.mark.parametrize("kind", ["RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A256KW", "A256KW", "A256GCMKW"])
def test_decrypt_payload_another_key_fails_uniformly_and_the_next_one_opens(keys: KeyRing, kind: str) -> None:
    inner = hand_signed({"alg": "HS256"}, keys("HS256").private, "HS256")
    token = encrypt(inner, keys(kind).public, kind, "A128CBC-HS256", None)

    _assert_fails_uniformly(token, [keys(kind, "other").private])
    _assert_fails_uniformly(token, [])
    opened = decrypt_payload(token, [keys(kind, "other").private, keys(kind).private], {kind}, CONTENT_ENCODINGS)
    assert opened == inner.encode()


@pytest.mark.parametrize("kind", ["RSA-OAEP-256", "ECDH-ES", "X25519"])
def test_decrypt_payload_public_half_alone_fails_uniformly(keys: KeyRing, kind: str) -> None:
    alg = "ECDH-ES" if kind == "X25519" else kind
    inner = hand_signed({"alg": "HS256"}, keys("HS256").private, "HS256")

    token = encrypt(inner, keys(kind).public, alg, "A128GCM", None)

    _assert_fails_uniformly(token, [keys(kind).public])


@pytest.mark.parametrize(
    "epk",
    [
        pytest.param(None, id="null"),
        pytest.param("", id="string"),
        pytest.param([], id="array"),
        pytest.param({}, id="empty"),
        pytest.param({"generate": "EC", "crv": "P-256"}, id="generate"),
        pytest.param({"kty": "oct", "k": "AAAA"}, id="symmetric"),
        pytest.param({"kty": "EC", "crv": "P-384", "x": "A" * 64, "y": "A" * 64}, id="another-curve"),
        pytest.param({"kty": "OKP", "crv": "X25519", "x": "A" * 43}, id="another-type"),
        pytest.param({"kty": "EC", "crv": "P-256", "x": "A" * 43}, id="no-y"),
        pytest.param({"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}, id="off-the-curve"),
        pytest.param({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, id="short"),
        pytest.param({"kty": "EC", "crv": "P-256", "x": "_" * 43, "y": "_" * 43}, id="not-canonical"),
        pytest.param({"kty": "EC", "crv": "P-256", "x": 1, "y": 2}, id="numbers"),
        pytest.param({"kty": ["EC"], "crv": {}, "x": "A" * 43, "y": "A" * 43}, id="types"),
    ],
)
@pytest.mark.parametrize("alg", ["ECDH-ES", "ECDH-ES+A256KW"])
def test_decrypt_payload_epk_that_is_no_key_fails_uniformly(keys: KeyRing, alg: str, epk: object) -> None:
    token = hand_encrypted({"alg": alg, "enc": "A256GCM", "epk": epk}, SECRET, "A256GCM", b"x", bytes(40))

    _assert_fails_uniformly(token, [keys(alg).private])


def test_decrypt_payload_epk_of_low_order_fails_uniformly(keys: KeyRing) -> None:
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "epk": {"kty": "OKP", "crv": "X25519", "x": "A" * 43}}

    token = hand_encrypted(header, bytes(32), "A256GCM", b"x")

    _assert_fails_uniformly(token, [keys("X25519").private])


def test_decrypt_payload_epk_on_a_twist_of_the_curve_fails_uniformly(keys: KeyRing) -> None:
    """A point of small order on another curve asks for our private key in small parts (RFC 8725 section 2.4)."""
    x, y = 2, 1
    epk = {"kty": "EC", "crv": "P-256", "x": _coordinate(x), "y": _coordinate(y)}
    with pytest.raises(ValueError, match="curve"):
        ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()

    token = hand_encrypted({"alg": "ECDH-ES", "enc": "A256GCM", "epk": epk}, SECRET, "A256GCM", b"x")

    _assert_fails_uniformly(token, [keys("ECDH-ES").private])


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({}, id="neither"),
        pytest.param({"iv": "A" * 16}, id="no-tag"),
        pytest.param({"iv": "A" * 22, "tag": "A" * 22}, id="longer-iv"),
        pytest.param({"iv": "A" * 16, "tag": "A" * 16}, id="shorter-tag"),
        pytest.param({"iv": 1, "tag": None}, id="types"),
        pytest.param({"iv": "A" * 16, "tag": "A" * 22}, id="other-tag"),
    ],
)
def test_decrypt_payload_wrapping_members_that_are_wrong_fail_uniformly(keys: KeyRing, header: dict[str, Any]) -> None:
    token = hand_encrypted({"alg": "A256GCMKW", "enc": "A256GCM", **header}, SECRET, "A256GCM", b"x", bytes(32))

    _assert_fails_uniformly(token, [keys("A256GCMKW").private])


def test_decrypt_plaintext_over_the_limit_fails_uniformly() -> None:
    """No compact token is as long; the bound stands by itself."""
    longest, too_long = (
        hand_encrypted(DIRECT, SECRET, "A256GCM", bytes(size))
        for size in (MAX_PLAINTEXT_BYTES, MAX_PLAINTEXT_BYTES + 1)
    )

    assert (
        len(decrypt(_unbounded(longest), [only_key(SHARED)], KEY_ALGORITHMS, CONTENT_ENCODINGS)) == MAX_PLAINTEXT_BYTES
    )
    with pytest.raises(TokenRejected) as refusal:
        decrypt(_unbounded(too_long), [only_key(SHARED)], KEY_ALGORITHMS, CONTENT_ENCODINGS)
    assert refusal.value.reason is TokenReason.DECRYPTION_FAILED


def _assert_fails_uniformly(token: str, keys: Any) -> None:
    with pytest.raises(TokenRejected) as refusal:
        decrypt_payload(token, keys, KEY_ALGORITHMS, CONTENT_ENCODINGS)
    assert str(refusal.value) == "decryption_failed"
    assert (refusal.value.__cause__, refusal.value.__context__) == (None, None)


def _reason(token: str, keys: Any, algorithms: Any = KEY_ALGORITHMS, encodings: Any = CONTENT_ENCODINGS) -> TokenReason:
    with pytest.raises(TokenRejected) as refusal:
        decrypt_payload(token, keys, algorithms, encodings)
    return refusal.value.reason


def _unbounded(raw: str) -> UnverifiedToken:
    return UnverifiedToken(alg="dir", enc="A256GCM", encrypted=True, header=DIRECT, kid=None, raw=raw)


def _header(members: dict[str, Any]) -> str:
    return base64url.encode(json.dumps(members).encode())


def _coordinate(number: int) -> str:
    return base64url.encode(number.to_bytes(32, "big"))
