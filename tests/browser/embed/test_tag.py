"""The JS tag in a real Chromium: on a partner's own origin, under a strict policy, without third-party cookies."""

import asyncio
import re

import pytest
from playwright.async_api import Frame, expect

from tests.browser.embed.stand import PAINTED, PHONE, SNIPPET, Stand, Watched, photograph

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

DIV = """<script async src="{service}/embed/v1/tag.js"></script>
<div data-vestibule-campaign="{campaign}" data-min-height="500"></div>"""
SET_A_COOKIE = "() => { document.cookie = 'x=1; SameSite=None; Secure'; return document.cookie; }"
SCRIPT = '<script src="{service}/embed/v1/tag.js"></script>'
REFUSED = [
    pytest.param({"limit": {"nb": 0}}, "denied", "limit_reached", "You have already taken part", id="limit"),
    pytest.param({"limit": {"canPlay": False}}, "denied", "not_eligible", "This one is for members", id="eligible"),
]


async def go_to_form(frame: Frame) -> None:
    await frame.get_by_role("link", name="Start").click()
    await frame.get_by_role("link", name="Go on").click()
    await expect(frame.get_by_label("First name")).to_be_visible()


async def frame_height(watched: Watched) -> tuple[float, float]:
    """Return the height of the frame's element and that of what it shows."""
    outer = await watched.page.locator("iframe").evaluate("(frame) => frame.getBoundingClientRect().height")
    return outer, await watched.frame.evaluate("() => document.body.getBoundingClientRect().height")


async def fitting_height(watched: Watched) -> float:
    """Return the height of the frame's element once it is that of what it shows; fail after five seconds."""
    async with asyncio.timeout(5):
        while True:
            outer, inner = await frame_height(watched)
            if abs(outer - inner) <= 1:
                return outer
            await watched.frame.evaluate(PAINTED)


async def test_tag_shows_the_campaign_filled_with_third_party_cookies_blocked_and_no_violation(stand: Stand) -> None:
    async with stand.hosting(stand.snippet(stand.token())) as host:
        await host.until("prefilled")
        await go_to_form(host.frame)

        await expect(host.frame.get_by_label("First name")).to_have_value("Ada")
        kept = await host.frame.evaluate(SET_A_COOKIE)
        await photograph(host.page, "tag-form-desktop")
        assert kept == ""
        assert await host.context.cookies() == []
        assert [event[0] for event in await host.told() if event[0] != "resize"] == ["ready", "prefilled"]
        assert await host.page.locator("vestibule-campaign").get_attribute("data-state") == "prefilled"
        assert host.troubles == []


async def test_token_and_session_key_are_nowhere_but_in_the_one_post(stand: Stand) -> None:
    token = stand.token()

    async with stand.hosting(stand.snippet(token)) as host:
        await host.until("prefilled")
        (post,) = host.sent("POST", "/v1/campaigns/demo/sessions")
        answer = await post.response()
        assert answer is not None
        key = (await answer.json())["session_key"]
        kept = await host.everything_kept()
        bodies = [request.post_data or "" for request in host.requests]

    secrets = [*token.split("."), key, "of-the-partner"]
    addresses = [line for line in kept.splitlines() if "/embed/v1/frame/" in line or "/v1/" in line]
    assert [secret for secret in secrets[:-1] if secret in kept] == []
    assert not any("of-the-partner" in line for line in addresses if line.startswith(stand.service))
    assert [token in body for body in bodies].count(True) == 1


@pytest.mark.parametrize(("says", "event", "code", "title"), REFUSED)
async def test_refused_participant_sees_the_campaigns_screen(
    stand: Stand, says: dict[str, object], event: str, code: str, title: str
) -> None:
    async with stand.hosting(stand.snippet(stand.token(says))) as host:
        await host.until(event)

        await expect(host.frame.get_by_role("heading", name=title)).to_be_visible()
        ((_, detail, _),) = await host.told(event)
        assert detail["code"] == code
        assert set(detail) == {"code", "sessionId"}
        link = host.frame.get_by_role("link", name="Go back")
        assert await link.get_attribute("target") == "_top"
        await photograph(host.page, f"tag-{code}")


async def test_campaign_is_played_to_its_end_inside_the_page_once_however_often_it_is_tapped(stand: Stand) -> None:
    async with stand.hosting(stand.snippet(stand.token()), size=PHONE) as host:
        await host.until("prefilled")
        await photograph(host.page, "tag-welcome-phone")
        await go_to_form(host.frame)
        await host.frame.get_by_role("button", name="Take part").dblclick()

        await expect(host.frame.get_by_role("heading", name="Thank you")).to_be_visible()
        await host.until("submitted")
        await photograph(host.page, "tag-thanks-phone")
        posts = [request for request in host.requests if request.url.endswith("/participations")]
        assert {request.headers["authorization"][:7] for request in posts} == {"Bearer "}
        assert len({request.headers["idempotency-key"] for request in posts}) == 1
        assert len(await host.told("submitted")) == 1
        assert host.troubles == []


async def test_participation_that_is_refused_at_the_end_shows_the_screen(stand: Stand) -> None:
    token = stand.token({"form": {"firstname": "Ada", "lastname": "M", "email": "a@example.com"}, "limit": {"nb": 1}})

    async with stand.hosting(stand.snippet(token)) as first, stand.hosting(stand.snippet(token)) as second:
        for host in (first, second):
            await host.until("prefilled")
            await go_to_form(host.frame)
            await host.frame.get_by_role("button", name="Take part").click()
        await first.until("submitted")
        await second.until("denied")

        await expect(second.frame.get_by_role("heading", name="You have already taken part")).to_be_visible()


async def test_tag_included_twice_shows_one_frame_and_opens_one_session(stand: Stand) -> None:
    again = f'<script async src="{stand.service}/embed/v1/tag.js"></script>'

    async with stand.hosting(again + stand.snippet(stand.token()) + again) as host:
        await host.until("prefilled")

        assert len(host.frames) == 1
        assert len(host.sent("POST", "/sessions")) == 1
        assert len(await host.told("ready")) == 1
        assert host.troubles == []


async def test_element_taken_out_and_put_back_shows_the_same_session_again(stand: Stand) -> None:
    async with stand.hosting(stand.snippet(stand.token())) as host:
        await host.until("prefilled")
        await host.page.evaluate("() => { window.kept = document.querySelector('vestibule-campaign'); kept.remove(); }")
        await expect(host.page.locator("iframe")).to_have_count(0)
        assert host.frames == []
        await host.page.evaluate("() => document.querySelector('main').append(kept)")
        await host.until("prefilled", 2)

        sessions = {detail["sessionId"] for _, detail, _ in await host.told("ready")}
        assert len(host.frames) == 1
        assert len(sessions) == 1
        assert len(host.sent("POST", "/sessions")) == 1


async def test_element_that_comes_back_after_another_token_shows_its_participant(stand: Stand) -> None:
    other = stand.token({"form": {"firstname": "Grace", "lastname": "Moreau", "email": "g@example.com"}, "optin": {}})

    async with stand.hosting(stand.snippet(stand.token())) as host:
        await host.until("prefilled")
        await host.page.evaluate("() => { window.kept = document.querySelector('vestibule-campaign'); kept.remove(); }")
        await host.page.evaluate("(token) => vestibule.push(['token', 'demo', token])", other)
        await host.page.evaluate("() => document.querySelector('main').append(kept)")
        await host.until("prefilled", 2)
        await go_to_form(host.frame)

        await expect(host.frame.get_by_label("First name")).to_have_value("Grace")
        assert len(host.sent("POST", "/sessions")) == 2


async def test_element_inserted_by_a_script_is_shown(stand: Stand) -> None:
    async with stand.hosting(stand.snippet(stand.token(), element=SCRIPT)) as host:
        await host.page.evaluate(
            """() => {
              const element = document.createElement("vestibule-campaign");
              element.setAttribute("campaign", "demo");
              document.body.append(element);
            }"""
        )

        await host.until("prefilled")


async def test_div_alias_does_the_same(stand: Stand) -> None:
    async with stand.hosting(stand.snippet(stand.token(), element=DIV)) as host:
        await host.until("prefilled")

        outer, _ = await frame_height(host)
        assert outer >= 500
        assert {target for _, _, target in await host.told()} == {"div"}
        assert await host.page.locator("div[data-vestibule-campaign]").get_attribute("data-state") == "prefilled"
        await host.page.evaluate("() => document.querySelector('div[data-vestibule-campaign]').remove()")
        await expect(host.page.locator("iframe")).to_have_count(0)
        assert host.frames == []


@pytest.mark.parametrize(
    "give",
    [
        pytest.param("element.token = TOKEN;", id="property"),
        pytest.param("element.getToken = () => TOKEN;", id="callback"),
        pytest.param("element.getToken = async () => TOKEN;", id="asynchronous-callback"),
        pytest.param("element.getToken = async () => `${TOKEN}\n`;", id="callback-with-a-line-end"),
        pytest.param("setTimeout(() => { element.token = TOKEN; }, 700);", id="property-after-the-script"),
        pytest.param("setTimeout(() => vestibule.push(['token', 'demo', TOKEN]), 700);", id="queue-after-the-script"),
    ],
)
async def test_token_is_taken_from_properties_and_the_queue_early_and_late(stand: Stand, give: str) -> None:
    element = '<vestibule-campaign campaign="demo"></vestibule-campaign>'
    script = f'<script async src="{stand.service}/embed/v1/tag.js"></script>'
    giving = (
        f'<script nonce="test">(() => {{ const TOKEN = "{stand.token()}"; '
        f'const element = document.querySelector("vestibule-campaign"); {give} document.currentScript.remove(); }})();'
        "</script>"
    )

    async with stand.hosting(element + giving + script) as host:
        await host.until("prefilled")

        assert len(host.sent("POST", "/sessions")) == 1
        assert await host.page.evaluate("() => document.querySelector('vestibule-campaign').token") is None
        assert host.troubles == []


async def test_another_token_begins_anew_for_another_participant(stand: Stand) -> None:
    other = stand.token({"form": {"firstname": "Grace", "lastname": "Moreau", "email": "g@example.com"}, "optin": {}})

    async with stand.hosting(stand.snippet(stand.token())) as host:
        await host.until("prefilled")
        await go_to_form(host.frame)
        await host.page.evaluate("(token) => vestibule.push(['token', 'demo', token])", other)
        await host.until("prefilled", 2)
        await go_to_form(host.frame)

        await expect(host.frame.get_by_label("First name")).to_have_value("Grace")
        assert len({detail["sessionId"] for _, detail, _ in await host.told("ready")}) == 2


async def test_element_whose_campaign_changes_shows_the_other_one(stand: Stand, open_campaign: str) -> None:
    async with stand.hosting(stand.snippet(stand.token())) as host:
        await host.until("prefilled")
        await host.page.locator("vestibule-campaign").evaluate(
            "(element, campaign) => element.setAttribute('campaign', campaign)", open_campaign
        )
        await host.until("ready", 2)

        await expect(host.frame.get_by_role("heading", name="Open to all")).to_be_visible()
        assert len({detail["sessionId"] for _, detail, _ in await host.told("ready")}) == 2


@pytest.mark.parametrize("token", [pytest.param(None, id="told-so"), pytest.param("garbage", id="no-token-at-all")])
async def test_participant_without_a_token_is_not_recognised_where_one_is_required(
    stand: Stand, token: str | None
) -> None:
    async with stand.hosting(stand.snippet(token)) as host:
        await host.until("rejected")

        await expect(host.frame.get_by_role("heading", name="This link is no longer valid")).to_be_visible()
        ((_, detail, _),) = await host.told("rejected")
        assert detail == {"code": "token_missing" if token is None else "token_malformed", "sessionId": None}


async def test_page_that_gives_no_token_but_in_an_attribute_is_taken_for_one_without(stand: Stand) -> None:
    element = SNIPPET.format(service=stand.service, campaign="demo")

    async with stand.hosting(
        element.replace("<vestibule-campaign", f'<vestibule-campaign token="{stand.token()}"')
    ) as host:
        await host.until("rejected")

        ((_, detail, _),) = await host.told("rejected")
        assert detail["code"] == "token_missing"


async def test_participant_without_a_token_plays_where_none_is_required(stand: Stand, open_campaign: str) -> None:
    async with stand.hosting(stand.snippet(None, open_campaign)) as host:
        await host.until("ready")
        await go_to_form(host.frame)
        await host.frame.get_by_label("First name").fill("Nobody")
        await host.frame.get_by_role("button", name="Take part").click()

        await host.until("submitted")
        await expect(host.frame.get_by_role("heading", name="Thank you")).to_be_visible()


@pytest.mark.parametrize(
    ("token", "code"),
    [
        pytest.param("garbage", "token_malformed", id="malformed"),
        pytest.param("x" * 17_000, "token_too_large", id="too-large"),
    ],
)
async def test_token_that_is_none_bars_nobody_where_none_is_required(
    stand: Stand, open_campaign: str, token: str, code: str
) -> None:
    async with stand.hosting(stand.snippet(token, open_campaign)) as host:
        await host.until("unavailable")
        await go_to_form(host.frame)

        await expect(host.frame.get_by_role("status")).to_contain_text("You can still take part.")
        ((_, detail, _),) = await host.told("unavailable")
        assert detail["code"] == code
        await host.frame.get_by_label("First name").fill("Nobody")
        await host.frame.get_by_role("button", name="Take part").click()
        await host.until("submitted")
        assert await host.told("rejected") == []


async def test_campaign_that_does_not_exist_is_told_of_at_once_and_the_link_stays(stand: Stand) -> None:
    async with stand.hosting(stand.snippet(stand.token(), "nobody")) as host:
        await host.until("unavailable")

        ((_, detail, _),) = await host.told("unavailable")
        assert detail["code"] == "campaign_unknown"
        assert host.frames == []


async def test_campaign_whose_session_cannot_be_opened_stays_and_is_played_when_it_can(
    stand: Stand, open_campaign: str
) -> None:
    async with stand.hosting("<p>Soon</p>") as host:
        await host.context.route("**/sessions", lambda route: route.abort())
        stand.serve(stand.snippet(None, open_campaign))
        await host.page.reload()
        await host.until("unavailable")
        ((_, detail, _),) = await host.told("unavailable")
        await go_to_form(host.frame)
        await host.frame.get_by_label("First name").fill("Patient")
        await expect(host.frame.get_by_role("alert")).to_contain_text("try again in a few seconds")
        await photograph(host.page, "tag-unreachable")
        await host.context.unroute("**/sessions")
        await host.frame.get_by_role("button", name="Take part").click()

        await host.until("submitted")
        assert detail == {"code": "unreachable", "sessionId": None}


async def test_not_you_forgets_the_participant(stand: Stand, open_campaign: str) -> None:
    token = stand.token({"form": {"firstname": "Ada"}, "campaignId": open_campaign})

    async with stand.hosting(stand.snippet(token, open_campaign)) as host:
        await host.until("prefilled")
        await go_to_form(host.frame)
        await host.frame.get_by_role("button", name="Not you?").click()
        await host.until("ready", 2)
        await go_to_form(host.frame)

        await expect(host.frame.get_by_label("First name")).to_have_value("")


async def test_frame_is_as_high_as_what_it_shows(stand: Stand) -> None:
    async with stand.hosting(stand.snippet(stand.token()), size=PHONE) as host:
        await host.until("prefilled")
        heights = []
        for step in ("Start", "Go on"):
            seen = len(await host.told("resize"))
            await host.frame.get_by_role("link", name=step).click()
            await host.until("resize", seen + 1)
            heights.append(await fitting_height(host))
        scrolls = await host.frame.evaluate("() => document.documentElement.scrollHeight > window.innerHeight + 1")

        assert not scrolls
        assert heights[1] != heights[0]


async def test_frame_speaks_the_language_of_the_element_or_of_what_is_around_it(stand: Stand) -> None:
    element = SNIPPET.replace(' lang="en"', "")

    async with stand.hosting(stand.snippet(stand.token({"limit": {"nb": 0}}), element=element), lang="fr-FR") as host:
        await host.until("denied")

        title = host.frame.get_by_role("heading", name="Vous avez déjà participé")
        await expect(title).to_be_visible()
        await expect(title).to_have_attribute("lang", "fr")
        assert re.search(r"\?lang=fr-FR$", host.frame.url)


async def test_events_bubble_and_hold_a_code_and_the_sessions_id_and_nothing_of_a_person(stand: Stand) -> None:
    async with stand.hosting(stand.snippet(stand.token())) as host:
        await host.until("prefilled")
        told = await host.told()

    assert {frozenset(detail) for _, detail, _ in told} == {frozenset({"code", "sessionId"})}
    ids = {detail["sessionId"] for name, detail, _ in told if name != "resize"}
    assert all(re.fullmatch(r"ses_[0-9a-v]{26}", id_) for id_ in ids)
    assert "Ada" not in str(told)
