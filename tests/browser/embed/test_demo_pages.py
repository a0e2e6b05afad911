"""The demo partner's own pages: each way to arrive does what it says, in one click from the first page."""

import pytest
from playwright.async_api import Page, expect

from app.demo.scenarios import SCENARIOS
from tests.browser.embed.stand import DESKTOP, PHONE, Stand, photograph

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

STATES = {
    "token-data": "prefilled",
    "partner-data": "prefilled",
    "encrypted": "prefilled",
    "slow-partner": "prefilled",
    "partner-down": "unavailable",
    "expired": "rejected",
    "wrong-key": "rejected",
    "not-eligible": "denied",
    "limit-reached": "denied",
}
PICTURED = {"token-data", "partner-down", "expired", "limit-reached"}
WAYS = [pytest.param("JS tag", id="tag"), pytest.param("Minisite", id="minisite")]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("slug", [pytest.param(scenario.slug, id=scenario.slug) for scenario in SCENARIOS])
async def test_each_scenario_is_one_click_away_inside_the_partners_page(stand: Stand, slug: str, way: str) -> None:
    (title,) = [scenario.title for scenario in SCENARIOS if scenario.slug == slug]
    page, troubles = await open_demo(stand)

    await page.get_by_role("navigation", name=title).get_by_role("link", name=way).click()

    shown = page.locator("[campaign], form[data-vestibule-campaign]")
    await expect(shown).to_have_attribute("data-state", STATES[slug], timeout=10_000)
    if slug in PICTURED:
        await photograph(page, f"demo-{way.replace(' ', '-').lower()}-{slug}")
    assert troubles == []
    await page.context.close()


@pytest.mark.parametrize("way", WAYS)
async def test_partner_that_was_down_is_mended_and_its_data_offered_to_the_open_form(stand: Stand, way: str) -> None:
    page, _ = await open_demo(stand)
    await page.get_by_role("navigation", name="Partner down").get_by_role("link", name=way).click()
    shown = page.locator("[campaign], form[data-vestibule-campaign]")
    await expect(shown).to_have_attribute("data-state", "unavailable", timeout=10_000)
    form = page.frame_locator("iframe").locator("body") if way == "JS tag" else page.locator("body")
    if way == "JS tag":
        await form.get_by_role("link", name="Start").click()
        await form.get_by_role("link", name="Go on").click()

    await page.get_by_role("button", name="Mend the API and replay").click()

    await expect(page.locator(".mend output")).to_contain_text("takes up", timeout=15_000)
    await form.get_by_role("button", name="Fill them in").click(timeout=40_000)
    await expect(form.get_by_label("First name")).to_have_value("Alan")
    await page.context.close()


@pytest.mark.parametrize("size", [pytest.param(DESKTOP, id="desktop"), pytest.param(PHONE, id="phone")])
async def test_first_page_fits_the_screen(stand: Stand, size: tuple[int, int]) -> None:
    page, troubles = await open_demo(stand, size)

    wide = await page.evaluate("() => document.documentElement.scrollWidth > window.innerWidth")
    await photograph(page, f"demo-index-{size[0]}")
    assert not wide
    assert troubles == []
    await page.context.close()


async def open_demo(stand: Stand, size: tuple[int, int] = DESKTOP) -> tuple[Page, list[str]]:
    context = await stand.browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="en-GB")
    page = await context.new_page()
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    await page.goto(f"{stand.demo}/")
    return page, troubles
