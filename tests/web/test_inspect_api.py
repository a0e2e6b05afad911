"""The inspector over HTTP: bodies compared whole, limits, isolation, and not a word of a token in the log."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from app.domain.health import PartnerHealth, paused
from app.domain.prefill import PartnerAnswer
from app.errors import OutsideError
from app.reasons import PrefillReason
from tests.builders import NOW, SOURCE, keyset
from tests.documents.examples import campaign_body
from tests.steps.pairs import encrypted_by_joserfc, paired_body
from tests.steps.verifying import SIGNING, key_pair, mint
from tests.web.management import Management
from tests.web.stage import eventually

INSPECT = "/v1/inspect"
SECONDS = int(NOW.timestamp())
API = {
    "url": "https://api.acme.example/{sub}",
    "mapping": {"form": {"firstname": "given", "story": "story", "town": "town"}, "optin": {"news": "news"}},
}
FORM = [{"name": name, "label": {"en": name}} for name in ("firstname", "lastname")]


@pytest_asyncio.fixture
async def management() -> AsyncIterator[Management]:
    async with Management().running() as running:
        running.with_client("admin")
        running.with_client("acme-client", "tokens:inspect", partner_id="acme")
        await put(running)
        yield running


async def put(management: Management, **changes: Any) -> None:
    partner = paired_body("key_pair", **changes)
    answer = await management.call("PUT", "/v1/partners/acme", json=partner)
    assert answer.status in (200, 201), await answer.text()
    campaign = campaign_body(form=FORM)
    assert (await management.call("PUT", "/v1/campaigns/945645", json=campaign)).status in (200, 201)


async def inspect(management: Management, token: str, client_id: str = "acme-client", **more: Any) -> Any:
    body = {"partner_id": "acme", "campaign_id": "945645", "token": token, **more}
    answer = await management.call("POST", INSPECT, client_id, json=body)
    assert answer.status == 200, await answer.text()
    return await answer.json()


def by_name(body: Any) -> dict[str, Any]:
    return {check["name"]: check for check in body["checks"]}


async def test_inspect_of_a_token_that_holds_answers_with_every_check(management: Management) -> None:
    body = await inspect(management, mint(form={"firstname": "Ada"}, limit={"nb": 2}))

    assert list(body) == ["checks", "verdict", "campaign", "clocks", "dry_run"]
    assert body["verdict"] == {"status": "accepted", "reason": None}
    assert [check["name"] for check in body["checks"]] == [
        "shape", "header", "header_members", "encryption", "algorithm", "key", "signature", "claims",
        "claims.sub", "claims.campaignId", "claims.exp", "claims.nbf", "claims.iat", "claims.iss", "claims.aud",
        "campaign", "claims.limit", "claims.gift", "claims.jti", "claims.custom",
        "single_use", "participation", "prefill",
    ]  # fmt: skip
    assert {check["passed"] for check in body["checks"]} == {True}
    assert by_name(body)["header_members"] == {
        "name": "header_members",
        "passed": True,
        "expected": "alg as text, of a JWE enc too; none of b64, crit, jku, jwk, x5u, zip",
        "got": '{"kid": "k1", "alg": "ES256"}',
        "hint": None,
        "reason": None,
        "docs": None,
    }
    assert body["campaign"] == {
        "campaign_id": "945645",
        "partner_id": "acme",
        "mode": "required",
        "participation": {"allowed": True, "reason": None, "remaining": 2},
        "anonymous": False,
        "screen": None,
        "prefill": {
            "status": "ready",
            "source": "token",
            "reason": None,
            "form": ["firstname"],
            "optin": [],
            "warnings": [],
            "empty_fields": ["lastname"],
            "mapping": None,
        },
    }
    assert body["dry_run"] is None


async def test_inspect_of_a_token_that_is_refused_says_what_was_expected_and_what_to_do(management: Management) -> None:
    body = await inspect(management, mint(exp=SECONDS - 300))

    assert body["verdict"] == {"status": "rejected", "reason": "token_expired"}
    assert by_name(body)["claims.exp"] == {
        "name": "claims.exp",
        "passed": False,
        "expected": "a number of seconds, after 2027-03-01T11:59:00.123Z",
        "got": str(SECONDS - 300),
        "hint": "At fault: exp. Mint tokens when the page is served, with `exp` in seconds; compare your clock.",
        "reason": "token_expired",
        "docs": "docs/reasons.md#token_expired",
    }
    assert by_name(body)["prefill"]["passed"] is None
    assert body["campaign"]["participation"] == {"allowed": False, "reason": "token_rejected", "remaining": None}
    assert body["campaign"]["screen"]["title"] == "We could not recognise you"


async def test_inspect_compares_the_clocks(management: Management) -> None:
    body = await inspect(management, mint(exp=SECONDS + 90, nbf="now"))

    assert body["clocks"] == {
        "now": "2027-03-01T12:00:00.123Z",
        "leeway_seconds": 60,
        "iat": {"at": "2027-03-01T12:00:00.000Z", "seconds_from_now": -0.123},
        "nbf": None,
        "exp": {"at": "2027-03-01T12:01:30.000Z", "seconds_from_now": 89.877},
    }


async def test_inspect_opens_what_is_encrypted_for_a_key_pair_of_ours(management: Management) -> None:
    keys = await (await management.http.get("/v1/partners/acme/encryption-keys")).json()

    body = await inspect(management, encrypted_by_joserfc(keys["keys"][0]))

    assert body["verdict"]["status"] == "accepted"
    assert by_name(body)["decryption"]["got"] == "a JWE, alg RSA-OAEP-256, enc A256GCM"


async def publish(management: Management) -> None:
    """Let the partner's keys be at SOURCE, and let nobody have looked there yet."""
    await put(management, signature={"method": "jwks", "jwks_url": SOURCE, "algorithms": [SIGNING]})
    management.keysets.rows.clear()


async def test_inspect_of_a_token_whose_key_does_not_come_is_not_decided(management: Management) -> None:
    await publish(management)

    body = await inspect(management, mint())

    assert body["verdict"] == {"status": "pending", "reason": "keys_unavailable"}
    assert by_name(body)["key"]["hint"].startswith("Not decided: a participant's session waits for this key.")
    assert by_name(body)["signature"]["hint"] == "Not judged: an earlier check did not pass."
    assert body["campaign"]["participation"] is None


async def test_inspect_waits_for_the_key_that_has_been_asked_for() -> None:
    async with Management(patience_seconds=5).running() as management:
        management.with_client("admin")
        management.with_client("acme-client", "tokens:inspect", partner_id="acme")
        await put(management)
        await publish(management)

        async with asyncio.TaskGroup() as group:
            inspecting = group.create_task(inspect(management, mint()))
            await eventually(lambda: SOURCE in management.keysets.rows)
            management.keysets.rows[SOURCE] = keyset(keys=(key_pair("k1")[1],))

    assert inspecting.result()["verdict"]["status"] == "accepted"


@pytest.mark.parametrize(
    ("answer", "dry_run"),
    [
        pytest.param(
            PartnerAnswer({"firstname": "canary-name", "story": ["canary"], "town": None}, {"news": True}),
            {
                "status": "ready",
                "reason": None,
                "detail": None,
                "http_status": 200,
                "form": ["firstname"],
                "optin": ["news"],
                "missing": ["form.story", "form.town"],
                "warnings": ["form.story: value_unusable"],
            },
            id="answered",
        ),
        pytest.param(
            OutsideError(PrefillReason.HTTP_5XX, "status_503", 503),
            {
                "status": "unavailable",
                "reason": "http_5xx",
                "detail": "status_503",
                "http_status": 503,
                "form": [],
                "optin": [],
                "missing": [],
                "warnings": [],
            },
            id="failed",
        ),
    ],
)
async def test_inspect_with_a_dry_run_calls_the_partner_and_tells_no_value(
    management: Management, answer: PartnerAnswer | OutsideError, dry_run: dict[str, Any]
) -> None:
    await put(management, prefill=API)
    management.partner_api.answers["acme"] = [answer]

    body = await inspect(management, mint(access_token="canary-bearer"), dry_run_prefill=True)

    duration = body["dry_run"].pop("duration_ms")
    assert body["dry_run"] == dry_run
    assert 0 <= duration < 5000
    assert [(call.url, call.bearer) for call in management.partner_api.calls] == [
        ("https://api.acme.example/ada", "canary-bearer")
    ]
    assert body["campaign"]["prefill"]["source"] == "partner"
    assert body["campaign"]["prefill"]["mapping"]["form"] == API["mapping"]["form"]  # type: ignore[index]
    assert "canary" not in json.dumps([body["dry_run"], body["campaign"]])


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(mint(exp=1, access_token="at"), id="refused"),
        pytest.param(mint(limit={"nb": 0}, access_token="at"), id="may-not-play"),
        pytest.param(mint(form={"firstname": "Ada"}, access_token="at"), id="carries-its-prefill"),
    ],
)
async def test_inspect_with_a_dry_run_calls_nobody_where_a_session_would_not(
    management: Management, token: str
) -> None:
    await put(management, prefill=API)

    body = await inspect(management, token, dry_run_prefill=True)

    assert body["dry_run"] is None
    assert management.partner_api.calls == []


async def test_inspect_calls_no_partner_unless_asked_to(management: Management) -> None:
    await put(management, prefill=API)

    body = await inspect(management, mint(access_token="at"))

    assert (body["dry_run"], management.partner_api.calls) == (None, [])
    assert body["campaign"]["prefill"]["status"] == "pending"


async def test_inspect_with_a_dry_run_calls_no_partner_that_is_paused(management: Management) -> None:
    await put(management, prefill=API)
    management.sessions.healths["acme"] = paused(PartnerHealth(), "admin")

    body = await inspect(management, mint(access_token="at"), dry_run_prefill=True)

    assert (body["dry_run"]["reason"], body["dry_run"]["detail"]) == ("breaker_open", "paused")
    assert management.partner_api.calls == []


async def test_inspect_is_limited_for_each_client(management: Management) -> None:
    management.with_client("other", "tokens:inspect")
    for _ in range(20):
        await inspect(management, "x", "other")

    body = {"partner_id": "acme", "campaign_id": "945645", "token": "x"}
    refused = await management.call("POST", INSPECT, "other", json=body)
    served = await management.call("POST", INSPECT, "acme-client", json=body)

    assert (refused.status, (await refused.json())["code"], served.status) == (429, "rate_limited", 200)
    assert int(refused.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"partner_id": "globex"}, "partner_unknown", id="another-s-partner"),
        pytest.param({"partner_id": "nobody"}, "partner_unknown", id="no-partner"),
        pytest.param({"partner_id": "../x"}, "partner_unknown", id="no-id"),
        pytest.param({"campaign_id": "globex-spring"}, "campaign_unknown", id="another-s-campaign"),
        pytest.param({"campaign_id": "nothing"}, "campaign_unknown", id="no-campaign"),
    ],
)
async def test_inspect_of_a_bound_client_knows_nothing_of_others(
    management: Management, changes: dict[str, str], code: str
) -> None:
    await management.call("PUT", "/v1/partners/globex", json=paired_body())
    await management.call("PUT", "/v1/campaigns/globex-spring", json=campaign_body(partner_id="globex"))
    body = {"partner_id": "acme", "campaign_id": "945645", "token": mint(), **changes}

    answer = await management.call("POST", INSPECT, "acme-client", json=body)

    assert (answer.status, (await answer.json())["code"]) == (404, code)


async def test_inspect_of_a_campaign_with_another_s_partner_is_unknown_to_everybody(management: Management) -> None:
    await management.call("PUT", "/v1/partners/globex", json=paired_body())
    body = {"partner_id": "globex", "campaign_id": "945645", "token": mint()}

    answer = await management.call("POST", INSPECT, "admin", json=body)

    problem = await answer.json()
    assert (answer.status, problem["code"]) == (404, "campaign_unknown")
    assert problem["detail"] == "This partner has no campaign of that id."


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        pytest.param({}, {"partner_id", "campaign_id", "token"}, id="empty"),
        pytest.param(
            {"partner_id": 1, "campaign_id": None, "token": []}, {"partner_id", "campaign_id", "token"}, id="types"
        ),
        pytest.param(
            {"partner_id": "acme", "campaign_id": "945645", "token": "", "dry_run_prefill": 1, "x": 1},
            {"dry_run_prefill", "x"},
            id="more",
        ),
    ],
)
async def test_inspect_of_a_body_that_says_something_else_lists_every_mistake(
    management: Management, body: dict[str, Any], errors: set[str]
) -> None:
    answer = await management.call("POST", INSPECT, "acme-client", json=body)

    said = await answer.json()
    assert (answer.status, said["code"]) == (422, "request_invalid")
    assert {error["path"] for error in said["errors"]} == errors


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        pytest.param(b'{"token":"a","token":"b"}', "application/json", 400, id="twice"),
        pytest.param(b"{", "application/json", 400, id="not-json"),
        pytest.param(b"{}", "text/plain", 415, id="media-type"),
        pytest.param(b'{"token":"' + b"x" * 70_000 + b'"}', "application/json", 413, id="too-large"),
    ],
)
async def test_inspect_of_what_is_no_body_is_refused(
    management: Management, data: bytes, content_type: str, status: int
) -> None:
    answer = await management.call("POST", INSPECT, data=data, headers={"Content-Type": content_type})

    assert answer.status == status


async def test_inspect_needs_its_scope(management: Management) -> None:
    management.with_client("reader", "partners:read")

    refused = await management.call("POST", INSPECT, "reader", json={})
    nobody = await management.http.post(INSPECT, json={})

    assert (refused.status, (await refused.json())["code"], nobody.status) == (403, "scope_missing", 401)


@pytest.mark.usefixtures("logs_on_stderr")
async def test_inspect_logs_nothing_of_the_token(management: Management, capfd: pytest.CaptureFixture[str]) -> None:
    await put(management, prefill=API)
    management.partner_api.answers["acme"] = [OutsideError(PrefillReason.TIMEOUT, "no_answer_in_time")]
    token = mint(sub="canary-sub", access_token="canary-bearer", custom={"x": "canary"})
    capfd.readouterr()

    await inspect(management, token, dry_run_prefill=True)
    await inspect(management, f"{token[:-4]}AAAA")
    await inspect(management, "canary")

    told = capfd.readouterr()
    said = told.err + told.out
    assert said.count('"request.answered"') == 3
    assert [part for part in ("canary", *token.split(".")[1:]) if part in said] == []
