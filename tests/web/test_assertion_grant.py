"""The grant for a partner's own signed token (RFC 7523): who gets an access token for it, and how little it opens."""

import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from app.management_ports import DocumentKind
from app.ports import Work
from tests.builders import NOW, SOURCE
from tests.steps.pairs import paired_body
from tests.steps.verifying import SIGNING, mint
from tests.web.management import BASE, SECRET, Management

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SECONDS = int(NOW.timestamp())
ASKING = "its keys have been asked for, try again in a few seconds"


@pytest_asyncio.fixture
async def management() -> AsyncIterator[Management]:
    async with Management().running() as running:
        running.with_client("admin")
        running.with_client("acme")  # a client that happens to be called as the partner is
        await configure(running)
        yield running


async def configure(management: Management, **changes: Any) -> None:
    body = paired_body("crypto_api", **changes)
    assert (await management.call("PUT", "/v1/partners/acme", json=body)).status in {200, 201}


def form(**changes: str | None) -> dict[str, str]:
    whole = {"grant_type": JWT_BEARER, "client_id": "acme", "assertion": mint(), **changes}
    return {name: value for name, value in whole.items() if value is not None}


async def granted(management: Management, **data: Any) -> tuple[int, Any]:
    answer = await management.http.post("/oauth/token", data=form(**data))
    return answer.status, await answer.json()


def claims_of(access_token: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(access_token.split(".")[1] + "=="))
    return claims


@pytest.mark.parametrize("scope", [None, "crypto:encrypt"])
async def test_assertion_that_is_valid_opens_the_crypto_api(management: Management, scope: str | None) -> None:
    status, body = await granted(management, assertion=mint(exp=SECONDS + 7200), scope=scope)

    access_token = body.pop("access_token")
    assert (status, body) == (200, {"token_type": "Bearer", "expires_in": 3600, "scope": "crypto:encrypt"})
    bearer = {"Authorization": f"Bearer {access_token}"}
    encrypted = await management.http.post("/v1/crypto/encrypt", json={"token": mint()}, headers=bearer)
    assert encrypted.status == 200
    claims = claims_of(access_token)
    del claims["jti"]
    assert claims == {
        "iss": BASE,
        "aud": BASE,
        "sub": "acme",
        "client_id": "acme",
        "partner_id": "acme",
        "scope": "crypto:encrypt",
        "iat": SECONDS,
        "exp": SECONDS + 3600,
    }


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/v1/partners/acme", 403, id="its-own-document"),
        pytest.param("/v1/partners", 403, id="the-list"),
        pytest.param("/v1/campaigns", 403, id="campaigns"),
    ],
)
async def test_assertion_opens_nothing_else_be_there_a_client_of_the_same_name(
    management: Management, path: str, status: int
) -> None:
    _, body = await granted(management)

    answer = await management.http.get(path, headers={"Authorization": f"Bearer {body['access_token']}"})

    assert answer.status == status


async def test_assertion_of_one_partner_encrypts_for_no_other(management: Management) -> None:
    body = paired_body("crypto_api")
    await management.call("PUT", "/v1/partners/globex", json=body)
    _, issued = await granted(management)
    bearer = {"Authorization": f"Bearer {issued['access_token']}"}

    asked = {"token": mint(), "partner_id": "globex"}
    answer = await management.http.post("/v1/crypto/encrypt", json=asked, headers=bearer)

    assert (answer.status, (await answer.json())["code"]) == (404, "partner_unknown")


@pytest.mark.parametrize(
    ("exp", "expires_in"),
    [
        pytest.param(SECONDS + 300.123456, 300, id="as-long-as-the-assertion"),
        pytest.param(SECONDS + 3, 60, id="about-to-expire"),
        pytest.param(SECONDS - 30, 60, id="within-the-leeway"),
    ],
)
async def test_assertion_gives_a_token_that_lives_hardly_longer(
    management: Management, exp: float, expires_in: int
) -> None:
    status, body = await granted(management, assertion=mint(exp=exp))

    assert (status, body["expires_in"]) == (200, expires_in)
    assert claims_of(body["access_token"])["exp"] == SECONDS + expires_in


async def test_assertion_may_be_used_again_and_is_used_up_by_no_campaign(management: Management) -> None:
    token = mint(jti="once")

    statuses = [(await granted(management, assertion=token))[0] for _ in range(2)]

    assert statuses == [200, 200]


REFUSED = "The assertion was refused: "


@pytest.mark.parametrize(
    ("changes", "status", "error", "description"),
    [
        pytest.param({"client_id": None}, 400, "invalid_request", "The client_id is missing.", id="no-client"),
        pytest.param({"client_id": ""}, 400, "invalid_request", "The client_id is missing.", id="empty-client"),
        pytest.param({"assertion": None}, 400, "invalid_request", "The assertion is missing.", id="no-assertion"),
        pytest.param(
            {"client_id": "nobody"}, 401, "invalid_client", "There is no partner of this client_id.", id="unknown"
        ),
        pytest.param(
            {"client_id": "\u0000"}, 401, "invalid_client", "There is no partner of this client_id.", id="no-id"
        ),
        pytest.param(
            {"client_secret": SECRET},
            400,
            "invalid_request",
            "With an assertion there is no client to authenticate.",
            id="secret",
        ),
        pytest.param(
            {"scope": "crypto:encrypt partners:read"},
            400,
            "invalid_scope",
            "An assertion is good for crypto:encrypt alone.",
            id="more-scope",
        ),
        pytest.param(
            {"scope": "partners:read"},
            400,
            "invalid_scope",
            "An assertion is good for crypto:encrypt alone.",
            id="scope",
        ),
        pytest.param({"assertion": mint("k2")}, 400, "invalid_grant", f"{REFUSED}signature_invalid.", id="signature"),
        pytest.param(
            {"assertion": mint(exp=SECONDS - 60)}, 400, "invalid_grant", f"{REFUSED}token_expired: exp.", id="expired"
        ),
        pytest.param(
            {"assertion": mint(iss="other")}, 400, "invalid_grant", f"{REFUSED}issuer_mismatch: iss.", id="issuer"
        ),
        pytest.param(
            {"assertion": mint(iss="acme", aud="other")},
            400,
            "invalid_grant",
            f"{REFUSED}audience_mismatch: aud.",
            id="audience",
        ),
        pytest.param(
            {"assertion": mint(iss="acme", aud="here", exp=None)},
            400,
            "invalid_grant",
            f"{REFUSED}claim_missing: exp.",
            id="without-end",
        ),
        pytest.param(
            {"assertion": "a.b.c"},
            400,
            "invalid_grant",
            f"{REFUSED}token_malformed: base64url that is not canonical.",
            id="malformed",
        ),
    ],
)
async def test_assertion_that_is_wrong_is_refused_in_the_words_of_rfc_6749(
    management: Management, changes: dict[str, Any], status: int, error: str, description: str
) -> None:
    await configure(management, issuer="acme", audience="here", require_exp=False)

    answer = await management.http.post("/oauth/token", data=form(**changes))

    assert answer.status == status
    assert answer.headers["Cache-Control"] == "no-store"
    assert await answer.json() == {"error": error, "error_description": description}


async def test_assertion_by_a_key_that_is_not_here_asks_for_it_and_calls_nobody(management: Management) -> None:
    await configure(management, signature={"method": "jwks", "jwks_url": SOURCE, "algorithms": [SIGNING]})
    management.keysets.rows.clear()
    management.hints.rung.clear()

    answered = await granted(management)

    description = f"{REFUSED}keys_unavailable: {ASKING}."
    assert answered == (400, {"error": "invalid_grant", "error_description": description})
    assert SOURCE in management.keysets.rows
    assert management.hints.rung == [(Work.REFRESH, 1)]


async def test_assertion_of_a_partner_that_was_deleted_opens_nothing_more(management: Management) -> None:
    _, issued = await granted(management)
    management.documents.delete(DocumentKind.PARTNER, "acme", None)

    bearer = {"Authorization": f"Bearer {issued['access_token']}"}
    answer = await management.http.post("/v1/crypto/encrypt", json={"token": mint()}, headers=bearer)

    assert answer.status == 404
    assert (await granted(management))[1]["error"] == "invalid_client"
