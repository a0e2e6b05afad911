"""Tokens that come to the JS tag late, or after another: the participant sees what the last of them brings."""

import pytest
from playwright.async_api import expect

from tests.browser.embed.stand import SNIPPET, Stand, Watched

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PUSH_IT = "(token) => vestibule.push(['token', 'demo', token])"
SET_IT = "(token) => { document.querySelector('vestibule-campaign').token = token; }"
PUSH_NULL = (
    """<script nonce="test">(window.vestibule = window.vestibule || []).push(["token", "demo", null]);</script>"""
)
ASKED = """<script nonce="test">
document.querySelector("vestibule-campaign").getToken = () => new Promise((resolve) => {{ window.answer = resolve; }});
</script>"""
GRACE_OVER = "() => performance.now() > performance.getEntriesByType('navigation')[0].loadEventEnd + 1700"
UNRECOGNISED = "This link is no longer valid"


async def go_to_form(host: Watched) -> None:
    await host.frame.get_by_role("link", name="Start").click()
    await host.frame.get_by_role("link", name="Go on").click()
    await expect(host.frame.get_by_label("First name")).to_be_visible()


async def expect_form_filled(host: Watched) -> None:
    """Expect that nothing is seen of the screen, and that the steps lead to a form with what the token brought."""
    await expect(host.frame.get_by_role("heading", name=UNRECOGNISED)).to_be_hidden()
    await go_to_form(host)
    await expect(host.frame.get_by_label("First name")).to_have_value("Ada")


@pytest.mark.parametrize("give", [pytest.param(PUSH_IT, id="by-the-queue"), pytest.param(SET_IT, id="by-the-property")])
async def test_token_that_comes_when_its_participant_was_refused_shows_the_campaign(stand: Stand, give: str) -> None:
    async with stand.hosting(SNIPPET.format(service=stand.service, campaign="demo")) as host:
        await host.until("rejected")
        await expect(host.frame.get_by_role("heading", name=UNRECOGNISED)).to_be_visible()

        await host.page.evaluate(give, stand.token())
        await host.until("prefilled")

        await expect_form_filled(host)
        assert [event[0] for event in await host.told() if event[0] != "resize"] == ["rejected", "ready", "prefilled"]


async def test_good_token_after_one_that_is_none_shows_the_campaign(stand: Stand) -> None:
    async with stand.hosting(stand.snippet("garbage")) as host:
        await host.until("rejected")
        await expect(host.frame.get_by_role("heading", name=UNRECOGNISED)).to_be_visible()

        await host.page.evaluate(PUSH_IT, stand.token())
        await host.until("prefilled")

        await expect_form_filled(host)


async def test_token_that_is_none_after_another_shows_the_screen_again(stand: Stand) -> None:
    async with stand.hosting(stand.snippet("garbage")) as host:
        await host.until("rejected")

        await host.page.evaluate(PUSH_IT, "more garbage")
        await host.until("rejected", 2)

        await expect(host.frame.get_by_role("heading", name=UNRECOGNISED)).to_be_visible()
        await expect(host.frame.get_by_role("link", name="Start")).to_be_hidden()


async def test_form_sent_before_its_participant_was_refused_is_not_sent_by_itself_later(stand: Stand) -> None:
    async with stand.hosting("<p>Soon</p>") as host:
        await host.context.route("**/v1/campaigns/demo/sessions", lambda route: route.abort())
        stand.serve(stand.snippet(None))
        await host.page.reload()
        await host.page.wait_for_function("() => document.querySelector('vestibule-campaign').dataset.state")
        frame = host.page.frame_locator("iframe")
        await frame.get_by_role("link", name="Start").click()
        await frame.get_by_role("link", name="Go on").click()
        for label, text in {"First name": "Ada", "Last name": "Martin", "Email": "ada@example.com"}.items():
            await frame.get_by_label(label).fill(text)
        await frame.get_by_role("button", name="Take part").click()
        await host.context.unroute("**/v1/campaigns/demo/sessions")
        await host.until("rejected")

        await host.page.evaluate(PUSH_IT, stand.token())
        await host.until("ready")
        await expect(frame.get_by_role("button", name="Take part")).to_be_visible()
        posts = [request for request in host.requests if request.url.endswith("/participations")]
        assert posts == []
        await frame.get_by_role("button", name="Take part").click()

        await host.until("submitted")


@pytest.mark.parametrize("mode", [pytest.param("required", id="required"), pytest.param("optional", id="optional")])
@pytest.mark.parametrize("more", [pytest.param("", id="alone"), pytest.param(PUSH_NULL, id="null-in-the-queue")])
async def test_answer_of_a_slow_callback_is_awaited_and_what_was_typed_meanwhile_kept(
    stand: Stand, open_campaign: str, mode: str, more: str
) -> None:
    campaign = {"required": "demo", "optional": open_campaign}[mode]
    element = SNIPPET.replace("async ", "") + ASKED + more.replace("demo", campaign)
    token = stand.token({"form": {"firstname": "Ada", "lastname": "Martin"}, "campaignId": campaign})

    async with stand.hosting(element.format(service=stand.service, campaign=campaign)) as host:
        await go_to_form(host)
        await host.frame.get_by_label("First name").fill("Typed by hand")
        await host.page.wait_for_function(GRACE_OVER)
        assert host.sent("POST", "/sessions") == []
        await host.page.evaluate("(token) => answer(token)", token)
        await host.until("ready")

        await expect(host.frame.get_by_label("First name")).to_be_visible()
        await expect(host.frame.get_by_label("First name")).to_have_value("Typed by hand")
        assert [event[0] for event in await host.told() if event[0] != "resize"] == ["ready"]
        assert len(host.sent("POST", "/sessions")) == 1


async def test_callback_that_fails_late_says_that_there_is_no_token(stand: Stand) -> None:
    element = SNIPPET.replace("async ", "") + ASKED

    async with stand.hosting(element.format(service=stand.service, campaign="demo")) as host:
        await host.page.wait_for_function(GRACE_OVER)
        assert await host.told("rejected") == []
        await host.page.evaluate("() => answer(Promise.reject(new Error('no')))")
        await host.until("rejected")

        ((_, detail, _),) = await host.told("rejected")
        assert detail["code"] == "token_missing"


async def test_token_that_comes_before_the_callback_has_answered_is_the_one_that_counts(stand: Stand) -> None:
    element = SNIPPET.replace("async ", "") + ASKED

    async with stand.hosting(element.format(service=stand.service, campaign="demo")) as host:
        await host.page.evaluate(PUSH_IT, stand.token())
        await host.until("prefilled")
        await host.page.evaluate("() => answer(null)")

        await expect_form_filled(host)
        assert len(host.sent("POST", "/sessions")) == 1
