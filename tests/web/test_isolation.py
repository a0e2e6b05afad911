"""A client that is bound to one partner: of another's things it is told what it would be told if they were not.

The calls are those of the document: one that is new is aimed by its path, or the test says that it must be told how.
"""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
import pytest_asyncio

from tests.documents.examples import campaign_body
from tests.steps.pairs import paired_body
from tests.steps.verifying import mint
from tests.web.burying import bury
from tests.web.conforming import interface
from tests.web.documented import Described
from tests.web.management import Management

LISTS: Final = {"listPartners", "listCampaigns", "listDeadLetters", "listAudit", "getStats"}
"""Calls that name nobody: they show what is the client's own."""


@dataclass(frozen=True, slots=True)
class Target:
    """The things of one partner, or of nobody; what each parameter of a path is for them."""

    partner: str
    session: str
    replay: str
    places: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        places = {
            "partner_id": self.partner,
            "campaign_id": f"{self.partner}-spring",
            "session_id": self.session,
            "id": self.replay,
            "sub": "ada",
        }
        object.__setattr__(self, "places", places)

    def path(self, operation: Described) -> str:
        """Return where a call is made to be about these."""
        return re.sub(r"\{([a-z_]+)\}", lambda name: self.places[name[1]], operation.path)

    def body(self, operation: Described) -> Any:
        """Return what a call is sent that would otherwise be refused before anybody looks whose it is."""
        bodies = {
            "putPartner": paired_body(),
            "putCampaign": campaign_body(partner_id=self.partner),
            "revokeKey": {"kid": "k1"},
            "encryptToken": {"token": mint(), "partner_id": self.partner},
            "inspectToken": {"partner_id": self.partner, "campaign_id": f"{self.partner}-spring", "token": mint()},
            "startReplay": {"filter": {"partner_id": self.partner}},
        }
        return bodies.get(operation.content["operationId"], {})


NOBODY: Final = Target("nowhere", "ses_" + "0" * 26, "rpl_" + "0" * 26)


@dataclass(frozen=True, slots=True)
class Scene:
    """A management interface with two partners, and a client of one of them."""

    management: Management
    theirs: Target

    async def told(self, operation: Described, target: Target, query: str = "") -> tuple[int, Any]:
        """Return status and body of a call, without what the address alone makes of them."""
        path = target.path(operation) + query
        answer = await self.management.call(operation.method, path, "acme-client", json=target.body(operation))
        body = await answer.json()
        body.pop("instance", None)
        return answer.status, body

    def state(self) -> tuple[object, ...]:
        """Return what a call that is refused must not change."""
        management = self.management
        made_by_client = [entry for entry in management.audit.entries if entry.actor == "acme-client"]
        return dict(management.documents.rows), dict(management.sessions.healths), made_by_client


@pytest_asyncio.fixture
async def scene() -> AsyncIterator[Scene]:
    async with Management().running() as management:
        management.with_client("admin")
        management.with_client("acme-client", partner_id="acme")
        for partner_id in ("acme", "globex"):
            await management.call("PUT", f"/v1/partners/{partner_id}", json=paired_body("crypto_api"))
            body = campaign_body(partner_id=partner_id)
            await management.call("PUT", f"/v1/campaigns/{partner_id}-spring", json=body)
        session = bury(management, partner_id="globex", campaign_id="globex-spring")
        started = await management.call("POST", "/v1/replays", json={"filter": {"partner_id": "globex"}})
        yield Scene(management, Target("globex", session, (await started.json())["replay_id"]))


def management_calls() -> list[Described]:
    """Return every call that needs a bearer with a scope."""
    return [each for each in interface().operations() if "accessToken" in str(each.content["security"])]


async def test_interface_in_memory_serves_every_management_call(scene: Scene) -> None:
    served = {
        (route.method, getattr(route.resource, "canonical", "")) for route in scene.management.http.app.router.routes()
    }

    assert [each.path for each in management_calls() if (each.method, each.path) not in served] == []


async def test_bound_client_is_told_of_another_s_things_what_it_is_told_of_none(scene: Scene) -> None:
    before, checked = scene.state(), 0

    for operation in management_calls():
        id_ = operation.content["operationId"]
        if id_ in LISTS:
            continue
        there = await scene.told(operation, scene.theirs)
        nowhere = await scene.told(operation, NOBODY)
        assert there[0] == 404, (id_, there)
        # An id of nobody's may be taken, and that cannot be hidden from one who tries to.
        assert there == nowhere or operation.method == "PUT", (id_, there, nowhere)
        checked += 1

    assert checked >= 20
    assert scene.state() == before


@pytest.mark.parametrize("query", ["", "?partner_id=globex", "?partner_id=nowhere"])
async def test_bound_client_sees_nothing_of_another_in_any_list(scene: Scene, query: str) -> None:
    lists = [each for each in management_calls() if each.content["operationId"] in LISTS]

    for operation in lists:
        if query and "partner_id" not in str(operation.content.get("parameters")):
            continue
        status, body = await scene.told(operation, scene.theirs, query)
        assert status == (404 if query else 200), (operation.path, status)
        assert "globex" not in str(body), operation.path
        assert scene.theirs.session not in str(body), operation.path

    assert len(lists) == len(LISTS)


@pytest.mark.parametrize("campaign_id", ["globex-spring", "nowhere"])
async def test_bound_client_replays_nothing_of_another(scene: Scene, campaign_id: str) -> None:
    wanted = {"filter": {"campaign_id": campaign_id}}

    answer = await scene.management.call("POST", "/v1/replays", "acme-client", json=wanted)

    assert (answer.status, (await answer.json())["code"]) == (404, "campaign_unknown")


async def test_bound_client_lists_what_is_its_own(scene: Scene) -> None:
    partners = await scene.management.call("GET", "/v1/partners", "acme-client")
    campaigns = await scene.management.call("GET", "/v1/campaigns", "acme-client")

    assert [item["id"] for item in (await partners.json())["items"]] == ["acme"]
    assert [item["id"] for item in (await campaigns.json())["items"]] == ["acme-spring"]


async def test_bound_client_moves_no_campaign_to_another(scene: Scene) -> None:
    body = campaign_body(partner_id="globex")

    answer = await scene.management.call("PUT", "/v1/campaigns/acme-spring", "acme-client", json=body)

    assert answer.status == 422
    assert [error["path"] for error in (await answer.json())["errors"]] == ["partner_id"]


async def test_bound_client_inspects_no_token_for_another_s_campaign(scene: Scene) -> None:
    asked = {"partner_id": "acme", "campaign_id": "globex-spring", "token": mint()}

    answer = await scene.management.call("POST", "/v1/inspect", "acme-client", json=asked)

    assert (answer.status, (await answer.json())["code"]) == (404, "campaign_unknown")
