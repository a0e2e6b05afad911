"""What the inspector says of a JWE that holds no signed token, and of a signed token that holds no claims."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import OctKey

from app.domain.inspection import Check
from app.reasons import TokenReason
from tests.steps.inspecting import SECRET, SHARED, Bench, check, nested, signed
from tests.steps.verifying import mint, pinned_partner

CLAIMS = json.dumps({"sub": "canary", "campaignId": "945645"})


def encoded(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def holding(plaintext: str | bytes, **header: Any) -> str:
    key = OctKey.import_key({"kty": "oct", "k": urlsafe_b64encode(SECRET.encode()).decode().rstrip("=")})
    return jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM", **header}, plaintext, key)


def content(token: str) -> Check:
    return check(Bench.of(pinned_partner(encryption=SHARED)).inspect(token), "content")


@pytest.mark.parametrize(
    ("token", "got", "detail", "advice"),
    [
        pytest.param(
            holding(CLAIMS, cty="JWT"),
            'cty "JWT", an object of 2 members',
            "inside the JWE: not three or five parts of base64url",
            "The JWE holds bare claims, which nobody signed.",
            id="bare-claims",
        ),
        pytest.param(
            holding('{"sub": "cänary"}'),
            "an object of 1 members",
            "inside the JWE: not ASCII",
            "The JWE holds bare claims, which nobody signed.",
            id="bare-claims-with-accents",
        ),
        pytest.param(
            holding(f"{encoded({'alg': 'ES256', 'jwk': {}, 'b64': True})}.{encoded('canary')}.AAAA"),
            'a JWS, header {"alg": "ES256", "jwk": {}, "b64": true}',
            "inside the JWE: a header member that is never allowed",
            "The header of the JWS inside holds b64, jwk.",
            id="header-that-is-never-allowed",
        ),
        pytest.param(
            holding(f"{encoded({'alg': 'dir', 'enc': 'A256GCM'})}..AAAA.AAAA.AAAA"),
            'a JWE, header {"alg": "dir", "enc": "A256GCM"}',
            "inside the JWE: encrypted twice",
            "The JWE holds a JWE.",
            id="encrypted-twice",
        ),
        pytest.param(
            holding("e30.e30.AAAA\n"),
            "3 parts, 13 characters",
            "inside the JWE: not three or five parts of base64url",
            "It has white space or line breaks.",
            id="line-break",
        ),
        pytest.param(
            holding('{"payload": "e30", "signatures": []}'),
            "an object of 2 members",
            "inside the JWE: not three or five parts of base64url",
            "It is JSON: send the compact serialization.",
            id="json-serialization",
        ),
        pytest.param(
            holding(b"\xff\xfe"), "2 bytes that are not ASCII", "inside the JWE: not ASCII", None, id="no-text"
        ),
        pytest.param(
            holding(f"{encoded({'alg': 'ES256'})}.e30.AAAA", cty="application/jwt"),
            'cty "application/jwt", a JWS, header {"alg": "ES256"}',
            "cty",
            None,
            id="content-type",
        ),
    ],
)
def test_content_that_is_no_signed_token_is_told_without_its_claims(
    token: str, got: str, detail: str, advice: str | None
) -> None:
    found = content(token)

    assert (found.passed, found.reason) == (False, TokenReason.TOKEN_MALFORMED)
    assert (found.got, found.detail, found.advice) == (got, detail, advice)
    assert "nary" not in f"{found.got} {found.advice}"


@pytest.mark.parametrize(
    ("payload", "advice"),
    [
        pytest.param(nested(mint()), "What was signed is a JWE: sign first, then encrypt.", id="jwe"),
        pytest.param(mint(), "What was signed is a JWS.", id="jws"),
        pytest.param(f'"{mint()}"', "What was signed is a JWS.", id="jws-as-json"),
        pytest.param("canary", None, id="text"),
        pytest.param("..", None, id="dots"),
        pytest.param("\xe9", None, id="accent"),
    ],
)
def test_claims_that_are_a_token_are_told_as_such_whether_the_signature_holds_or_not(
    payload: str, advice: str | None
) -> None:
    token = signed(payload.encode())
    changed = f"{token.rpartition('.')[0]}.{mint().rpartition('.')[2]}"

    found = [check(Bench.of().inspect(text), "claims") for text in (token, changed)]

    assert {(one.passed, one.reason, one.got) for one in found} == {(False, TokenReason.CLAIMS_MALFORMED, None)}
    assert [one.advice for one in found] == [advice, advice]
