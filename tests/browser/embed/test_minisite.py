"""The minisite script in a real Chromium: a partner's own form is filled, counted, and then sent as it always was."""

import asyncio

import pytest
from playwright.async_api import Route, expect

from tests.browser.embed.stand import Stand, photograph

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

FORM = """<script async src="{service}/embed/v1/minisite.js"></script>
<form method="post" action="/thanks" data-vestibule-campaign="{campaign}" data-vestibule-partner="ACME">
<div data-vestibule-status></div>
<label>First name <input name="firstname" required></label>
<label>Last name <input name="lastname"></label>
<label>Email <input name="email" type="email"></label>
<label>News <input name="newsletter" type="checkbox" value="1"></label>
<button name="way" value="in">Enter</button></form>"""
LISTENER = """<script nonce="test">
window.sent = [];
document.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  sent.push([new FormData(event.target, event.submitter).get("firstname"), event.submitter.value]);
});
</script>"""
ONE_WHO_MAY_NOT = {"limit": {"canPlay": False}}
ONCE = {"form": {"firstname": "Ada"}, "limit": {"nb": 1}}


async def test_form_is_filled_by_field_names_without_violation_or_trace_of_the_token(stand: Stand) -> None:
    token = stand.token(
        {"form": {"firstname": "Ada", "lastname": "Martin", "other": "x"}, "optin": {"newsletter": "1"}}
    )

    async with stand.hosting(stand.snippet(token, element=FORM)) as host:
        await host.until("prefilled")

        await expect(host.page.get_by_label("First name")).to_have_value("Ada")
        await expect(host.page.get_by_label("News")).to_be_checked()
        await expect(host.page.get_by_role("status")).to_have_text("Filled in from ACME")
        assert await host.page.locator("form").get_attribute("data-state") == "prefilled"
        assert [event[0] for event in await host.told()] == ["ready", "prefilled"]
        kept = await host.everything_kept()
        assert [secret for secret in token.split(".") if secret in kept] == []
        assert host.troubles == []


async def test_form_that_is_sent_is_counted_once_and_then_goes_where_it_always_went(stand: Stand) -> None:
    async with stand.hosting(stand.snippet(stand.token(ONCE), element=FORM)) as host:
        await host.until("prefilled")
        await host.page.get_by_role("button", name="Enter").dblclick()

        await host.page.wait_for_url("**/thanks")
        plays = [request for request in host.requests if request.url.endswith("/participations")]
        (sent,) = host.sent("POST", "/thanks")
        assert [request.method for request in plays if request.method == "POST"] == ["POST"]
        assert sent.post_data == "firstname=Ada&lastname=&email=&way=in"


async def test_forms_own_listeners_hear_of_it_once_it_is_counted(stand: Stand) -> None:
    async with stand.hosting(stand.snippet(stand.token(), element=FORM + LISTENER)) as host:
        await host.until("prefilled")
        for times in (1, 2):
            await host.page.get_by_role("button", name="Enter").click()
            await host.until("submitted", times)

        assert await host.page.evaluate("() => sent") == [["Ada", "in"], ["Ada", "in"]]
        assert len(await host.told("submitted")) == 2
        plays = [request for request in host.requests if request.url.endswith("/participations")]
        assert len({request.headers["idempotency-key"] for request in plays if request.method == "POST"}) == 2


async def test_form_whose_participant_has_played_meanwhile_is_not_sent(stand: Stand) -> None:
    body = stand.snippet(stand.token(ONCE), element=FORM + LISTENER)

    async with stand.hosting(body) as first, stand.hosting(body) as second:
        for host in (first, second):
            await host.until("prefilled")
            await host.page.get_by_role("button", name="Enter").click()
        await second.until("denied")

        assert await second.page.evaluate("() => sent") == []
        await expect(second.page.get_by_role("heading", name="You have already taken part")).to_be_visible()
        await expect(second.page.locator("form")).to_be_hidden()


async def test_refused_participant_sees_the_campaigns_screen_instead_of_the_form(stand: Stand) -> None:
    body = stand.snippet(stand.token(ONE_WHO_MAY_NOT), element=FORM)

    async with stand.hosting(body, lang="fr-FR") as host:
        await host.until("denied")

        title = host.page.get_by_role("heading", name="Réservé aux membres")
        await expect(title).to_be_visible()
        await expect(title).to_have_attribute("lang", "fr")
        await expect(host.page.get_by_role("link", name="Retour")).to_have_attribute("href", stand.run.demo)
        await expect(host.page.locator("form")).to_be_hidden()
        ((_, detail, target),) = await host.told("denied")
        assert (detail["code"], target) == ("not_eligible", "form")
        await photograph(host.page, "minisite-denied")


async def test_form_that_the_page_hides_stays_hidden_also_after_a_screen(stand: Stand) -> None:
    hide = """<script nonce="test">document.querySelector("form").style.display = "none"</script>"""

    async with stand.hosting(stand.snippet(stand.token(), element=FORM + hide)) as host:
        await host.until("prefilled")
        await expect(host.page.locator("form")).to_be_hidden()
        await host.page.evaluate("(token) => vestibule.push(['token', 'demo', token])", stand.token(ONE_WHO_MAY_NOT))
        await host.until("denied")
        await host.page.evaluate("(token) => vestibule.push(['token', 'demo', token])", stand.token())
        await host.until("prefilled", 2)

        assert await host.page.locator("form").get_attribute("style") == "display: none;"


async def test_form_without_a_token_is_refused_where_one_is_required(stand: Stand) -> None:
    async with stand.hosting(stand.snippet(None, element=FORM), lang="fr_FR") as host:
        await host.until("rejected")

        await expect(host.page.get_by_role("heading", name="Ce lien n'est plus valable")).to_be_visible()
        await expect(host.page.get_by_role("link", name="Retour")).to_have_attribute("href", stand.run.demo)
        ((_, detail, _),) = await host.told("rejected")
        assert detail == {"code": "token_missing", "sessionId": None}


@pytest.mark.parametrize(
    ("token", "code"),
    [
        pytest.param("garbage", "token_malformed", id="malformed"),
        pytest.param("", "token_malformed", id="empty"),
        pytest.param("x" * 17_000, "token_too_large", id="too-large"),
    ],
)
async def test_token_that_is_none_bars_nobody_where_none_is_required(
    stand: Stand, open_campaign: str, token: str, code: str
) -> None:
    async with stand.hosting(stand.snippet(token, open_campaign, FORM)) as host:
        await host.until("unavailable")

        await expect(host.page.get_by_role("status")).to_contain_text("You can still take part.")
        ((_, detail, _),) = await host.told("unavailable")
        assert detail["code"] == code
        assert await host.told("rejected") == []
        await host.page.get_by_label("First name").fill("Nobody")
        await host.page.get_by_role("button", name="Enter").click()
        await host.page.wait_for_url("**/thanks")


async def test_reason_of_a_refused_token_is_told_where_none_is_required(stand: Stand, open_campaign: str) -> None:
    token = stand.token()
    forged = f"{token[:-20]}{'A' * 19}{token[-1]}"

    async with stand.hosting(stand.snippet(forged, open_campaign, FORM)) as host:
        await host.until("unavailable")

        ((_, detail, _),) = await host.told("unavailable")
        assert detail["code"] == "signature_invalid"


async def test_form_with_fields_called_as_its_own_members_is_filled_and_sent_and_so_is_the_next(stand: Stand) -> None:
    names = ("elements", "style", "dataset", "dispatchEvent", "closest", "before", "requestSubmit", "isConnected")
    clashing = FORM.replace("<label>Email", "".join(f'<input name="{name}">' for name in names) + "<label>Email")
    second = FORM[FORM.index("<form") :].replace("First name", "Given name")

    async with stand.hosting(stand.snippet(stand.token(), element=clashing + second)) as host:
        await host.until("prefilled", 2)
        for label in ("First name", "Given name"):
            await expect(host.page.get_by_label(label)).to_have_value("Ada")
        await host.page.get_by_role("button", name="Enter").first.click()

        await host.page.wait_for_url("**/thanks")


async def test_form_without_a_token_is_sent_where_none_is_required(stand: Stand, open_campaign: str) -> None:
    async with stand.hosting(stand.snippet(None, open_campaign, FORM)) as host:
        await host.until("ready")
        await host.page.get_by_label("First name").fill("Nobody")
        await host.page.get_by_role("button", name="Enter").click()

        await host.page.wait_for_url("**/thanks")


async def test_form_while_the_service_is_out_of_reach_stays_usable_and_is_not_sent_uncounted(stand: Stand) -> None:
    async with stand.hosting(stand.snippet(stand.token(), element=FORM + LISTENER)) as host:
        await host.until("prefilled")
        await host.context.route("**/participations", lambda route: route.abort())
        await host.page.get_by_role("button", name="Enter").click()

        await expect(host.page.get_by_role("alert")).to_contain_text("try again in a few seconds", timeout=15_000)
        assert await host.page.evaluate("() => sent") == []
        await host.context.unroute("**/participations")
        await host.page.get_by_role("button", name="Enter").click()
        await host.until("submitted")
        assert await host.page.evaluate("() => sent") == [["Ada", "in"]]
        await expect(host.page.get_by_role("alert")).to_have_count(0)


async def test_form_that_takes_a_while_to_be_counted_says_that_it_is_being_sent(stand: Stand) -> None:
    async with stand.hosting(stand.snippet(stand.token(ONCE), element=FORM + LISTENER)) as host:
        await host.until("prefilled")
        counted = asyncio.Event()

        async def hold(route: Route) -> None:
            await counted.wait()
            await route.continue_()

        await host.context.route("**/participations", hold)
        await host.page.get_by_role("button", name="Enter").click()

        said = host.page.get_by_role("status").filter(has_text="Sending …")
        await expect(said).to_be_visible()
        counted.set()
        await host.until("submitted")
        await expect(said).to_have_count(0)
        assert await host.page.evaluate("() => sent") == [["Ada", "in"]]


async def test_form_on_a_page_that_is_not_allowed_tells_that_nothing_was_reached_and_stays_usable(stand: Stand) -> None:
    async with stand.hosting(stand.snippet(stand.token(), element=FORM), origin=stand.stranger) as host:
        await host.until("unavailable")

        ((_, detail, _),) = await host.told("unavailable")
        assert detail == {"code": "unreachable", "sessionId": None}
        await expect(host.page.get_by_role("status")).to_contain_text("You can still take part.")
        await expect(host.page.get_by_label("First name")).to_be_editable()


async def test_form_whose_session_cannot_be_read_tells_that_nothing_was_reached(stand: Stand) -> None:
    hasty = FORM.replace("<form", '<form data-vestibule-deadline="1"')

    async with stand.hosting("<p>Soon</p>") as host:
        await host.context.route("**/v1/sessions/*", lambda route: route.abort())
        stand.serve(stand.snippet(stand.token(), element=hasty))
        await host.page.reload()
        await host.until("unavailable")

        ((_, detail, _),) = await host.told("unavailable")
        assert detail["code"] == "unreachable"
        assert detail["sessionId"] is not None


async def test_form_that_is_inserted_later_is_bound_too_and_included_twice_only_once(stand: Stand) -> None:
    scripts = '<script src="{service}/embed/v1/minisite.js"></script>' * 2

    async with stand.hosting(stand.snippet(stand.token(), element=scripts)) as host:
        await host.page.evaluate(
            """() => {
              const form = document.createElement("form");
              form.dataset.vestibuleCampaign = "demo";
              form.append(Object.assign(document.createElement("input"), { name: "firstname" }));
              document.querySelector("main").append(form);
            }"""
        )
        await host.until("prefilled")

        assert await host.page.locator("input[name=firstname]").input_value() == "Ada"
        assert len(host.sent("POST", "/sessions")) == 1


async def test_both_scripts_in_one_page_share_the_queue_whichever_comes_first(stand: Stand) -> None:
    both = FORM + '<script async src="{service}/embed/v1/tag.js"></script><vestibule-campaign campaign="{campaign}">'

    async with stand.hosting(stand.snippet(stand.token(), element=both)) as host:
        await host.until("prefilled", 2)

        assert {target for _, _, target in await host.told("prefilled")} == {"form", "vestibule-campaign"}
        assert host.troubles == []


async def test_both_scripts_in_a_page_with_a_form_alone_open_one_session(stand: Stand) -> None:
    both = '<script src="{service}/embed/v1/tag.js"></script>' + FORM

    async with stand.hosting(stand.snippet(stand.token(), element=both)) as host:
        await host.until("prefilled")
        assert len(host.sent("POST", "/sessions")) == 1
        await host.page.evaluate(
            """() => {
              const element = document.createElement("vestibule-campaign");
              element.setAttribute("campaign", "demo");
              document.querySelector("main").append(element);
            }"""
        )
        await host.until("prefilled", 2)

        assert len(host.sent("POST", "/sessions")) == 2


async def test_another_token_leaves_nothing_in_the_form_of_the_participant_before_but_what_was_typed(
    stand: Stand,
) -> None:
    another = stand.token({"form": {"firstname": "Grace"}})

    async with stand.hosting(stand.snippet(stand.token(), element=FORM)) as host:
        await host.until("prefilled")
        await host.page.get_by_label("Email").fill("mine@example.com")
        said = await host.page.evaluate(
            """(token) => {
              vestibule.push(["token", "demo", token]);
              return document.querySelector("[data-vestibule-status]").textContent;
            }""",
            another,
        )
        await host.page.get_by_role("button", name="Fill them in").click()

        assert said == ""
        await expect(host.page.get_by_label("First name")).to_have_value("Grace")
        await expect(host.page.get_by_label("Last name")).to_have_value("")
        await expect(host.page.get_by_label("Email")).to_have_value("mine@example.com")


async def test_form_keeps_what_was_typed(stand: Stand) -> None:
    async with stand.hosting(stand.snippet(None, element=FORM).replace(", null]", ", undefined]")) as host:
        await host.page.get_by_label("First name").fill("Mine")
        await host.page.evaluate("(token) => vestibule.push(['token', 'demo', token])", stand.token())
        await host.until("ready")
        await host.page.get_by_role("button", name="Fill them in").click()

        await expect(host.page.get_by_label("Last name")).to_have_value("Martin")
        assert await host.page.get_by_label("First name").input_value() == "Mine"
