"""The campaign page on the real processes: filled from the token or by the partner, with no trace of the token left."""

import re

import pytest
from playwright.async_api import Browser, Page, Request, expect

from tests.browser.visits import PHONE, visiting
from tests.cli.up_run import Run

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

STORED = """() => JSON.stringify([
  {...localStorage}, {...sessionStorage}, document.cookie, document.referrer, history.state, window.name])"""
KNOWN_ADDRESSES = "() => performance.getEntries().map((entry) => entry.name)"
PARTNER_SECONDS = 10_000
"""In milliseconds: the slow partner takes three seconds, and everything may be slow."""


async def play(page: Page) -> None:
    await page.get_by_role("link", name="Start").click()
    await page.get_by_role("button", name="Or show it at once").click()
    await page.get_by_role("link", name="Go on").click()


async def seen_on(page: Page) -> list[str]:
    """Return all that the page and its browser know: markup, fields, stores, addresses."""
    return [await page.content(), await page.evaluate(STORED), *await page.evaluate(KNOWN_ADDRESSES), page.url]


async def test_campaign_played_from_link_to_thanks_is_filled_and_keeps_no_trace_of_the_token(
    run: Run, browser: Browser
) -> None:
    clean, _, token = run.link.partition("?token=")
    requests: list[Request] = []

    def note(request: Request) -> None:
        requests.append(request)

    async with visiting(browser) as visit:
        page = visit.page
        visit.context.on("request", note)
        await page.goto(run.link)
        assert page.url == clean
        seen = await seen_on(page)
        await play(page)
        await expect(page.get_by_role("status")).to_have_text("Filled in from Aurora")
        await expect(page.get_by_label("First name")).to_have_value("Joan")
        seen += await seen_on(page)
        await page.get_by_role("button", name="Take part").click()
        await expect(page.get_by_role("heading", name="Thank you!")).to_be_visible()
        seen += [*await seen_on(page), *visit.troubles]
        brought, *others = requests
        seen += [f"{request.url} {await request.all_headers()} {request.post_data}" for request in others]
        cookies = await visit.context.cookies()

    assert token in brought.url
    seen.append(str(cookies))
    assert [part for part in token.split(".") for place in seen if part in place] == []
    assert [(cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) for cookie in cookies] == [(True, True, "Lax")]


async def test_campaign_of_a_slow_partner_offers_what_comes_and_never_overwrites(run: Run, browser: Browser) -> None:
    async with visiting(browser, PHONE) as visit:
        page = visit.page
        await page.goto(f"{run.demo}go/slow-partner#form")
        await expect(page.get_by_role("status")).to_contain_text("ooking up your details")
        await page.get_by_label("First name").fill("Mine")
        await page.get_by_role("button", name="Fill them in").click(timeout=PARTNER_SECONDS)

        await expect(page.get_by_role("status")).to_have_text("Filled in from Aurora")
        await expect(page.get_by_label("Last name")).to_have_value("Moreau")
        await expect(page.get_by_label("First name")).to_have_value("Mine")


async def test_campaign_of_a_partner_that_is_down_is_played_without_a_prefill(run: Run, browser: Browser) -> None:
    async with visiting(browser, PHONE) as visit:
        page = visit.page
        await page.goto(f"{run.demo}go/partner-down")
        await play(page)
        await page.get_by_label("First name").fill("Alan")
        await page.get_by_label("Last name").fill("Petit")
        await page.get_by_label("Email").fill("alan.petit@example.com")
        await page.get_by_role("button", name="Take part").click()

        await expect(page.get_by_role("heading", name="Thank you!")).to_be_visible()


async def test_campaign_with_an_expired_token_shows_the_campaigns_screen(run: Run, browser: Browser) -> None:
    async with visiting(browser) as visit:
        page = visit.page
        await page.goto(f"{run.demo}go/expired")

        await expect(page.get_by_role("heading", name="This link is no longer valid")).to_be_visible()
        await expect(page.get_by_role("link", name="Go back")).to_have_attribute(
            "href", re.compile(re.escape(run.demo))
        )
        assert re.search(r"Reference [0-9a-v]{8}", await page.locator("main").inner_text())


async def test_campaign_opened_again_in_another_tab_is_not_played_for_the_other_participant(
    run: Run, browser: Browser
) -> None:
    async with visiting(browser) as visit:
        first, second = visit.page, await visit.open_tab()
        await first.goto(f"{run.demo}go/token-data#form")
        await expect(first.get_by_label("First name")).to_have_value("Joan")
        await second.goto(f"{run.demo}go/partner-data#form")
        await expect(second.get_by_label("First name")).to_have_value("Ada", timeout=PARTNER_SECONDS)

        await first.get_by_role("button", name="Take part").click()
        await expect(first.get_by_role("heading", name="You went on elsewhere")).to_be_visible()
        await second.get_by_role("button", name="Take part").click()
        await expect(second.get_by_role("heading", name="Thank you!")).to_be_visible()
