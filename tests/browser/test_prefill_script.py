"""The script that binds a form to a prefill, alone with a form in a real Chromium, the time in the test's hand."""

import gzip
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from app.web.prefill_words import prefill_words

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SCRIPT = Path(__file__).parents[2] / "app" / "web" / "static" / "prefill.js"
FORM = """<!doctype html><html lang="en"><div id="place"></div><form>
<label>First name <input name="firstname" required></label>
<label>Last name <input name="lastname" required></label>
<label>Age <input name="age" type="number"></label>
<label>Country <select name="country"><option value=""></option><option value="fr">France</option></select></label>
<label>Mrs <input name="title" type="radio" value="mrs"></label>
<label>Mr <input name="title" type="radio" value="mr"></label>
<label>About <textarea name="about"></textarea></label>
<label>News <input name="news" type="checkbox" value="1"></label>
<label>Offers <input name="offers" type="checkbox" value="1"></label>
<input name="secret" type="hidden"><label>Password <input name="password" type="password"></label></form></html>"""
# The test answers each look, when it wants to, with `answer(session)` or `fail(code)`.
STAGE = """(given) => {
  window.told = []; window.codes = []; window.looks = []; window.forgotten = 0;
  const form = document.querySelector("form");
  window.bound = bindPrefill(form, {
    look: (seconds) => new Promise((resolve, reject) => looks.push({ seconds, resolve, reject })),
    tell: (state, session, code) => { told.push(state); codes.push(code || null); },
    forget: () => { forgotten += 1; },
    place: document.getElementById("place"),
    ...given,
  });
  window.answer = (session) => looks.at(-1).resolve(session);
  window.fail = (code) => looks.at(-1).reject(Object.assign(new Error(), { code }));
}"""
WHOLE = {
    "firstname": "Ada",
    "lastname": "Martin",
    "age": "36",
    "country": "fr",
    "title": "mrs",
    "about": "Two\nlines",
    "secret": "x",
    "password": "x",
    "constructor": "x",
}


def session(status: str = "ready", **changes: Any) -> dict[str, Any]:
    prefill = {"status": status, "form": WHOLE, "optin": {"news": "1", "offers": "0"}, "reason": None}
    whole = {
        "settled": status != "pending",
        "token": {"status": "accepted"},
        "participation": {"allowed": True, "reason": None},
        "prefill": prefill,
    }
    return {**whole, **changes}


@asynccontextmanager
async def bound(browser: Browser, html: str = FORM, before: str = "", **options: Any) -> AsyncIterator[Page]:
    """Bind the form; `before` runs ahead of that."""
    words = prefill_words("en", "ACME").for_script()
    async with await browser.new_context() as context:
        page = await context.new_page()
        troubles: list[str] = []
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        await page.clock.install(time=0)
        await page.set_content(html)
        await page.clock.pause_at(1)
        await page.add_script_tag(path=SCRIPT)
        await page.evaluate(f"() => {{ {before} }}")
        await page.evaluate(STAGE, {"words": words, "deadlineSeconds": 10, **options})
        yield page
        assert troubles == []


async def answer(page: Page, brought: Mapping[str, Any]) -> None:
    await page.evaluate("(session) => answer(session)", brought)


async def values(page: Page) -> dict[str, str]:
    entries = await page.evaluate("() => [...new FormData(document.querySelector('form'))]")
    return {name: value for name, value in entries if value}


FILLED = {
    **{name: WHOLE[name] for name in ("firstname", "lastname", "age", "country", "title")},
    "about": "Two\nlines",
    "news": "1",
}


async def test_form_takes_every_kind_of_value_by_name_and_nothing_into_what_is_not_shown(browser: Browser) -> None:
    async with bound(browser) as page:
        await answer(page, session())

        await expect(page.get_by_role("status")).to_have_text("Filled in from ACME")
        assert await values(page) == FILLED
        assert await page.evaluate("() => told") == ["prefilled"]
        assert await page.evaluate("() => looks.length") == 1


async def test_form_says_nothing_for_a_moment_then_that_it_looks_then_that_it_still_does(browser: Browser) -> None:
    async with bound(browser) as page:
        status = page.get_by_role("status")

        await page.clock.run_for(250)
        await expect(status).to_have_text("")
        await page.clock.run_for(100)
        await expect(status).to_have_text("Looking up your details…")
        await page.clock.run_for(3000)
        await expect(status).to_have_text("Still looking up your details. You can start without them.")

        assert await page.evaluate("() => told") == ["loading", "slow"]
        assert await page.evaluate("() => document.activeElement.tagName") == "BODY"


async def test_form_that_was_begun_is_offered_what_comes_and_keeps_what_was_typed(browser: Browser) -> None:
    async with bound(browser) as page:
        await page.get_by_label("First name").fill("Mine")
        await page.get_by_label("Offers").check()
        await answer(page, session())

        await expect(page.get_by_role("status")).to_have_text("Your details from ACME are here.")
        assert await values(page) == {"firstname": "Mine", "offers": "1"}
        await page.get_by_role("button", name="Fill them in").click()

        await expect(page.get_by_role("status")).to_have_text("Filled in from ACME")
        assert await values(page) == {**FILLED, "firstname": "Mine", "offers": "1"}
        assert await page.evaluate("() => told") == ["late", "prefilled"]


async def test_form_past_its_deadline_says_so_and_offers_what_comes_later(browser: Browser) -> None:
    async with bound(browser) as page:
        await page.clock.run_for(10_100)
        await expect(page.get_by_role("status")).to_have_text(
            "We could not fill this in for you. You can still take part."
        )
        await answer(page, session())

        await expect(page.get_by_role("button", name="Fill them in")).to_be_visible()
        assert await values(page) == {}


async def test_form_past_a_short_deadline_does_not_say_again_that_it_looks(browser: Browser) -> None:
    async with bound(browser, deadlineSeconds=1) as page:
        await page.clock.run_for(5_000)

        assert await page.evaluate("() => told") == ["loading", "unavailable"]


async def test_form_past_its_deadline_tells_why_the_last_look_failed_unless_a_later_one_did_not(
    browser: Browser,
) -> None:
    async with bound(browser) as page:
        await page.evaluate("() => fail('unreachable')")
        await page.clock.run_for(10_100)
        await answer(page, session())

        await expect(page.get_by_role("button", name="Fill them in")).to_be_visible()
        assert await page.evaluate("() => [told, codes].map((said) => said.slice(-2))") == [
            ["unavailable", "late"],
            ["unreachable", None],
        ]


async def test_form_not_shown_yet_is_filled_whenever_the_data_comes(browser: Browser) -> None:
    async with bound(browser, before="document.querySelector('form').hidden = true") as page:
        await page.clock.run_for(10_100)
        await answer(page, session())

        await expect(page.get_by_role("status")).to_have_text("Filled in from ACME")
        assert await values(page) == FILLED


async def test_form_whose_prefill_failed_says_so_and_looks_again_ever_more_seldom(browser: Browser) -> None:
    async with bound(browser) as page:
        for _ in range(4):
            await answer(page, session("unavailable", prefill={"status": "unavailable", "reason": "http_5xx"}))
            await page.clock.run_for(40_000)
        await page.clock.run_for(200_000)

        await expect(page.get_by_role("status")).to_contain_text("You can still take part")
        assert await page.evaluate("() => looks.length") == 5
        await answer(page, session())
        await expect(page.get_by_role("button", name="Fill them in")).to_be_visible()


async def test_form_asks_again_after_a_look_that_failed_and_ends_after_minutes(browser: Browser) -> None:
    async with bound(browser) as page:
        for _ in range(20):
            await page.evaluate("() => fail()")
            await page.clock.run_for(30_000)

        assert 4 < await page.evaluate("() => looks.length") < 12
        assert await page.evaluate("() => told") == ["loading", "slow", "unavailable"]


async def test_form_half_of_which_was_known_says_what_is_left(browser: Browser) -> None:
    async with bound(browser) as page:
        await answer(page, session(prefill={"status": "ready", "form": {"firstname": "Ada"}, "optin": {}}))

        await expect(page.get_by_role("status")).to_have_text("Filled in from ACME. Please add what is missing.")
        assert await page.evaluate("() => told") == ["partial"]


async def test_form_when_cleared_keeps_what_was_typed_and_moves_on_to_the_status(browser: Browser) -> None:
    async with bound(browser) as page:
        await answer(page, session())
        await page.get_by_label("First name").fill("Mine")
        await page.get_by_role("button", name="Clear").click()

        await expect(page.get_by_role("status")).to_be_focused()
        await expect(page.get_by_role("status")).to_have_text("Cleared. You can fill this in yourself.")
        assert await values(page) == {"firstname": "Mine"}
        assert await page.locator("[data-filled]").count() == 0


async def test_form_of_somebody_else_is_cleared_and_the_session_forgotten(browser: Browser) -> None:
    async with bound(browser) as page:
        await answer(page, session())
        await page.get_by_role("button", name="Not you?").click()

        assert await values(page) == {}
        assert await page.evaluate("() => forgotten") == 1


@pytest.mark.parametrize(
    ("reason", "state"),
    [pytest.param("token_rejected", "rejected", id="rejected"), pytest.param("limit_reached", "denied", id="denied")],
)
async def test_form_of_one_who_may_not_play_is_told_of_and_left_alone(
    browser: Browser, reason: str, state: str
) -> None:
    async with bound(browser) as page:
        await answer(page, session(participation={"allowed": False, "reason": reason}))

        await expect(page.locator("#place")).to_have_attribute("data-state", state)
        await page.clock.run_for(20_000)
        assert await page.evaluate("() => told") == [state]
        assert await values(page) == {}


async def test_form_without_anything_known_says_nothing(browser: Browser) -> None:
    async with bound(browser) as page:
        await answer(page, session("none", prefill={"status": "none", "form": {}, "optin": {}}))
        await page.clock.run_for(20_000)

        await expect(page.get_by_role("status")).to_have_text("")
        assert await page.evaluate("() => told") == ["none"]


@pytest.mark.parametrize(
    ("code", "state", "said"),
    [
        pytest.param("session_expired", "expired", "Please open it again", id="expired"),
        pytest.param("session_unknown", "expired", "Please open it again", id="unknown"),
        pytest.param("campaign_unknown", "closed", "This campaign is over", id="closed"),
    ],
)
async def test_form_whose_session_is_gone_says_so_and_stops_looking(
    browser: Browser, code: str, state: str, said: str
) -> None:
    async with bound(browser) as page:
        await page.evaluate("(code) => fail(code)", code)

        await expect(page.get_by_role("status")).to_contain_text(said)
        await page.clock.run_for(60_000)
        assert await page.evaluate("() => [told, looks.length]") == [[state], 1]


async def test_form_that_came_filled_can_be_cleared_and_keeps_what_the_browser_brought_back(browser: Browser) -> None:
    came = FORM.replace('name="firstname"', 'name="firstname" value="Ada"').replace(
        'name="lastname"', 'name="lastname" value="Martin"'
    )
    brought_back = "document.querySelector('[name=firstname]').value = 'Mine'"
    async with bound(browser, came, brought_back, isFilled=True) as page:
        await expect(page.get_by_role("status")).to_have_text("Filled in from ACME")
        await page.get_by_role("button", name="Clear").click()

        assert await values(page) == {"firstname": "Mine"}
        assert await page.evaluate("() => looks.length") == 0


async def test_form_out_of_the_browsers_memory_looks_again_and_fills_nothing_twice(browser: Browser) -> None:
    async with bound(browser) as page:
        await answer(page, session())
        await page.get_by_role("button", name="Clear").click()
        await page.evaluate("() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
        await answer(page, session())

        assert await page.evaluate("() => looks.length") == 2
        assert await values(page) == {}


async def test_form_that_is_let_go_is_left_alone(browser: Browser) -> None:
    async with bound(browser) as page:
        await page.evaluate("() => bound.stop()")
        await answer(page, session())
        await page.clock.run_for(60_000)

        assert await values(page) == {}
        assert await page.evaluate("() => told") == []


async def test_form_leaves_nothing_of_a_person_but_in_its_fields(browser: Browser) -> None:
    async with bound(browser) as page:
        await answer(page, session())
        await expect(page.get_by_role("status")).to_have_text("Filled in from ACME")

        html = await page.content()
        assert [value for value in ("Ada", "Martin", "lines") if value in html] == []


async def test_form_tells_frameworks_that_watch_its_fields(browser: Browser) -> None:
    watched = """window.heard = [];
      const hear = ({ target }) => heard.push(target.name);
      for (const name of ["input", "change"]) document.addEventListener(name, hear);"""
    async with bound(browser, before=watched) as page:
        await answer(page, session())

        assert set(await page.evaluate("() => heard")) == set(FILLED)


async def test_choice_that_was_made_before_the_script_came_is_kept(browser: Browser) -> None:
    chosen = "document.querySelector('select').value = 'de';"
    form = FORM.replace("</select>", '<option value="de">Germany</option></select>')
    async with bound(browser, form, before=chosen) as page:
        await answer(page, session())

        assert (await page.evaluate("() => told"), await values(page)) == (["late"], {"country": "de"})
        await page.locator("#place button").click()
        assert await values(page) == {**FILLED, "country": "de"}


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        pytest.param('<option value="de" selected>Germany</option>', "de", id="preselected-by-the-page"),
        pytest.param('<option value="de">Germany</option>', "fr", id="first-of-all"),
        pytest.param('<option value="" selected>Choose</option>', "fr", id="nothing-preselected"),
    ],
)
async def test_select_is_filled_unless_the_page_chose(browser: Browser, options: str, chosen: str) -> None:
    async with bound(browser, FORM.replace('<option value=""></option>', options)) as page:
        await answer(page, session())

        await expect(page.get_by_role("status")).to_have_text("Filled in from ACME")
        assert (await values(page))["country"] == chosen


async def test_edit_of_a_field_outside_of_its_form_counts(browser: Browser) -> None:
    form = '<div id="place"></div><form id="it"></form><label>First name <input name="firstname" form="it"></label>'
    async with bound(browser, form) as page:
        await page.get_by_label("First name").fill("Grace")
        await page.get_by_label("First name").fill("")
        await answer(page, session())

        assert await page.evaluate("() => told") == ["none"]
        await expect(page.get_by_label("First name")).to_have_value("")


async def test_opt_in_is_ticked_when_it_can_be_seen(browser: Browser) -> None:
    form = FORM.replace("<label>News", "<label hidden>News")
    async with bound(browser, form) as page:
        await answer(page, session())
        await expect(page.get_by_role("status")).to_have_text("Filled in from ACME")
        assert await values(page) == {name: value for name, value in FILLED.items() if name != "news"}

        await page.evaluate("() => document.querySelector('label[hidden]').removeAttribute('hidden')")

        await expect(page.get_by_label("News")).to_be_checked()
        assert await values(page) == FILLED


async def test_opt_in_under_a_summary_is_ticked_when_it_is_unfolded(browser: Browser) -> None:
    folded = "<details><summary>What we may send you</summary><label>News"
    form = FORM.replace("<label>News", folded).replace("<label>Offers", "</details><label>Offers")
    async with bound(browser, form) as page:
        await answer(page, session())
        await expect(page.get_by_role("status")).to_have_text("Filled in from ACME")
        assert "news" not in await values(page)

        await page.get_by_text("What we may send you").click()

        await expect(page.get_by_label("News")).to_be_checked()


async def test_opt_in_that_stays_hidden_is_not_ticked_after_clear(browser: Browser) -> None:
    async with bound(browser, FORM.replace("<label>News", "<label hidden>News")) as page:
        await answer(page, session())
        await page.get_by_role("button", name="Clear").click()
        await page.evaluate("() => document.querySelector('label[hidden]').removeAttribute('hidden')")
        await expect(page.get_by_label("News")).to_be_visible()
        await page.clock.run_for(1_000)

        assert await values(page) == {}


async def test_checkbox_that_hides_behind_its_label_is_seen(browser: Browser) -> None:
    form = FORM.replace('<input name="news" type="checkbox"', '<input name="news" type="checkbox" style="display:none"')
    async with bound(browser, form) as page:
        await answer(page, session())

        await expect(page.get_by_role("status")).to_have_text("Filled in from ACME")
        assert (await values(page))["news"] == "1"


async def test_of_checkboxes_of_one_name_the_one_with_the_value_is_ticked(browser: Browser) -> None:
    boxes = "".join(f'<label>{way}<input type="checkbox" name="title" value="{way}"></label>' for way in ("mr", "mrs"))
    async with bound(browser, f'<div id="place"></div><form>{boxes}</form>') as page:
        await answer(page, session())

        assert await values(page) == {"title": "mrs"}


async def test_fields_may_be_called_as_a_form_calls_its_own(browser: Browser) -> None:
    names = ("elements", "getRootNode", "getClientRects", "addEventListener", "querySelector", "style", "dataset")
    fields = "".join(f'<input name="{name}">' for name in names)
    brought = {"status": "ready", "form": dict.fromkeys(names, "x"), "optin": {}, "reason": None}
    async with bound(browser, f'<div id="place"></div><form>{fields}</form>') as page:
        await answer(page, session(prefill=brought))

        await expect(page.get_by_role("status")).to_have_text("Filled in from ACME")
        assert await values(page) == dict.fromkeys(names, "x")


async def test_script_is_small() -> None:
    assert len(gzip.compress(SCRIPT.read_bytes())) <= 4608
