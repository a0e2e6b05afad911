"""`POST /v1/partners/{id}/doctor`: what is asked of the outside, what is told, and how often."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from app.domain.checkup_endpoints import Reached
from app.domain.health import paused
from app.domain.prefill import PartnerAnswer, PrefillCall
from app.errors import OutsideError
from app.reasons import PrefillReason
from app.steps import examine
from tests.builders import NOW
from tests.documents.examples import CREDENTIAL, campaign_body, partner_body
from tests.steps.verifying import SIGNING, key_pair
from tests.web.management import Management

DOCTOR = "/v1/partners/acme/doctor"
PREFILL = {
    "url": "https://api.acme.example/{campaign_id}/{sub}",
    "authorization": {"from": "static", "secret": CREDENTIAL},
    "mapping": {"form": {"firstname": "name"}, "optin": {}},
}
REACHED = Reached(200, timedelta(milliseconds=20), NOW, max_age=timedelta(hours=1), has_validator=True)


@pytest_asyncio.fixture
async def management() -> AsyncIterator[Management]:
    async with Management().running() as running:
        running.with_client("admin")
        signature = {"method": "jwks", "jwks_url": "https://acme.example/jwks.json", "algorithms": [SIGNING]}
        await running.call("PUT", "/v1/partners/acme", json=partner_body(signature=signature, prefill=PREFILL))
        await running.call("PUT", "/v1/campaigns/spring", json=campaign_body())
        running.probe.keys = REACHED, {"keys": [key_pair("k1")[1], {"kty": "oct", "kid": "shared", "k": "AAAA"}]}
        running.probe.participant = REACHED, PartnerAnswer({"firstname": "Secret-Ada"}, {})
        yield running


async def examined(management: Management, **options: Any) -> dict[str, tuple[str, str]]:
    answer = await management.call("POST", DOCTOR, **options)
    assert answer.status == 200
    return {check["name"]: (check["status"], check["detail"]) for check in (await answer.json())["checks"]}


async def test_checkup_tells_what_endpoints_and_documents_say(management: Management) -> None:
    checks = await examined(management, json={"sub": "sample-sub"})

    assert checks["jwks_keys"] == ("ok", f"1 usable: k1 ({SIGNING})")
    assert checks["jwks_dropped"][0] == "warn"
    assert checks["keyset"] == ("warn", "our copy is empty")
    assert checks["prefill_mapping"] == ("ok", "came back: form.firstname")
    assert checks["campaign spring: allowed_origins"] == ("warn", "none")
    url, call = management.probe.asked
    assert url == "https://acme.example/jwks.json"
    assert isinstance(call, PrefillCall)
    assert (call.url, call.bearer) == ("https://api.acme.example/spring/sample-sub", CREDENTIAL)


async def test_checkup_tells_an_opt_in_that_the_mapping_finds_nothing_for_as_missing(management: Management) -> None:
    mapping = {"form": {"firstname": "name"}, "optin": {"newsletter": "consent.mail"}}
    await management.call("PUT", "/v1/partners/acme", json=partner_body(prefill={**PREFILL, "mapping": mapping}))
    management.probe.participant = REACHED, PartnerAnswer({"firstname": "Secret-Ada"}, {"newsletter": None})

    checks = await examined(management, json={"sub": "sample-sub"})

    assert checks["prefill_mapping"] == ("warn", "came back: form.firstname; missing: optin.newsletter")


async def test_checkup_tells_no_value_and_is_recorded_without_its_sample(management: Management) -> None:
    answer = await management.call("POST", DOCTOR, json={"sub": "sample-sub"})

    told = await answer.text() + repr(management.audit.entries)
    assert management.audit.entries[-1].action == "partner.examined"
    assert [word for word in ("Secret-Ada", "sample-sub", CREDENTIAL) if word in told] == []


async def test_checkup_without_a_sample_asks_for_keys_alone(management: Management) -> None:
    checks = await examined(management)

    assert management.probe.asked == ["https://acme.example/jwks.json"]
    assert checks["prefill_reachable"] == ("warn", "not asked")


async def test_checkup_of_a_paused_partner_does_not_call_its_api(management: Management) -> None:
    healths = management.sessions.healths
    await management.call("POST", "/v1/partners/acme/pause")

    checks = await examined(management, json={"sub": "sample-sub"})

    assert checks["prefill_reachable"] == ("warn", "not asked: it is paused")
    assert healths["acme"] == paused(healths["acme"], "admin")


async def test_checkup_of_endpoints_that_fail_fails_by_their_class(management: Management) -> None:
    management.probe.keys = OutsideError(PrefillReason.TLS, "handshake_failed")
    management.probe.participant = OutsideError(PrefillReason.HTTP_4XX, "status_404", 404)

    answer = await management.call("POST", DOCTOR, json={"sub": "sample-sub"})

    body = await answer.json()
    assert body["status"] == "fail"
    assert {check["name"]: check["detail"] for check in body["checks"] if check["status"] == "fail"} == {
        "jwks_reachable": "tls: handshake_failed",
        "prefill_reachable": "http_4xx, status 404: status_404",
    }


async def test_checkup_says_that_it_looked_at_no_more_campaigns(
    management: Management, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examine, "MAX_CAMPAIGNS", 1)
    await management.call("PUT", "/v1/campaigns/winter", json=campaign_body())

    checks = await examined(management)

    assert checks["campaigns"] == ("warn", "only the first 1 were looked at")
    assert [name for name in checks if name.startswith("campaign winter")] == []


@pytest.mark.parametrize(
    ("client", "path", "options", "status", "code"),
    [
        pytest.param("globex", DOCTOR, {}, 404, "partner_unknown", id="another-s"),
        pytest.param("admin", "/v1/partners/nowhere/doctor", {}, 404, "partner_unknown", id="unknown"),
        pytest.param("admin", "/v1/partners/%00/doctor", {}, 404, "partner_unknown", id="no-id"),
        pytest.param("writer", DOCTOR, {}, 403, "scope_missing", id="scope"),
        pytest.param("admin", DOCTOR, {"json": {"who": "ada"}}, 422, "request_invalid", id="unknown-member"),
        pytest.param("admin", DOCTOR, {"data": b"sub"}, 415, "media_type_unsupported", id="no-json"),
    ],
)
async def test_checkup_that_is_refused_asks_nobody(
    management: Management, client: str, path: str, options: dict[str, Any], status: int, code: str
) -> None:
    management.with_client("globex", partner_id="globex")
    management.with_client("writer", "partners:write")

    refused = await management.call("POST", path, client, **options)

    assert (refused.status, (await refused.json())["code"]) == (status, code)
    assert management.probe.asked == []


async def test_checkups_of_one_client_are_limited(management: Management) -> None:
    answers = [await management.call("POST", DOCTOR) for _ in range(5)]

    assert [answer.status for answer in answers] == [200, 200, 200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) > 0
