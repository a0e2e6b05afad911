"""What may stand inside a JWE, and what we put into one."""

import pytest

from app.errors import TokenRejected
from app.jose.encryption import encrypt, open_nested
from app.jose.keys import KeyRefused
from app.reasons import TokenReason
from tests.jose.tokens import CLAIMS, KeyRing, hand_encrypted, hand_signed


@pytest.mark.parametrize("cty", ["JWT", "jwt", "Jwt", None])
def test_open_nested_content_type_jwt_or_absent_is_taken(keys: KeyRing, cty: str | None) -> None:
    inner = hand_signed({"alg": "HS256"}, keys("HS256").private, "HS256")

    token = open_nested(inner.encode(), {} if cty is None else {"cty": cty})

    assert token.payload == CLAIMS


@pytest.mark.parametrize("cty", ["", "json", "application/jwt", "JWT ", "JWE", None, 1, ["JWT"], True])
def test_open_nested_other_content_type_is_malformed(keys: KeyRing, cty: object) -> None:
    inner = hand_signed({"alg": "HS256"}, keys("HS256").private, "HS256")

    with pytest.raises(TokenRejected) as refusal:
        open_nested(inner.encode(), {"cty": cty})

    assert refusal.value.reason is TokenReason.TOKEN_MALFORMED


@pytest.mark.parametrize(
    "plaintext",
    [
        pytest.param(CLAIMS, id="bare-claims"),
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\xfe", id="not-text"),
        pytest.param(b"e30.e30", id="two-parts"),
        pytest.param(b'{"payload":"e30","signatures":[]}', id="json-serialization"),
        pytest.param(
            hand_encrypted({"alg": "dir", "enc": "A256GCM"}, bytes(32), "A256GCM", b"x").encode(), id="encrypted-twice"
        ),
    ],
)
def test_open_nested_plaintext_that_is_no_signed_token_is_malformed(plaintext: bytes) -> None:
    with pytest.raises(TokenRejected) as refusal:
        open_nested(plaintext, {"cty": "JWT"})

    assert refusal.value.reason is TokenReason.TOKEN_MALFORMED


@pytest.mark.parametrize(
    ("kind", "alg", "enc"),
    [
        pytest.param("ES256", "ECDH-ES", "A128GCM", id="key-for-signatures"),
        pytest.param("A128KW", "A256KW", "A128GCM", id="key-of-another-size"),
        pytest.param("RSA-OAEP-256", "RSA-OAEP", "A128GCM", id="sha-1"),
        pytest.param("RSA-OAEP-256", "RSA1_5", "A128GCM", id="rsa1-5"),
        pytest.param("A128KW", "A128KW", "A192GCM", id="enc-that-is-not-ours"),
    ],
)
def test_encrypt_key_or_algorithm_that_does_not_fit_is_refused(keys: KeyRing, kind: str, alg: str, enc: str) -> None:
    inner = hand_signed({"alg": "HS256"}, keys("HS256").private, "HS256")

    with pytest.raises(KeyRefused, match="key_unfit_for_algorithm"):
        encrypt(inner, keys(kind).public, alg, enc, None)


def test_encrypt_token_that_would_be_too_long_is_too_large(keys: KeyRing) -> None:
    inner = hand_signed({"alg": "HS256"}, keys("HS256").private, "HS256", b"x" * 11_000)

    with pytest.raises(TokenRejected) as refusal:
        encrypt(inner, keys("A256KW").public, "A256KW", "A256GCM", None)

    assert (refusal.value.reason, refusal.value.detail) == (TokenReason.TOKEN_TOO_LARGE, "once encrypted")


def test_encrypt_payload_that_is_no_signed_token_is_malformed(keys: KeyRing) -> None:
    with pytest.raises(TokenRejected) as refusal:
        encrypt(CLAIMS.decode(), keys("A256KW").public, "A256KW", "A256GCM", None)

    assert refusal.value.reason is TokenReason.TOKEN_MALFORMED
