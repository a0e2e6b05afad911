"""How the campaign's page behaves: step by step, back and again, by keyboard, by finger, tapped twice."""

from itertools import product

import pytest
from playwright.async_api import Browser, FloatRect, Page, expect

from app.domain.campaign import Mode
from app.domain.participation import ALLOWED, Limit
from app.domain.session import Outcome, TokenStatus
from tests.browser.spa import FORM, fetching, held, settled, spa
from tests.browser.visits import PHONE, visiting
from tests.web.page_stand import session_with

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

FOCUSED = "() => document.activeElement.name || document.activeElement.textContent.trim()"
ARRIVED = "() => Promise.all([document.fonts.ready, ...document.getAnimations().map(({ finished }) => finished)])"
"""Passes once the letters are there and the step has stopped moving: a place taken before is not where touches land."""


async def start(page: Page) -> None:
    await page.get_by_role("link", name="Start").click()
    await expect(page.get_by_role("heading", name="Scratch your card")).to_be_focused()


async def go_on(page: Page) -> None:
    await page.get_by_role("link", name="Go on").click()
    await expect(page.get_by_role("heading", name="Where can we reach you?")).to_be_focused()


async def at_rest(page: Page, selector: str) -> FloatRect:
    await page.evaluate(ARRIVED)
    box = await page.locator(selector).bounding_box()
    assert box is not None
    return box


async def tab(page: Page, times: int) -> list[str]:
    reached = []
    for _ in range(times):
        await page.keyboard.press("Tab")
        reached.append(await page.evaluate(FOCUSED))
    return reached


async def test_page_that_is_played_while_the_token_is_judged_is_filled_at_the_form(browser: Browser) -> None:
    async with spa(fetching()) as (stand, address), visiting(browser) as visit:
        await visit.page.goto(address)
        await start(visit.page)
        stand.session = settled(gift="A spa day for two")

        await expect(visit.page.locator(".prize-text")).to_have_text("A spa day for two")
        await go_on(visit.page)

        await expect(visit.page.get_by_role("status")).to_have_text("Filled in from ACME")
        assert await held(visit.page) == {**FORM, "news": "1"}


async def test_page_in_a_browser_of_some_years_ago_is_filled_too(browser: Browser) -> None:
    async with spa(fetching()) as (stand, address), visiting(browser) as visit:
        await visit.page.add_init_script("delete AbortSignal.timeout")
        await visit.page.goto(f"{address}#form")
        stand.session = settled()

        await expect(visit.page.get_by_role("status")).to_have_text("Filled in from ACME")


async def test_page_goes_back_and_forth_through_its_steps_and_stays_at_one_when_loaded_again(browser: Browser) -> None:
    async with spa(settled()) as (_, address), visiting(browser) as visit:
        page = visit.page
        await page.goto(address)
        await start(page)
        await go_on(page)
        await page.get_by_label("Your wish").fill("Mine")

        await page.go_back()
        await expect(page.get_by_role("link", name="Go on")).to_be_visible()
        await page.go_back()
        await expect(page.get_by_role("link", name="Start")).to_be_visible()
        await page.go_forward()
        await page.go_forward()
        await expect(page.get_by_label("Your wish")).to_have_value("Mine")
        await page.reload()

        await expect(page.get_by_role("status")).to_have_text("Filled in from ACME")
        await expect(page.get_by_label("First name")).to_have_value("Ada")


async def test_page_that_is_tapped_twice_counts_once(browser: Browser) -> None:
    async with spa(settled(limit=Limit(nb=3))) as (stand, address), visiting(browser, PHONE) as visit:
        await visit.page.goto(f"{address}#form")
        await visit.page.get_by_role("button", name="Take part").dblclick()

        await expect(visit.page.get_by_role("heading", name="Thank you!")).to_be_visible()
        assert len(stand.ledger.plays) == 1


async def test_page_whose_form_was_stopped_on_the_way_can_be_sent_again(browser: Browser) -> None:
    async with spa(settled(limit=Limit(nb=3))) as (stand, address), visiting(browser) as visit:
        await visit.page.clock.install()
        await visit.page.goto(f"{address}#form")
        await visit.page.route("**/c/*?play=*", lambda route: route.fulfill(status=204), times=1)  # stays where it is
        button = visit.page.get_by_role("button", name="Take part")
        async with visit.page.expect_response("**/c/*?play=*"):
            await button.click()
        await visit.page.clock.fast_forward(5_000)
        await button.click()

        await expect(visit.page.get_by_role("heading", name="Thank you!")).to_be_visible()
        assert len(stand.ledger.plays) == 1


async def test_page_one_goes_back_to_after_the_end_is_whole_and_refuses_what_is_used_up(browser: Browser) -> None:
    async with spa(settled(limit=Limit(nb=1))) as (stand, address), visiting(browser) as visit:
        await visit.page.goto(f"{address}#form")
        await visit.page.get_by_role("button", name="Take part").click()
        await expect(visit.page.get_by_role("heading", name="Thank you!")).to_be_visible()

        await visit.page.go_back()
        await expect(visit.page.get_by_label("First name")).to_have_value("Ada")
        await visit.page.get_by_role("button", name="Take part").click()

        await expect(visit.page.get_by_role("heading", name="You have already taken part")).to_be_visible()
        assert len(stand.ledger.plays) == 1


async def test_page_is_played_and_sent_by_keyboard_alone(browser: Browser) -> None:
    async with spa(settled(gift="A spa day for two")) as (stand, address), visiting(browser) as visit:
        page = visit.page
        await page.goto(address)

        assert await tab(page, 1) == ["Start"]
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Scratch your card")).to_be_focused()
        assert await tab(page, 1) == ["Or show it at once"]
        await page.keyboard.press("Enter")
        assert "A spa day for two" in await page.evaluate(FOCUSED)
        assert await tab(page, 1) == ["Go on"]
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Where can we reach you?")).to_be_focused()
        assert await tab(page, 5) == ["Clear", "Not you?", "firstname", "lastname", "email"]
        await page.keyboard.press("Enter")

        await expect(page.get_by_role("heading", name="Thank you!")).to_be_visible()
        assert len(stand.ledger.plays) == 1


async def test_card_is_scratched_with_the_mouse(browser: Browser) -> None:
    async with spa(settled()) as (_, address), visiting(browser) as visit:
        page = visit.page
        await page.goto(f"{address}#game")
        box = await at_rest(page, ".foil")
        await page.mouse.move(box["x"] + 5, box["y"] + 5)
        await page.mouse.down()
        for row, right in product((0.2, 0.4, 0.6, 0.8), (0.95, 0.05)):
            await expect(page.locator(".prize")).to_have_attribute("aria-hidden", "true")
            await page.mouse.move(box["x"] + right * box["width"], box["y"] + row * box["height"], steps=12)
            if await page.locator(".ticket.is-open").count():
                break
        await page.mouse.up()

        await expect(page.locator(".ticket")).to_have_class("ticket is-open")
        await expect(page.get_by_text("You are in!")).to_be_visible()
        await expect(page.get_by_role("button", name="Or show it at once")).not_to_be_visible()


async def test_card_is_scratched_with_a_finger_and_the_page_stays_where_it_is(browser: Browser) -> None:
    async with spa(settled()) as (_, address), visiting(browser, PHONE) as visit:
        page = visit.page
        await page.goto(f"{address}#game")
        box = await at_rest(page, ".foil")
        touch = await visit.context.new_cdp_session(page)

        async def put(kind: str, right: float, down: float) -> None:
            points = [{"x": box["x"] + right * box["width"], "y": box["y"] + down * box["height"]}]
            sent = {"type": kind, "touchPoints": [] if kind == "touchEnd" else points}
            await touch.send("Input.dispatchTouchEvent", sent)

        await put("touchStart", 0.05, 0.1)
        for down, step in product((0.15, 0.35, 0.55, 0.75, 0.9), range(1, 20)):
            await put("touchMove", step / 20, down)
        await put("touchEnd", 0, 0)

        await expect(page.get_by_text("You are in!")).to_be_visible()
        await expect(page.locator(".ticket")).to_have_class("ticket is-open")
        assert await page.evaluate("() => window.scrollY") == 0


async def test_page_cleared_stays_empty_and_keeps_what_was_typed(browser: Browser) -> None:
    async with spa(settled()) as (_, address), visiting(browser) as visit:
        page = visit.page
        await page.goto(f"{address}#form")
        await page.get_by_label("First name").fill("Mine")
        await page.get_by_role("button", name="Clear").click()

        await expect(page.get_by_role("status")).to_have_text("Cleared. You can fill this in yourself.")
        await expect(page.get_by_role("status")).to_be_focused()
        assert await held(page) == {"firstname": "Mine"}


async def test_page_of_somebody_else_begins_again_for_anybody_where_no_token_is_required(browser: Browser) -> None:
    async with spa(settled(), mode=Mode.OPTIONAL) as (stand, address), visiting(browser) as visit:
        page = visit.page
        await page.goto(f"{address}#form")
        await page.get_by_role("button", name="Not you?").click()
        await page.wait_for_url("**/c/spring")
        stand.session = session_with(Outcome(TokenStatus.ANONYMOUS, ALLOWED))
        await start(page)
        await go_on(page)
        assert await held(page) == {}
        for label in ("First name", "Last name"):
            await page.get_by_label(label).fill("Grace")
        await page.get_by_label("Email").fill("grace@example.com")
        await page.get_by_role("button", name="Take part").click()

        await expect(page.get_by_role("heading", name="Thank you!")).to_be_visible()
        assert [arrival.token is None for arrival in stand.arrivals] == [False, True]


async def test_page_sends_nothing_that_is_required_and_missing(browser: Browser) -> None:
    async with spa(settled(limit=Limit(nb=1))) as (stand, address), visiting(browser) as visit:
        await visit.page.goto(f"{address}#form")
        await visit.page.get_by_label("First name").fill("")
        await visit.page.get_by_role("button", name="Take part").click()

        await expect(visit.page.get_by_label("First name")).to_be_focused()
        assert stand.ledger.plays == {}
