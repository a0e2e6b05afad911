"""The campaign's fields may be called as a form calls its own members, and are given nothing that they cannot hold."""

from dataclasses import replace

import pytest
from playwright.async_api import Browser, expect

from app.domain.campaign import FormField
from app.domain.participation import Limit
from tests.browser.spa import READY, fetching, held, settled, spa, unjudged
from tests.browser.visits import visiting

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

OWN_NAMES = (
    *("elements", "dataset", "addEventListener", "style", "submit", "ariaBusy", "action", "method", "length", "name"),
    *("querySelector", "getClientRects", "getRootNode", "toggleAttribute", "reset", "classList"),
)
SHADOWING = tuple(FormField(name, {"en": f"Your {name}"}) for name in OWN_NAMES)
AGED = (FormField("firstname", {"en": "First name"}), FormField("age", {"en": "Age"}, "number"))


async def test_form_whose_fields_are_called_as_its_own_members_is_filled_and_counts_once(browser: Browser) -> None:
    filled = replace(READY, form=dict.fromkeys(OWN_NAMES, "Ada"), optin={})
    async with spa(fetching(), form=SHADOWING) as (stand, address), visiting(browser) as visit:
        page = visit.page
        await page.goto(f"{address}#form")
        await page.get_by_label("Your elements").fill("Mine")
        stand.session = settled(filled, limit=Limit(nb=3))
        await page.get_by_role("button", name="Fill them in").click()
        await expect(page.get_by_role("status")).to_have_text("Filled in from ACME")
        assert await held(page) == {**filled.form, "elements": "Mine"}

        await page.get_by_role("button", name="Take part").dblclick()

        await expect(page.get_by_role("heading", name="Thank you!")).to_be_visible()
        assert len(stand.ledger.plays) == 1


async def test_form_whose_fields_are_called_as_its_own_members_comes_filled_and_is_cleared(browser: Browser) -> None:
    filled = replace(READY, form=dict.fromkeys(OWN_NAMES, "Ada"), optin={})
    async with spa(settled(filled), form=SHADOWING) as (_, address), visiting(browser) as visit:
        await visit.page.goto(f"{address}#form")
        await visit.page.get_by_role("button", name="Clear").click()

        await expect(visit.page.get_by_role("status")).to_have_text("Cleared. You can fill this in yourself.")
        assert await held(visit.page) == {}


@pytest.mark.parametrize("is_late", [False, True], ids=["on-the-page", "by-script"])
async def test_number_that_is_none_leaves_its_field_as_it_is(browser: Browser, *, is_late: bool) -> None:
    session = settled(replace(READY, form={"firstname": "Ada", "age": "12abc"}))
    async with spa(unjudged() if is_late else session, form=AGED) as (stand, address), visiting(browser) as visit:
        await visit.page.goto(f"{address}#form")
        stand.session = session

        await expect(visit.page.get_by_label("First name")).to_have_value("Ada")
        assert await held(visit.page) == {"firstname": "Ada"}
        assert await visit.page.locator("[data-filled]").count() == 1
