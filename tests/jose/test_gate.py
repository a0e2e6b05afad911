"""Hostile tokens at the gate: each is signed rightly, so that nothing but the gate stands in its way."""

import json
from contextlib import suppress
from typing import Any

import pytest

from app.errors import TokenRejected
from app.jose import base64url, gate
from app.jose.gate import REFUSED_MEMBERS, open_token, require_kid
from app.jose.signature import verify_payload
from app.reasons import TokenReason
from tests.jose.tokens import CLAIMS, KeyRing, hand_signed

ALLOWED = frozenset({"HS256"})


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    monkeypatch.setattr(gate, "_remembered", headers)
    return headers


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"alg": "HS256"}, id="least"),
        pytest.param({"typ": "JWT", "alg": "HS256"}, id="pyjwt"),
        pytest.param({"alg": "HS256", "typ": "JWT", "kid": "k1"}, id="authlib"),
        pytest.param({"alg": "HS256", "typ": "at+jwt", "cty": "json"}, id="types"),
        pytest.param({"alg": "HS256", "x5t": "AAAA", "x5c": ["AAAA"], "x5t#S256": "AAAA"}, id="certificates-ignored"),
        pytest.param({"alg": "HS256", "enc": "A128GCM", "nonce": 1, "kid": None}, id="unknown-members"),
        pytest.param(b' {\r\n\t"alg" : "HS256" } \n', id="white-space"),
        pytest.param(b'{"\\u0061lg":"HS256"}', id="escaped-name"),
        pytest.param('{"alg":"HS256","kid":"clé 🔑"}'.encode(), id="utf-8"),
        pytest.param(b'{"alg":"HS256","kid":"\\ud83d\\udd11"}', id="surrogate-pair"),
        pytest.param(b'{"alg":"HS256","x":' + b"[" * 15 + b"]" * 15 + b"}", id="sixteen-deep"),
    ],
)
def test_open_token_header_of_any_issuer_is_taken(keys: KeyRing, header: dict[str, Any] | bytes) -> None:
    token = hand_signed(header, keys("HS256").private, "HS256")

    assert verify_payload(token, [keys("HS256").private], ALLOWED) == CLAIMS


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{}", id="no-alg"),
        pytest.param(b'{"ALG":"HS256"}', id="alg-in-capitals"),
        pytest.param(b'{"alg":null}', id="alg-null"),
        pytest.param(b'{"alg":256}', id="alg-number"),
        pytest.param(b'{"alg":["HS256"]}', id="alg-array"),
        pytest.param(b'["HS256"]', id="array"),
        pytest.param(b'"HS256"', id="string"),
        pytest.param(b"null", id="null"),
        pytest.param(b"{'alg':'HS256'}", id="single-quotes"),
        pytest.param(b'{"alg":"HS256",}', id="trailing-comma"),
        pytest.param(b'{"alg":"HS256"}{}', id="two-objects"),
        pytest.param(b'{"alg":"HS256"}\x00', id="nul-after"),
        pytest.param(b'{"alg":"HS256"/**/}', id="comment"),
        pytest.param(b'{"alg":"none","alg":"HS256"}', id="name-twice"),
        pytest.param(b'{"alg":"HS256","alg":"HS256"}', id="name-twice-same-value"),
        pytest.param(b'{"alg":"HS256","\\u0061lg":"none"}', id="name-twice-escaped"),
        pytest.param(b'{"alg":"HS256","x":{"y":1,"y":2}}', id="name-twice-inside"),
        pytest.param(b'{"alg":"HS256","x":NaN}', id="nan"),
        pytest.param(b'{"alg":"HS256","x":Infinity}', id="infinity"),
        pytest.param(b'{"alg":"HS256","x":-Infinity}', id="minus-infinity"),
        pytest.param(b'{"alg":"HS256","x":' + b"[" * 16 + b"]" * 16 + b"}", id="seventeen-deep"),
        pytest.param(b'{"alg":"HS256","x":' + b"[" * 5000 + b"]" * 5000 + b"}", id="very-deep"),
        pytest.param(b'{"alg":"HS256","x":' + b"9" * 5000 + b"}", id="very-long-number"),
        pytest.param(b'\xef\xbb\xbf{"alg":"HS256"}', id="byte-order-mark"),
        pytest.param('{"alg":"HS256"}'.encode("utf-16"), id="utf-16"),
        pytest.param(b'{"alg":"HS256","x":"\xff"}', id="not-utf-8"),
        pytest.param(b'{"alg":"HS256","x":"\xed\xa0\x80"}', id="surrogate-in-utf-8"),
        pytest.param(b'{"alg":"HS256","x":"\\ud800"}', id="lone-surrogate"),
        pytest.param(b'{"alg":"HS256","\\udfff":1}', id="lone-surrogate-in-a-name"),
    ],
)
def test_open_token_header_that_is_not_strict_is_refused(keys: KeyRing, header: bytes) -> None:
    token = hand_signed(header, keys("HS256").private, "HS256")

    with pytest.raises(TokenRejected) as refusal:
        verify_payload(token, [keys("HS256").private], ALLOWED)

    assert refusal.value.reason is TokenReason.TOKEN_MALFORMED


@pytest.mark.parametrize("value", ["null", "false", "true", '""', "[]", "{}", '["exp"]', '"DEF"', "0"])
@pytest.mark.parametrize("name", [*sorted(REFUSED_MEMBERS), "cr\\u0069t"])
def test_open_token_refused_member_whatever_its_value_is_malformed(keys: KeyRing, name: str, value: str) -> None:
    token = hand_signed(f'{{"alg":"HS256","{name}":{value}}}'.encode(), keys("HS256").private, "HS256")

    with pytest.raises(TokenRejected) as refusal:
        verify_payload(token, [keys("HS256").private], ALLOWED)

    assert refusal.value.reason is TokenReason.TOKEN_MALFORMED


def test_refused_members_are_the_six_of_the_design() -> None:
    assert frozenset({"crit", "b64", "zip", "jwk", "jku", "x5u"}) == REFUSED_MEMBERS


def test_open_token_other_spellings_of_one_token_are_refused(keys: KeyRing) -> None:
    token = hand_signed({"alg": "HS256"}, keys("HS256").private, "HS256", b'{"sub":"p-1"}')
    header, payload, signature = token.split(".")
    spellings = [
        token + "=",
        token + "==",
        f"{header}=.{payload}.{signature}",
        f"{header}.{payload}=.{signature}",
        f"{header}.{payload}.{signature}\n",
        f"{header}.{payload}.{signature} ",
        f" {header}.{payload}.{signature}",
        f"{header}.{payload}?.{signature}",
        f"{header[:4]}\n{header[4:]}.{payload}.{signature}",
        f"{header}.{payload}.{signature[:-1]}{_next(signature[-1])}",
        f"{header}.{payload}.{signature[:20]}!{signature[20:]}",
        f"{token}.",
    ]

    for spelling in spellings:
        with pytest.raises(TokenRejected) as refusal:
            verify_payload(spelling, [keys("HS256").private], ALLOWED)
        assert refusal.value.reason is TokenReason.TOKEN_MALFORMED


def test_open_token_jws_returns_its_parts_and_shows_none_of_them(keys: KeyRing) -> None:
    text = hand_signed({"alg": "HS256", "kid": "k-77"}, keys("HS256").private, "HS256")

    token = open_token(text)

    assert (token.alg, token.enc, token.encrypted, token.kid) == ("HS256", None, False, "k-77")
    assert token.payload == CLAIMS
    assert token.signing_input == text.rpartition(".")[0].encode()
    assert repr(token) == "UnverifiedToken(alg='HS256', enc=None, encrypted=False)"


def test_open_token_jwe_returns_alg_enc_and_its_text() -> None:
    text = base64url.encode(b'{"alg":"dir","enc":"A128GCM","kid":"e1"}') + "..AAAA.AAAA.AAAA"

    token = open_token(text)

    assert (token.alg, token.enc, token.encrypted, token.kid, token.raw) == ("dir", "A128GCM", True, "e1", text)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"alg": "dir"}, id="missing"),
        pytest.param({"alg": "dir", "enc": None}, id="null"),
        pytest.param({"alg": "dir", "enc": ["A128GCM"]}, id="array"),
    ],
)
def test_open_token_jwe_without_enc_is_malformed(header: dict[str, Any]) -> None:
    text = base64url.encode(json.dumps(header).encode()) + "..AAAA.AAAA.AAAA"

    with pytest.raises(TokenRejected) as refusal:
        open_token(text)

    assert refusal.value.reason is TokenReason.TOKEN_MALFORMED


@pytest.mark.parametrize("kid", ["k", "k" * 256, "clé 1", "a/b+c=="])
def test_require_kid_printable_text_returns_it(keys: KeyRing, kid: str) -> None:
    token = open_token(hand_signed({"alg": "HS256", "kid": kid}, keys("HS256").private, "HS256"))

    assert require_kid(token) == kid


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({}, id="missing"),
        pytest.param({"kid": ""}, id="empty"),
        pytest.param({"kid": "k" * 257}, id="too-long"),
        pytest.param({"kid": None}, id="null"),
        pytest.param({"kid": 1}, id="number"),
        pytest.param({"kid": ["k1"]}, id="array"),
        pytest.param({"kid": "k\n1"}, id="newline"),
        pytest.param({"kid": "k\x001"}, id="nul"),
        pytest.param({"kid": "k\u202e1"}, id="direction-override"),
    ],
)
def test_require_kid_anything_else_is_kid_missing(keys: KeyRing, header: dict[str, Any]) -> None:
    token = open_token(hand_signed({"alg": "HS256", **header}, keys("HS256").private, "HS256"))

    with pytest.raises(TokenRejected) as refusal:
        require_kid(token)

    assert refusal.value.reason is TokenReason.KID_MISSING


def test_open_token_headers_that_only_name_a_key_are_remembered_and_not_too_many(
    keys: KeyRing, remembered: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "_MOST_REMEMBERED", 2)
    tokens = [hand_signed({"alg": "HS256", "kid": kid}, keys("HS256").private, "HS256") for kid in "abcab"]

    opened = [open_token(token) for token in tokens]

    assert [token.kid for token in opened] == list("abcab")
    assert [base64url.decode(part)[-3:-2] for part in remembered] == [b"b"]


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"alg": "HS256", "sub": "ann"}, id="claim-in-header"),
        pytest.param({"alg": "HS256", "kid": "k" * 513}, id="long"),
        pytest.param({"alg": "HS256", "jku": "https://a.example"}, id="refused"),
    ],
)
def test_open_token_header_that_says_more_than_a_key_is_not_remembered(
    keys: KeyRing, remembered: dict[str, Any], header: dict[str, Any]
) -> None:
    token = hand_signed(header, keys("HS256").private, "HS256")

    with suppress(TokenRejected):
        open_token(token)

    assert not remembered


def _next(character: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(character) + 1]
