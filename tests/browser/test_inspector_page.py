"""The inspector's page in a real Chromium, on the real processes: what it shows, makes, and leaves behind."""

import asyncio
import json
import os
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.visits import AXE, FINDINGS, Visit, visiting
from tests.cli.up_run import VESTIBULE, Run

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

STORED = """async () => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, history.state,
  location.href, await indexedDB.databases(), await caches.keys(),
  performance.getEntries().map((entry) => entry.name)])"""
CAMPAIGN = {"partner_id": "sample", "name": "Sample", "form": [{"name": "firstname", "label": {"en": "First name"}}]}


@dataclass(frozen=True, slots=True)
class Client:
    """A management client of the running service, and where that stands."""

    base: str
    id: str
    secret: str


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client(run: Run) -> Client:
    folder = run.process.log.parent
    environ = {**os.environ, "VESTIBULE_DATA_DIR": str(folder / "data")}
    made = await asyncio.create_subprocess_exec(
        VESTIBULE, "client", "create", "integrator", "--json", env=environ, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await made.communicate()
    link = urlsplit(run.link)
    return Client(f"{link.scheme}://{link.netloc}", "integrator", json.loads(said)["client_secret"])


@asynccontextmanager
async def opened(browser: Browser, client: Client) -> AsyncIterator[tuple[Visit, list[tuple[str, str]]]]:
    """Open the page; yields the visit, and address and body of whatever it asks for."""
    async with visiting(browser) as visit:
        asked: list[tuple[str, str]] = []
        visit.page.on("request", lambda request: asked.append((request.url, request.post_data or "")))
        await visit.page.goto(f"{client.base}/inspect")
        yield visit, asked


async def fill(page: Page, client: Client, token: str, partner: str = "demo", campaign: str = "demo") -> None:
    await page.get_by_label("Client id").fill(client.id)
    await page.get_by_label("Client secret").fill(client.secret)
    await page.locator("#partner").fill(partner)
    await page.locator("#campaign").fill(campaign)
    await page.locator("#token").fill(token)


async def inspect(page: Page) -> None:
    await page.get_by_role("button", name="Inspect", exact=True).click()


async def put(page: Page, client: Client, **partner: Any) -> None:
    """Store the partner and the campaign that samples are for."""
    basic = b64encode(f"{client.id}:{client.secret}".encode()).decode()
    issued = await page.request.post(
        f"{client.base}/oauth/token",
        form={"grant_type": "client_credentials"},
        headers={"Authorization": f"Basic {basic}"},
    )
    bearer = {"Authorization": f"Bearer {(await issued.json())['access_token']}"}
    document = {"name": "Sample", **partner}
    for path, body in (("partners/sample", document), ("campaigns/sample", CAMPAIGN)):
        answer = await page.request.put(f"{client.base}/v1/{path}", data=body, headers=bearer)
        assert answer.ok, await answer.text()


def link_token(run: Run) -> str:
    return run.link.partition("token=")[2]


async def test_inspector_page_shows_a_token_that_holds_and_leaves_no_trace_of_it(
    run: Run, browser: Browser, client: Client
) -> None:
    token = link_token(run)

    async with opened(browser, client) as (visit, asked):
        page = visit.page
        await fill(page, client, token)
        await inspect(page)
        await expect(page.get_by_role("heading", name="Accepted")).to_be_visible()
        await expect(page.get_by_role("heading", name="Accepted")).to_be_in_viewport()
        states = await page.locator(".checks li").evaluate_all("(items) => items.map((item) => item.className)")
        await expect(page.get_by_role("term").filter(has_text="This device")).to_be_visible()
        await visit.photograph("inspector-accepted")
        kept = str(await page.evaluate(STORED))

    assert set(states) == {"passed"}
    assert len(states) > 20
    assert {urlsplit(url).netloc for url, _ in asked} == {urlsplit(client.base).netloc}
    assert [urlsplit(url).path for url, body in asked if token in body] == ["/v1/inspect"]
    secrets = [*token.split("."), client.secret]
    assert [secret for secret in secrets if secret in kept or any(secret in url for url, _ in asked)] == []


async def test_inspector_page_shows_what_is_wrong_with_a_hint_and_a_link_that_leads_to_its_explanation(
    run: Run, browser: Browser, client: Client
) -> None:
    async with opened(browser, client) as (visit, _):
        page = visit.page
        await fill(page, client, f"{link_token(run)[:-8]}AAAAAAAA")
        await inspect(page)
        await expect(page.get_by_role("heading", name="Rejected signature_invalid")).to_be_visible()
        failed = page.locator('[data-check="signature"]')
        await expect(failed.get_by_text("Compare the public key")).to_be_visible()
        await expect(page.locator('[data-check="claims.sub"]')).to_have_class("passed")
        await expect(page.locator('[data-check="prefill"]')).to_have_class("open")
        await visit.photograph("inspector-rejected")
        await page.emulate_media(color_scheme="dark")
        await visit.photograph("inspector-rejected-dark")

        async with page.context.expect_page() as opening:
            await failed.get_by_role("link", name="docs/reasons.md#signature_invalid").click()
        guide = await opening.value

        await expect(guide.locator("#signature_invalid")).to_be_in_viewport()
        await guide.evaluate(AXE)
        assert await guide.evaluate(FINDINGS) == []


async def test_inspector_page_by_keyboard_alone(run: Run, browser: Browser, client: Client) -> None:
    async with opened(browser, client) as (visit, _):
        page = visit.page
        await page.get_by_role("tab", name="Inspect a token").focus()
        await page.keyboard.press("ArrowRight")
        await expect(page.get_by_role("tabpanel", name="Make a sample")).to_be_visible()
        await page.keyboard.press("ArrowLeft")
        await fill(page, client, link_token(run))
        await page.locator("#campaign").press("Enter")
        await expect(page.get_by_role("heading", name="Accepted")).to_be_visible()

        await page.locator('[data-check="claims.sub"] summary').press("Enter")

        await expect(
            page.locator('[data-check="claims.sub"]').get_by_text("text of 1 to 256 characters")
        ).to_be_visible()


async def test_inspector_page_says_what_is_missing_and_why_it_was_refused(browser: Browser, client: Client) -> None:
    async with opened(browser, client) as (visit, _):
        page = visit.page
        await inspect(page)
        await expect(page.get_by_role("status").first).to_have_text("Client id is missing.")

        await fill(page, Client(client.base, client.id, "wrong"), "x")
        await inspect(page)
        await expect(page.get_by_role("status").first).to_have_text("The client is unknown, or its secret is wrong.")

        await fill(page, client, "x", campaign="nothing")
        await inspect(page)
        await expect(page.get_by_role("status").first).to_have_text("This partner has no campaign of that id.")
        await expect(page.get_by_label("Client secret")).to_be_hidden()

        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_label("Client secret")).to_have_value("")
        await expect(page.locator("#token")).to_have_value("")
        assert sum("status of 401" in trouble for trouble in visit.troubles) == 1
        visit.troubles.clear()


@pytest.mark.parametrize(
    ("method", "alg", "encryption"),
    [
        *(
            pytest.param("public_key", alg, "", id=alg)
            for alg in ("RS256", "PS384", "ES256", "ES512", "EdDSA", "Ed25519")
        ),
        pytest.param("symmetric", "HS256", "", id="HS256"),
        pytest.param("symmetric", "HS512", "shared_secret", id="shared-secret"),
        *(pytest.param("public_key", "ES256", alg, id=alg) for alg in ("RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A256KW")),
    ],
)
async def test_inspector_page_makes_a_sample_that_its_document_has_accepted(
    browser: Browser, client: Client, method: str, alg: str, encryption: str
) -> None:
    async with opened(browser, client) as (visit, asked):
        page = visit.page
        by_pairs = {"encryption": {"method": "key_pair", "required": True}} if encryption[:1].isupper() else {}
        if by_pairs:
            placeholder = {"method": "symmetric", "keys": [{"secret": "x" * 32}], "algorithms": ["HS256"]}
            await put(page, client, signature=placeholder, **by_pairs)
        await page.get_by_role("tab", name="Make a sample").click()
        await page.locator("#method").select_option(method)
        await page.locator("#alg").select_option(alg)
        await page.locator("#encryption").select_option(encryption)
        await page.locator("#mint-partner").fill("sample")
        await page.locator("#mint-campaign").fill("sample")
        await page.get_by_role("button", name="Make a token").click()
        document = json.loads(await page.get_by_label("What the partner's document has to say").inner_text())
        asked_for = {urlsplit(url).path for url, _ in asked} - {"/inspect"}
        await put(page, client, **document, **by_pairs)

        await page.get_by_role("tab", name="Inspect a token").click()
        await page.get_by_label("Client id").fill(client.id)
        await page.get_by_label("Client secret").fill(client.secret)
        await page.get_by_role("tab", name="Make a sample").click()
        await page.get_by_role("button", name="Inspect it").click()

        await expect(page.get_by_role("heading", name="Accepted")).to_be_visible()
        await expect(page.locator('[data-check="prefill"]').get_by_text("form.firstname").first).to_be_visible()
    made_by = {path for path in asked_for if not path.startswith("/static/")}
    assert made_by == ({"/v1/partners/sample/encryption-keys"} if by_pairs else set())


async def test_inspector_page_makes_the_key_set_that_a_partner_would_publish(browser: Browser, client: Client) -> None:
    async with opened(browser, client) as (visit, _):
        page = visit.page
        await page.get_by_role("tab", name="Make a sample").click()
        await page.locator("#method").select_option("jwks")
        await page.locator("#mint-campaign").fill("sample")
        await page.get_by_role("button", name="Make a token").click()

        published = json.loads(await page.get_by_label("What has to stand at the jwks_url").inner_text())
        await visit.photograph("inspector-sample")

        [key] = published["keys"]
        assert (key["kty"], key["alg"], key["use"], "d" in key) == ("EC", "ES256", "sig", False)


async def test_inspector_page_makes_nothing_of_claims_that_are_no_object(browser: Browser, client: Client) -> None:
    async with opened(browser, client) as (visit, _):
        page = visit.page
        await page.get_by_role("tab", name="Make a sample").click()
        await page.locator("#mint-campaign").fill("sample")
        await page.get_by_label("More claims").fill("[1")

        await page.get_by_role("button", name="Make a token").click()

        await expect(page.locator("#mint-said")).to_have_text("More claims: this is not a JSON object.")
        await expect(page.locator("#minted")).to_be_hidden()
