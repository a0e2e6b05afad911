"""The campaign's page where no scripts run: every step is there, the form is filled by the server and can be sent."""

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.spa import settled, spa, unjudged
from tests.browser.visits import visiting
from tests.web.page_stand import TOKEN

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LOOK_AGAIN = "Look again for my details"


async def look_again(page: Page) -> str:
    """Press the link; return the address that the server was asked for."""
    async with page.expect_request(lambda request: request.is_navigation_request()) as asked:
        await page.get_by_role("link", name=LOOK_AGAIN).click()
    await page.wait_for_load_state()
    return (await asked.value).url


async def test_page_without_scripts_shows_every_step_filled_and_can_be_sent(browser: Browser) -> None:
    async with (
        spa(settled(gift="A spa day for two")) as (stand, address),
        visiting(browser, with_scripts=False) as visit,
    ):
        page = visit.page
        await page.goto(address)
        await expect(page.get_by_label("First name")).to_have_value("Ada")
        await page.get_by_text("Scratch your card", exact=True).last.click()
        await expect(page.get_by_text("A spa day for two")).to_be_visible()
        await visit.photograph("without-scripts")

        await page.get_by_role("button", name="Take part").click()

        await expect(page.get_by_role("heading")).to_have_text("Thank you!")
        assert len(stand.ledger.plays) == 1


async def test_page_without_scripts_asks_anew_each_time_that_it_is_to_look_again(browser: Browser) -> None:
    async with spa(unjudged()) as (_, address), visiting(browser, with_scripts=False) as visit:
        await visit.page.goto(address)
        await visit.photograph("without-scripts-pending")

        asked = [await look_again(visit.page) for _ in range(3)]

        assert len(set(asked)) == 3
        assert TOKEN not in "".join(asked)


async def test_page_without_scripts_is_filled_once_it_looks_again(browser: Browser) -> None:
    async with spa(unjudged()) as (stand, address), visiting(browser, with_scripts=False) as visit:
        page = visit.page
        await page.goto(address)
        await look_again(page)
        stand.session = settled()
        await look_again(page)

        await expect(page.get_by_label("First name")).to_have_value("Ada")
        await expect(page.get_by_role("heading", name="Where can we reach you?")).to_be_in_viewport()
        await page.get_by_role("link", name="Clear").click()
        await expect(page.get_by_label("First name")).to_have_value("")
