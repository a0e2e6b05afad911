"""`/oauth/token` and our published keys: answers and refusals exactly as RFC 6749 has them."""

import re
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import KeySet

from app.errors import RateLimited
from app.steps.authorize import IssueAccessToken
from app.steps.client_secrets import ClientSecrets
from app.steps.secrets import SigningKeys
from app.web import oauth
from app.web.store_threads import StoreThreads
from tests.web.management import BASE, SECRET, Management

FORM = "application/x-www-form-urlencoded"
GRANT = {"grant_type": "client_credentials"}
CREDENTIALS = {**GRANT, "client_id": "ci", "client_secret": SECRET}


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{client_id}:{secret}".encode()).decode()}


@pytest_asyncio.fixture
async def management() -> AsyncIterator[Management]:
    async with Management().running() as running:
        running.with_client("ci", "stats:read", "keys:read")
        yield running


async def test_token_for_basic_credentials_is_given(management: Management) -> None:
    answer = await management.http.post("/oauth/token", data=GRANT, headers=basic("ci", SECRET))

    content = await answer.json()
    assert answer.status == 200
    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
    access_token = content.pop("access_token")
    assert access_token.count(".") == 2
    assert content == {"token_type": "Bearer", "expires_in": 3600, "scope": "keys:read stats:read"}


async def test_token_for_credentials_in_the_body_is_given_for_the_scope_asked(management: Management) -> None:
    answer = await management.http.post("/oauth/token", data={**CREDENTIALS, "scope": "stats:read"})

    content = await answer.json()
    assert (answer.status, content["scope"]) == (200, "stats:read")


async def test_token_verifies_with_the_published_keys(management: Management) -> None:
    answer = await management.http.post("/oauth/token", data=CREDENTIALS)
    published = await management.http.get("/.well-known/jwks.json")

    keys = await published.json()
    token = jwt.decode((await answer.json())["access_token"], KeySet.import_key_set(keys), algorithms=["ES256"])

    assert token.header["typ"] == "at+jwt"
    assert (token.claims["iss"], token.claims["client_id"]) == (BASE, "ci")
    assert published.headers["Cache-Control"] == "public, max-age=300"
    assert [set(key) for key in keys["keys"]] == [{"kty", "crv", "x", "y", "kid", "use", "alg"}]


WRONG_CLIENT = "The client is unknown, or its secret is wrong."


@pytest.mark.parametrize(
    ("options", "status", "error", "description"),
    [
        pytest.param({"data": {**CREDENTIALS, "client_secret": "x"}}, 401, "invalid_client", WRONG_CLIENT, id="secret"),
        pytest.param({"data": {**CREDENTIALS, "client_id": "x"}}, 401, "invalid_client", WRONG_CLIENT, id="client"),
        pytest.param(
            {"data": GRANT, "headers": basic("ci", "x")}, 401, "invalid_client", WRONG_CLIENT, id="basic-secret"
        ),
        pytest.param({"data": GRANT}, 401, "invalid_client", "The client must authenticate.", id="no-credentials"),
        pytest.param(
            {"data": GRANT, "headers": {"Authorization": "Basic ###"}},
            401,
            "invalid_client",
            "The Authorization header is not one of Basic authentication.",
            id="basic-not-base64",
        ),
        pytest.param(
            {"data": GRANT, "headers": {"Authorization": "Bearer x"}},
            401,
            "invalid_client",
            "The Authorization header is not one of Basic authentication.",
            id="not-basic",
        ),
        pytest.param(
            {"data": {**CREDENTIALS, "scope": "partners:write"}},
            400,
            "invalid_scope",
            "The client may not have every scope that it asks for.",
            id="scope",
        ),
        pytest.param(
            {"data": {**CREDENTIALS, "grant_type": "password"}},
            400,
            "unsupported_grant_type",
            "This grant_type is not supported.",
            id="grant-type",
        ),
        pytest.param({"data": {"client_id": "ci"}}, 400, "invalid_request", "The grant_type is missing.", id="none"),
        pytest.param(
            {"data": CREDENTIALS, "headers": basic("ci", SECRET)},
            400,
            "invalid_request",
            "The client must authenticate in one way only.",
            id="two-ways",
        ),
        pytest.param(
            {"data": {**GRANT, "client_id": "other"}, "headers": basic("ci", SECRET)},
            400,
            "invalid_request",
            "The client_id differs from the one that authenticates.",
            id="two-clients",
        ),
        pytest.param(
            {"data": "grant_type=a&grant_type=b", "headers": {"Content-Type": FORM}},
            400,
            "invalid_request",
            "A parameter stands twice.",
            id="twice",
        ),
        pytest.param(
            {"data": b"\xff=\xff", "headers": {"Content-Type": FORM}},
            400,
            "invalid_request",
            f"The body is not {FORM}.",
            id="not-a-form",
        ),
        pytest.param({"json": CREDENTIALS}, 400, "invalid_request", f"The body must be {FORM}.", id="json"),
    ],
)
async def test_token_request_that_is_wrong_is_refused_in_the_words_of_rfc_6749(
    management: Management, options: dict[str, Any], status: int, error: str, description: str
) -> None:
    answer = await management.http.post("/oauth/token", **options)

    assert answer.status == status
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert await answer.json() == {"error": error, "error_description": description}


async def test_token_refusal_names_the_scheme_to_authenticate_with(management: Management) -> None:
    answer = await management.http.post("/oauth/token", data=GRANT, headers=basic("ci", "x"))

    assert answer.headers["WWW-Authenticate"] == 'Basic realm="vestibule", charset="UTF-8"'


@pytest.mark.parametrize(
    "header",
    [pytest.param("ci:" + SECRET, id="as-it-is"), pytest.param("%63i:" + SECRET.replace("-", "%2D"), id="encoded")],
)
async def test_token_for_basic_credentials_takes_both_spellings(management: Management, header: str) -> None:
    client_id, _, secret = header.partition(":")

    answer = await management.http.post("/oauth/token", data=GRANT, headers=basic(client_id, secret))

    assert answer.status == 200


async def test_token_requests_of_one_address_are_limited(management: Management) -> None:
    statuses = [(await management.http.post("/oauth/token", data=GRANT)).status for _ in range(20)]

    answer = await management.http.post("/oauth/token", data=CREDENTIALS, headers={"X-Request-ID": "test-1"})

    assert set(statuses) == {401}
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) > 900
    assert await answer.json() == {
        "type": "/docs/problems#rate_limited",
        "title": "Too many requests",
        "status": 429,
        "detail": "Too many token requests from this address.",
        "instance": "/oauth/token",
        "code": "rate_limited",
        "request_id": "test-1",
    }


async def test_token_request_that_waits_too_long_for_its_turn_is_put_off(
    management: Management, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth, "PATIENCE_SECONDS", 0.01)
    keys = SigningKeys(management.secrets, management.clock)
    issue = IssueAccessToken(management.clients, ClientSecrets(), keys, management.clock, BASE)
    threads = StoreThreads(1, 10, lambda: None)
    calls = oauth.OauthCalls(issue, management.for_assertion(issue), keys, threads, management.buckets)
    await calls.turn.acquire()

    with pytest.raises(RateLimited):
        await calls.in_turn(lambda: issue("ci", SECRET, None))
    calls.turn.release()
    issued = await calls.in_turn(lambda: issue("ci", SECRET, None))

    assert issued.scope == "keys:read stats:read"
    await threads.close()


async def test_token_request_with_a_huge_body_is_refused_unread(management: Management) -> None:
    answer = await management.http.post("/oauth/token", data={"grant_type": "x" * 40_000})

    assert answer.status == 413


async def test_metadata_leads_a_client_to_a_token_and_its_keys(management: Management) -> None:
    shown = await management.http.get("/.well-known/oauth-authorization-server")

    metadata = await shown.json()
    token_path, jwks_path = (metadata[name].removeprefix(BASE) for name in ("token_endpoint", "jwks_uri"))
    grant = {**CREDENTIALS, "grant_type": metadata["grant_types_supported"][0]}
    issued = await management.http.post(token_path, data=grant)
    keys = await management.http.get(jwks_path)
    assert (metadata["issuer"], shown.headers["Cache-Control"]) == (BASE, "public, max-age=300")
    assert (issued.status, keys.status) == (200, 200)
    assert set((await issued.json())["scope"].split()) <= set(metadata["scopes_supported"])


async def test_token_refusals_are_spelled_as_rfc_6749_allows(management: Management) -> None:
    refused = await management.http.post("/oauth/token", data={**CREDENTIALS, "client_secret": 'x"\\'})

    body = await refused.json()
    assert set(body) == {"error", "error_description"}
    assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+", body["error_description"])


@pytest.mark.parametrize("in_body", [pytest.param(True, id="body"), pytest.param(False, id="basic")])
async def test_token_for_a_client_that_no_store_keeps_is_refused(management: Management, in_body: bool) -> None:
    body = {**GRANT, "client_id": "\0", "client_secret": SECRET} if in_body else GRANT

    answer = await management.http.post("/oauth/token", data=body, headers={} if in_body else basic("%00", SECRET))

    assert (answer.status, (await answer.json())["error"]) == (401, "invalid_client")
