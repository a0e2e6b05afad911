"""A client that is bound to one partner: of another's things it is told what it would be told if they were not."""

import re
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio

from tests.documents.examples import campaign_body
from tests.steps.pairs import paired_body
from tests.steps.verifying import mint
from tests.web.management import Management

ID: Final = re.compile(r"\{[a-z_]+\}")
PUBLIC: Final = {"/v1/partners/{partner_id}/encryption-keys"}
BODIES: Final[dict[str, Any]] = {
    "/v1/partners/{partner_id}": paired_body(),
    "/v1/campaigns/{campaign_id}": campaign_body(partner_id="globex"),
    "/v1/partners/{partner_id}/keyset/revoke": {"kid": "k1"},
}
"""What a call is sent that would otherwise be refused before anybody looks whose it is."""


@pytest_asyncio.fixture
async def management() -> AsyncIterator[Management]:
    async with Management().running() as running:
        running.with_client("admin")
        running.with_client("acme-client", partner_id="acme")
        for partner_id in ("acme", "globex"):
            await running.call("PUT", f"/v1/partners/{partner_id}", json=paired_body("crypto_api"))
            body = campaign_body(partner_id=partner_id)
            await running.call("PUT", f"/v1/campaigns/{partner_id}-spring", json=body)
        yield running


def calls_below(management: Management, place: str) -> list[tuple[str, str]]:
    """Return method and pattern of every call for one partner or campaign that there is."""
    routes = [(route.method, getattr(route.resource, "canonical", "")) for route in management.http.app.router.routes()]
    return [(method, path) for method, path in routes if path.startswith(f"{place}/{{") and path not in PUBLIC]


async def told(management: Management, method: str, path: str, pattern: str) -> tuple[int, Any]:
    answer = await management.call(method, path, "acme-client", json=BODIES.get(pattern, {}))
    body = {} if method == "HEAD" else await answer.json()
    body.pop("instance", None)
    return answer.status, body


@pytest.mark.parametrize(
    ("place", "theirs", "least"),
    [
        pytest.param("/v1/partners", "globex", 7, id="partner"),
        pytest.param("/v1/campaigns", "globex-spring", 3, id="campaign"),
    ],
)
async def test_bound_client_is_told_of_another_s_things_what_it_is_told_of_none(
    management: Management, place: str, theirs: str, least: int
) -> None:
    before = dict(management.documents.rows)
    calls = calls_below(management, place)

    for method, pattern in calls:
        there = await told(management, method, ID.sub(theirs, pattern), pattern)
        nowhere = await told(management, method, ID.sub("nowhere", pattern), pattern)
        assert there[0] == 404, (method, pattern, there)
        # An id of nobody's may be taken, and that cannot be hidden from one who tries to.
        assert there == nowhere or method == "PUT", (method, pattern)

    assert len(calls) >= least
    assert management.documents.rows == before


async def test_bound_client_lists_what_is_its_own(management: Management) -> None:
    partners = await management.call("GET", "/v1/partners", "acme-client")
    campaigns = await management.call("GET", "/v1/campaigns", "acme-client")

    assert [item["id"] for item in (await partners.json())["items"]] == ["acme"]
    assert [item["id"] for item in (await campaigns.json())["items"]] == ["acme-spring"]


async def test_bound_client_moves_no_campaign_to_another(management: Management) -> None:
    body = campaign_body(partner_id="globex")

    answer = await management.call("PUT", "/v1/campaigns/acme-spring", "acme-client", json=body)

    assert answer.status == 422
    assert [error["path"] for error in (await answer.json())["errors"]] == ["partner_id"]


async def test_bound_client_encrypts_nothing_for_another(management: Management) -> None:
    asked = {"token": mint(), "partner_id": "globex"}

    answer = await management.call("POST", "/v1/crypto/encrypt", "acme-client", json=asked)

    assert (answer.status, (await answer.json())["code"]) == (404, "partner_unknown")
