"""Every state of the campaign's page, as a participant sees it: on a desktop and on a phone, and for every reader."""

from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.async_api import Browser, expect

from app.domain.campaign import Mode
from app.domain.participation import ALLOWED, TOKEN_REJECTED, Limit, Verdict
from app.domain.prefill import NO_PREFILL, unavailable
from app.domain.session import Outcome, TokenStatus
from app.errors import StoreUnavailable
from app.reasons import ParticipationReason, PrefillReason, TokenReason
from tests.browser.spa import FORM, PARTNER, READY, fetching, held, settled, spa, unjudged
from tests.browser.visits import visiting
from tests.web.page_stand import NOW, session_with

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

UNAVAILABLE = "We could not fill this in for you. You can still take part."
LIMIT_REACHED = Verdict(allowed=False, reason=ParticipationReason.LIMIT_REACHED, remaining=0)
REJECTED = session_with(Outcome(TokenStatus.REJECTED, TOKEN_REJECTED, TokenReason.TOKEN_EXPIRED))


async def test_page_begins_with_a_welcome(browser: Browser) -> None:
    async with spa(settled()) as (_, address), visiting(browser) as visit:
        await visit.page.goto(address)

        await expect(visit.page.get_by_role("heading", level=1)).to_have_text("Win a day at the spa")
        await expect(visit.page.get_by_role("link", name="Start")).to_be_visible()
        await expect(visit.page.get_by_label("First name")).not_to_be_visible()
        await visit.photograph("welcome")


async def test_page_goes_on_with_a_card_to_scratch_that_holds_what_the_token_promises(browser: Browser) -> None:
    async with spa(settled(gift="A spa day for two")) as (_, address), visiting(browser) as visit:
        await visit.page.goto(address)
        await visit.page.get_by_role("link", name="Start").click()

        await expect(visit.page.get_by_role("heading", level=2)).to_be_focused()
        await visit.photograph("game")
        await visit.page.get_by_role("button", name="Or show it at once").click()
        await expect(visit.page.get_by_text("A spa day for two")).to_be_visible()
        await visit.photograph("game-won")


async def test_page_says_quietly_that_it_looks_then_that_it_still_does_and_can_be_used(browser: Browser) -> None:
    async with spa(fetching()) as (_, address), visiting(browser) as visit:
        await visit.page.goto(f"{address}#form")
        status = visit.page.get_by_role("status")

        await expect(status).to_have_text("Looking up your details…")
        await visit.photograph("loading")
        await expect(status).to_have_text("Still looking up your details. You can start without them.")
        await visit.page.get_by_label("First name").fill("Mine")
        await visit.photograph("slow")
        assert await held(visit.page) == {"firstname": "Mine"}


async def test_page_is_filled_and_says_by_whom(browser: Browser) -> None:
    async with spa(settled()) as (_, address), visiting(browser) as visit:
        await visit.page.goto(f"{address}#form")

        await expect(visit.page.get_by_role("status")).to_have_text("Filled in from ACME")
        await expect(visit.page.get_by_label("Send me news")).to_be_checked()
        assert await held(visit.page) == {**FORM, "news": "1"}
        await visit.photograph("prefilled")


async def test_page_that_is_filled_in_part_says_what_is_left(browser: Browser) -> None:
    async with spa(settled(replace(READY, form={"firstname": "Ada"}))) as (_, address), visiting(browser) as visit:
        await visit.page.goto(f"{address}#form")

        await expect(visit.page.get_by_role("status")).to_have_text("Filled in from ACME. Please add what is missing.")
        await visit.photograph("partial")


async def test_page_that_was_begun_offers_what_comes(browser: Browser) -> None:
    async with spa(fetching()) as (stand, address), visiting(browser) as visit:
        await visit.page.goto(f"{address}#form")
        await visit.page.get_by_label("First name").fill("Mine")
        stand.session = settled()

        await expect(visit.page.get_by_role("status")).to_have_text("Your details from ACME are here.")
        await expect(visit.page.get_by_label("First name")).to_be_focused()
        assert await held(visit.page) == {"firstname": "Mine"}
        await visit.photograph("late")
        await visit.page.get_by_role("button", name="Fill them in").click()
        await expect(visit.page.get_by_label("Last name")).to_have_value("Martin")
        assert (await held(visit.page))["firstname"] == "Mine"


async def test_page_whose_prefill_failed_says_so_in_neutral_words(browser: Browser) -> None:
    async with spa(settled(unavailable(PrefillReason.HTTP_5XX))) as (_, address), visiting(browser) as visit:
        await visit.page.goto(f"{address}#form")

        await expect(visit.page.get_by_role("status")).to_have_text(UNAVAILABLE)
        await expect(visit.page.get_by_role("button", name="Take part")).to_be_enabled()
        await visit.photograph("unavailable")


async def test_page_that_was_open_for_too_long_says_so_and_keeps_what_was_typed(browser: Browser) -> None:
    async with spa(fetching()) as (stand, address), visiting(browser) as visit:
        await visit.page.goto(f"{address}#form")
        await visit.page.get_by_label("First name").fill("Mine")
        assert stand.session is not None
        stand.session = replace(settled(), expires_at=NOW - timedelta(seconds=1))

        await expect(visit.page.get_by_role("status")).to_contain_text("This page was open for a long time.")
        assert await held(visit.page) == {"firstname": "Mine"}
        await visit.photograph("expired")


async def test_page_of_a_refused_token_is_the_campaigns_screen_with_a_way_back_and_a_reference(
    browser: Browser,
) -> None:
    async with spa(REJECTED) as (_, address), visiting(browser) as visit:
        await visit.page.goto(address)

        await expect(visit.page.get_by_role("heading")).to_have_text("This link is no longer valid")
        await expect(visit.page.get_by_role("link", name="Go back")).to_have_attribute("href", PARTNER)
        await expect(visit.page.get_by_text("Reference ijklmnop")).to_be_visible()
        await visit.photograph("rejected")


@pytest.mark.parametrize("mode", [Mode.OPTIONAL, Mode.REPORT_ONLY])
async def test_page_of_a_refused_token_says_so_in_neutral_words_where_none_is_required(
    browser: Browser, mode: Mode
) -> None:
    async with spa(REJECTED, mode=mode) as (_, address), visiting(browser) as visit:
        await visit.page.goto(f"{address}#form")

        await expect(visit.page.locator(".prefill")).to_have_attribute("data-state", "unavailable")
        await expect(visit.page.get_by_role("status")).to_have_text(UNAVAILABLE)
        assert await held(visit.page) == {}
        await visit.photograph("unavailable-rejected")


async def test_page_of_a_token_of_no_shape_goes_on_saying_so_in_neutral_words(browser: Browser) -> None:
    async with spa(mode=Mode.OPTIONAL) as (stand, address), visiting(browser) as visit:
        page = visit.page
        await page.goto(f"{address.partition('?')[0]}?token=garbage#form")
        await expect(page.get_by_role("status")).to_have_text(UNAVAILABLE)
        stand.session = session_with(Outcome(TokenStatus.ANONYMOUS, ALLOWED))
        for label in ("First name", "Last name"):
            await page.get_by_label(label).fill("Grace")
        await page.get_by_label("Email").fill("grace@example.com")
        await page.get_by_role("button", name="Take part").click()

        await expect(page.get_by_role("heading")).to_have_text("Thank you!")
        assert len(stand.ledger.plays) == 1


async def test_page_of_one_who_is_refused_while_playing_becomes_the_screen_in_their_language(browser: Browser) -> None:
    async with spa(unjudged()) as (stand, address), visiting(browser, locale="fr-CH") as visit:
        await visit.page.goto(address)
        await visit.page.get_by_role("link", name="Commencer").click()
        stand.session = settled(NO_PREFILL, LIMIT_REACHED)

        await expect(visit.page.get_by_role("heading", name="Vous avez déjà participé")).to_be_visible()
        await expect(visit.page.locator("html")).to_have_attribute("lang", "fr")
        await visit.photograph("denied")


async def test_page_of_a_campaign_that_is_over_says_so(browser: Browser) -> None:
    async with spa(settled()) as (stand, address), visiting(browser) as visit:
        stand.campaigns.clear()
        await visit.page.goto(address)

        await expect(visit.page.get_by_role("heading")).to_have_text("This campaign is not open")
        await visit.photograph("closed")


async def test_page_ends_with_thanks(browser: Browser) -> None:
    async with spa(settled(limit=Limit(nb=1))) as (stand, address), visiting(browser) as visit:
        await visit.page.goto(f"{address}#form")
        await visit.page.get_by_role("button", name="Take part").click()

        await expect(visit.page.get_by_role("heading")).to_have_text("Thank you!")
        assert len(stand.ledger.plays) == 1
        await visit.photograph("exit")


async def test_page_while_the_store_is_gone_asks_for_a_moment(browser: Browser) -> None:
    async with spa(settled()) as (stand, address), visiting(browser) as visit:
        stand.trouble = StoreUnavailable("gone")
        await visit.page.goto(address)

        await expect(visit.page.get_by_role("heading")).to_have_text("One moment, please")
        await visit.photograph("busy")


async def test_page_in_a_colour_too_pale_for_text_can_still_be_read(browser: Browser) -> None:
    async with spa(settled(), accent="#ffd400") as (_, address), visiting(browser) as visit:
        await visit.page.goto(f"{address}#form")

        await expect(visit.page.get_by_role("status")).to_have_text("Filled in from ACME")
        await visit.photograph("colour")
        await visit.page.get_by_role("button", name="Not you?").click()
        await expect(visit.page.get_by_role("heading")).to_have_text("This link is no longer valid")
        await visit.photograph("colour-refused")
