"""`/v1/campaigns`: what differs from partners."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.documents.examples import campaign_body, partner_body
from tests.web.management import Management

SPRING = "/v1/campaigns/spring"


@pytest_asyncio.fixture
async def management() -> AsyncIterator[Management]:
    async with Management().running() as running:
        running.with_client("admin")
        await running.call("PUT", "/v1/partners/acme", json=partner_body())
        yield running


async def test_campaign_put_answers_with_the_whole_document(management: Management) -> None:
    answer = await management.call("PUT", SPRING, json=campaign_body(aliases=[7]))

    read = await management.call("GET", SPRING)
    assert (answer.status, answer.headers["ETag"]) == (201, '"1"')
    assert await answer.json() == await read.json()
    assert await read.json() == {
        "partner_id": "acme",
        "name": "Spring 2027",
        "aliases": ["7"],
        "mode": "required",
        "single_use": False,
        "session_ttl_seconds": 86400,
        "prefill_deadline_seconds": 10,
        "allowed_origins": [],
        "languages": ["en"],
        "screens": {},
        "form": [],
    }


async def test_campaign_of_no_partner_is_refused(management: Management) -> None:
    answer = await management.call("PUT", SPRING, json=campaign_body(partner_id="nobody"))

    assert answer.status == 422
    assert await answer.json() == {
        "type": "/docs/problems#request_invalid",
        "title": "Invalid request",
        "status": 422,
        "detail": "The request has mistakes; each is listed in errors.",
        "instance": SPRING,
        "code": "request_invalid",
        "request_id": "test-1",
        "errors": [{"path": "partner_id", "reason": "There is no partner of this id."}],
    }


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_campaign_that_is_not_there_is_unknown(management: Management, method: str) -> None:
    answer = await management.call(method, SPRING)

    assert answer.status == 404
    assert await answer.json() == {
        "type": "/docs/problems#campaign_unknown",
        "title": "Unknown campaign",
        "status": 404,
        "detail": "There is no campaign of this id.",
        "instance": SPRING,
        "code": "campaign_unknown",
        "request_id": "test-1",
    }


async def test_partner_of_a_campaign_cannot_be_deleted_before_it(management: Management) -> None:
    await management.call("PUT", SPRING, json=campaign_body())

    early = await management.call("DELETE", "/v1/partners/acme")
    campaign = await management.call("DELETE", SPRING)
    late = await management.call("DELETE", "/v1/partners/acme")

    assert [early.status, campaign.status, late.status] == [409, 204, 204]
    assert await early.json() == {
        "type": "/docs/problems#partner_in_use",
        "title": "Partner in use",
        "status": 409,
        "detail": "The partner is still named by a campaign.",
        "instance": "/v1/partners/acme",
        "code": "partner_in_use",
        "request_id": "test-1",
    }


async def test_campaigns_of_others_are_not_listed_for_a_bound_client(management: Management) -> None:
    await management.call("PUT", "/v1/partners/other", json=partner_body())
    await management.call("PUT", SPRING, json=campaign_body())
    await management.call("PUT", "/v1/campaigns/autumn", json=campaign_body(partner_id="other"))
    management.with_client("bound", partner_id="other")

    listed = await (await management.call("GET", "/v1/campaigns", "bound")).json()

    assert [item["id"] for item in listed["items"]] == ["autumn"]


@pytest.mark.parametrize(
    ("method", "scope"),
    [pytest.param("GET", "partners:read", id="read"), pytest.param("PUT", "partners:write", id="write")],
)
async def test_campaign_needs_a_scope_of_its_own(management: Management, method: str, scope: str) -> None:
    management.with_client("little", scope)

    answer = await management.call(method, SPRING, "little", json=campaign_body())

    assert (answer.status, (await answer.json())["code"]) == (403, "scope_missing")
