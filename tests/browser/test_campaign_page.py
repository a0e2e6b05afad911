"""The campaign's page in a real Chromium, on the real processes: filled, quiet, and without a trace of the token."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, expect

from tests.cli.up_run import Run

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

ARTEFACTS = Path(__file__).parents[2] / "artefacts"
DESKTOP = (1280, 900)
PHONE = (390, 844)
STORED = (
    "() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, document.referrer, history.state])"
)
KNOWN_ADDRESSES = "() => performance.getEntries().map((entry) => entry.name)"


@asynccontextmanager
async def chromium(
    browser: Browser, size: tuple[int, int] = DESKTOP, *, with_scripts: bool = True
) -> AsyncIterator[BrowserContext]:
    viewport: ViewportSize = {"width": size[0], "height": size[1]}
    async with await browser.new_context(
        viewport=viewport, java_script_enabled=with_scripts, locale="en-GB"
    ) as context:
        yield context


async def photograph(page: Page, name: str) -> None:
    ARTEFACTS.mkdir(exist_ok=True)
    await page.screenshot(path=ARTEFACTS / f"campaign-{name}.png", full_page=True)


async def test_campaign_page_opened_with_a_token_is_filled_and_keeps_no_trace_of_it(run: Run, browser: Browser) -> None:
    troubles: list[str] = []
    secrets = run.link.partition("token=")[2].split(".")

    async with chromium(browser) as context:
        page = await context.new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        await page.goto(f"{run.link}#form")
        await expect(page.get_by_label("First name")).to_have_value("Joan")
        await expect(page.get_by_role("status")).to_contain_text("Filled in from Aurora")
        await photograph(page, "filled-desktop")
        seen = [await page.content(), await page.evaluate(STORED), *await page.evaluate(KNOWN_ADDRESSES)]
        address = page.url

    assert address == f"{run.link.partition('?')[0]}#form"
    assert [secret for secret in secrets for place in seen if secret in place] == []
    assert troubles == []


async def test_campaign_page_with_a_slow_partner_offers_what_is_untouched_and_never_what_was_typed(
    run: Run, browser: Browser
) -> None:
    async with chromium(browser, PHONE) as context:
        page = await context.new_page()
        await page.goto(f"{run.demo}go/slow-partner#form")
        await expect(page.get_by_role("status")).to_contain_text("Looking up your details")
        await photograph(page, "pending-phone")
        await page.get_by_label("First name").fill("Mine")
        await page.get_by_role("button", name="Fill them in").click(timeout=10_000)

        await expect(page.get_by_label("Last name")).to_have_value("Moreau", timeout=10_000)

        await expect(page.get_by_role("status")).to_contain_text("Filled in from Aurora")
        assert await page.get_by_label("First name").input_value() == "Mine"
        await photograph(page, "late-phone")


async def test_campaign_page_when_cleared_empties_what_was_filled_and_keeps_what_was_typed(
    run: Run, browser: Browser
) -> None:
    async with chromium(browser) as context:
        page = await context.new_page()
        await page.goto(f"{run.link}#form")
        await page.get_by_label("First name").fill("Mine")

        await page.get_by_role("button", name="Clear").click()

        await expect(page.get_by_label("Last name")).to_have_value("")
        await expect(page.get_by_label("Send me Aurora's newsletter")).not_to_be_checked()
        await expect(page.get_by_role("status")).to_have_text("Cleared. You can fill this in yourself.")
        assert await page.get_by_label("First name").input_value() == "Mine"


async def test_campaign_page_without_a_prefill_stays_usable_and_says_so_neutrally(run: Run, browser: Browser) -> None:
    async with chromium(browser, PHONE) as context:
        page = await context.new_page()
        await page.goto(f"{run.demo}go/partner-down#form")

        await expect(page.get_by_role("status")).to_contain_text("You can still take part", timeout=15_000)

        await photograph(page, "unavailable-phone")
        await page.get_by_label("First name").fill("Alan")
        await page.get_by_label("Last name").fill("Petit")
        await page.get_by_label("Email").fill("alan.petit@example.com")
        await page.get_by_role("button", name="Take part").click()
        await expect(page.get_by_role("heading", name="Thank you!")).to_be_visible()


@pytest.mark.parametrize(
    ("scenario", "title"),
    [
        pytest.param("limit-reached", "You have already taken part", id="limit-reached"),
        pytest.param("not-eligible", "This one is for members", id="not-eligible"),
        pytest.param("expired", "This link is no longer valid", id="expired"),
    ],
)
async def test_campaign_page_of_a_refused_participant_is_the_campaigns_screen(
    run: Run, browser: Browser, scenario: str, title: str
) -> None:
    async with chromium(browser) as context:
        page = await context.new_page()
        await page.goto(f"{run.demo}go/{scenario}")

        await expect(page.get_by_role("heading", name=title)).to_be_visible(timeout=10_000)

        await photograph(page, scenario)
        assert await page.get_by_role("link", name="Go back").get_attribute("href") == run.demo
        assert re.search(r"Reference [0-9a-v]{8}", await page.locator("main").inner_text())


async def test_campaign_page_without_scripts_is_filled_and_can_be_sent(run: Run, browser: Browser) -> None:
    async with chromium(browser, PHONE, with_scripts=False) as context:
        page = await context.new_page()
        await page.goto(f"{run.link}#form")
        first_name = page.get_by_label("First name")
        await expect(first_name).to_have_value("Joan")

        await page.get_by_role("button", name="Take part").click()

        await expect(page.get_by_role("heading", name="Thank you!")).to_be_visible()
        await photograph(page, "thanks-phone")


async def test_campaign_page_is_reached_by_keyboard_in_reading_order(run: Run, browser: Browser) -> None:
    async with chromium(browser) as context:
        page = await context.new_page()
        await page.goto(f"{run.link}#form")
        await expect(page.get_by_label("First name")).to_have_value("Joan")

        reached = []
        for _ in range(8):
            await page.keyboard.press("Tab")
            reached.append(
                await page.evaluate("() => document.activeElement.name || document.activeElement.textContent")
            )

    assert list(dict.fromkeys(reached))[:5] == ["Clear", "Not you?", "firstname", "lastname", "email"]


async def test_demo_partners_page_offers_the_scenarios(run: Run, browser: Browser) -> None:
    async with chromium(browser) as context:
        page = await context.new_page()
        await page.goto(run.demo)

        await expect(page.get_by_role("listitem")).to_have_count(9)

        await photograph(page, "demo-partner")
