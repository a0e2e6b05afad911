"""The demo partner as Vestibule and a browser meet it, and its documents as the management interface takes them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from app.demo.documents import CAMPAIGN_ID, PARTNER_ID, form_fields
from app.demo.keys import KEY_FILE, DemoKeys
from app.demo.people import ADA, DOWN
from app.demo.scenarios import LIFE, SCENARIOS, Making, Scenario, mint
from app.demo.seed import seed_demo
from app.demo.server import build_demo
from app.domain.outside import OutboundPolicy
from app.errors import RequestInvalid, TokenRejected
from app.jose.encryption import decrypt_payload
from app.jose.keys import KeyPolicy, import_keys
from app.jose.signature import verify_payload
from app.management_ports import DocumentKind
from app.steps.configure import ConfigureDocuments
from tests.fakes.configuration import MemoryDocuments
from tests.fakes.upkeep import MemoryAudit

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
DEMO_URL = "http://127.0.0.1:8090"
LOOPBACK = OutboundPolicy((ip_network("127.0.0.0/8"),))


@dataclass(frozen=True, slots=True)
class FixedClock:
    def now(self) -> datetime:
        return NOW


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> DemoKeys:
    return DemoKeys.load(tmp_path_factory.mktemp("demo"))


async def replayed() -> str:
    return "1 form"


@asynccontextmanager
async def visiting(keys: DemoKeys) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    app = build_demo(keys, "http://127.0.0.1:8080", FixedClock(), replayed)
    async with TestClient(TestServer(app)) as client:
        yield client


def configure(outbound: OutboundPolicy = LOOPBACK) -> ConfigureDocuments:
    return ConfigureDocuments(MemoryDocuments(), MemoryAudit(), FixedClock(), outbound)


def test_keys_are_made_once_and_kept_for_their_owner_alone(tmp_path: Path) -> None:
    first = DemoKeys.load(tmp_path)

    second = DemoKeys.load(tmp_path)

    assert second == first
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_keys_that_are_published_hold_no_private_member(keys: DemoKeys) -> None:
    (published,) = import_keys(dict(keys.jwks), KeyPolicy.remote()).keys

    assert not published.has_private
    assert published.thumbprint == keys.signing.thumbprint


@pytest.mark.parametrize("scenario", [pytest.param(scenario, id=scenario.slug) for scenario in SCENARIOS])
def test_token_of_each_scenario_is_signed_as_the_scenario_says(keys: DemoKeys, scenario: Scenario) -> None:
    token = mint(scenario, keys, NOW, "jti-1")

    if scenario.making is Making.ENCRYPTED:
        token = decrypt_payload(token, [keys.encryption], ["A256GCMKW"], ["A256GCM"]).decode()
    published = import_keys(dict(keys.jwks))
    if scenario.making is Making.BY_A_STRANGER:
        with pytest.raises(TokenRejected):
            verify_payload(token, published, ["RS256"])
        return
    claims = json.loads(verify_payload(token, published, ["RS256"]))
    assert claims["campaignId"] == CAMPAIGN_ID
    assert claims["exp"] - claims["iat"] == LIFE.total_seconds()


async def test_link_leads_to_the_campaign_with_a_token_of_its_own_each_time(keys: DemoKeys) -> None:
    async with visiting(keys) as client:
        answers = [await client.get("/go/token-data", allow_redirects=False) for _ in range(2)]

    locations = [answer.headers["Location"] for answer in answers]
    assert all(location.startswith("http://127.0.0.1:8080/c/demo?token=ey") for location in locations)
    assert locations[0] != locations[1]
    assert answers[0].status == 303


@pytest.mark.parametrize("way", [pytest.param(way, id=way) for way in ("go", "tag", "minisite")])
async def test_index_offers_every_scenario_in_all_three_ways(keys: DemoKeys, way: str) -> None:
    async with visiting(keys) as client:
        html = await (await client.get("/")).text()

    assert [scenario.slug for scenario in SCENARIOS if f'href="/{way}/{scenario.slug}"' not in html] == []


@pytest.mark.parametrize(
    ("sub", "bearer_of", "status"),
    [
        pytest.param(ADA, ADA, 200, id="their-own-bearer"),
        pytest.param(ADA, DOWN, 401, id="another-participants-bearer"),
        pytest.param(ADA, None, 401, id="no-bearer"),
        pytest.param("nobody", "nobody", 404, id="unknown"),
    ],
)
async def test_participant_api_answers_by_bearer(keys: DemoKeys, sub: str, bearer_of: str | None, status: int) -> None:
    headers = {"Authorization": f"Bearer {keys.access_token(bearer_of)}"} if bearer_of else {}

    async with visiting(keys) as client:
        answer = await client.get(f"/participants/{sub}", headers=headers)

    assert answer.status == status


@pytest.mark.parametrize("way", [pytest.param(way, id=way) for way in ("go", "tag", "minisite")])
async def test_participant_api_is_out_of_order_from_each_such_arrival_until_it_is_mended(
    keys: DemoKeys, way: str
) -> None:
    headers = {"Authorization": f"Bearer {keys.access_token(DOWN)}"}

    async def asked() -> str:
        return (await client.get(f"/participants/{DOWN}", headers=headers)).content_type

    async with visiting(keys) as client:
        before = await asked()
        said = await (await client.post("/mend")).text()
        mended = await asked()
        await client.get(f"/{way}/partner-down", allow_redirects=False)
        again = await asked()

    assert (before, mended, again) == ("text/html", "application/json", "text/html")
    assert said == "1 form"


@pytest.mark.parametrize("way", [pytest.param(way, id=way) for way in ("tag", "minisite")])
async def test_partners_page_brings_a_token_by_the_queue_and_allows_no_more_than_it_needs(
    keys: DemoKeys, way: str
) -> None:
    async with visiting(keys) as client:
        answer = await client.get(f"/{way}/token-data")
        html = await answer.text()

    policy = answer.headers["Content-Security-Policy"]
    assert f'src="http://127.0.0.1:8080/embed/v1/{way}.js"' in html
    assert '.push(["token", "demo", "ey' in html
    assert "'unsafe" not in policy
    assert "script-src 'self' 'nonce-" in policy
    assert answer.headers["Cache-Control"] == "no-store"


async def test_minisites_form_has_the_fields_of_the_campaign(keys: DemoKeys) -> None:
    async with visiting(keys) as client:
        html = await (await client.get("/minisite/token-data")).text()

    missing = [field["name"] for field in form_fields() if f'name="{field["name"]}"' not in html]
    assert missing == []


@pytest.mark.parametrize("path", [pytest.param(f"/{way}/nonsense", id=way) for way in ("go", "tag", "minisite")])
async def test_scenario_that_is_none_is_not_found(keys: DemoKeys, path: str) -> None:
    async with visiting(keys) as client:
        answer = await client.get(path)

    assert answer.status == 404


def test_seed_lets_the_demo_partners_pages_embed_the_campaign(keys: DemoKeys) -> None:
    step = configure()

    seed_demo(step, keys, DEMO_URL)

    campaign = step.documents.find(DocumentKind.CAMPAIGN, CAMPAIGN_ID)
    assert campaign is not None
    assert campaign.document["allowed_origins"] == ["http://127.0.0.1:8090", "http://localhost:8090"]


def test_seed_stores_the_documents_and_once_more_changes_nothing(keys: DemoKeys) -> None:
    step = configure()

    seed_demo(step, keys, DEMO_URL)
    seed_demo(step, keys, DEMO_URL)

    partner = step.documents.find(DocumentKind.PARTNER, PARTNER_ID)
    campaign = step.documents.find(DocumentKind.CAMPAIGN, CAMPAIGN_ID)
    assert partner is not None
    assert campaign is not None
    assert (partner.version, campaign.version) == (1, 1)


def test_seed_at_another_address_changes_the_documents(keys: DemoKeys) -> None:
    step = configure()
    seed_demo(step, keys, DEMO_URL)

    seed_demo(step, keys, "http://127.0.0.1:8093")

    partner = step.documents.find(DocumentKind.PARTNER, PARTNER_ID)
    assert partner is not None
    assert partner.version == 2
    assert "http://127.0.0.1:8093/jwks.json" in json.dumps(dict(partner.document))


def test_seed_where_the_settings_except_no_private_address_is_refused(keys: DemoKeys) -> None:
    with pytest.raises(RequestInvalid):
        seed_demo(configure(OutboundPolicy()), keys, DEMO_URL)
