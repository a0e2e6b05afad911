"""Pages that the campaign does not allow, and messages that nobody sent: they are told nothing and change nothing."""

from typing import Final

import pytest
from playwright.async_api import expect

from tests.browser.embed.stand import Stand

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

ATTACK: Final = """async () => {
  window.got = [];
  window.addEventListener("message", (event) => got.push(event.data));
  const port = () => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = (event) => got.push(event.data);
    return port2;
  };
  for (let tries = 0; tries < 40; tries += 1) {
    for (const type of ["hello", "port", "session", "state"]) {
      const message = { vestibule: 1, type, nonce: "0".repeat(32), name: "submitted", id: "ses_x", key: "x" };
      victim.postMessage(message, "*", [port()]);
      for (let index = 0; index < victim.length; index += 1) victim.frames[index].postMessage(message, "*", [port()]);
    }
    await new Promise((resume) => setTimeout(resume, 50));
  }
  return got;
}"""
REPLAY: Final = """async () => {
  const got = [];
  window.addEventListener("message", (event) => got.push(event.data));
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = (event) => got.push(event.data);
  const frame = document.querySelector("vestibule-campaign").shadowRoot.querySelector("iframe").contentWindow;
  frame.postMessage({ vestibule: 1, type: "hello", nonce: "0".repeat(32) }, "*", [port2]);
  await new Promise((resume) => setTimeout(resume, 500));
  return got;
}"""
NONSENSE: Final = """async () => {
  const frame = document.querySelector("vestibule-campaign").shadowRoot.querySelector("iframe").contentWindow;
  const cyclic = {}; cyclic.self = cyclic;
  const messages = [null, 0, "", "hello", [], {}, { vestibule: 1 }, { vestibule: 2, type: "hello", nonce: "x" }, cyclic,
    { vestibule: 1, type: "hello", nonce: 1 }, { vestibule: 1, type: "port" }, new ArrayBuffer(8)];
  for (const target of [window, frame]) messages.forEach((message) => target.postMessage(message, "*"));
  await new Promise((resume) => setTimeout(resume, 500));
}"""


async def test_page_that_is_not_allowed_gets_no_session_and_no_frame_and_shows_what_stands_in_the_element(
    stand: Stand,
) -> None:
    async with stand.hosting(stand.snippet(stand.token()), origin=stand.stranger) as host:
        await host.until("unavailable")

        await expect(host.page.get_by_role("link", name="Open the campaign")).to_be_visible()
        answers = [await request.response() for request in host.sent("POST", "/sessions")]
        ((_, detail, _),) = await host.told("unavailable")
        assert not any(answers)
        assert detail == {"code": "frame_unreachable", "sessionId": None}
        assert host.frames == []
        assert await host.told("ready") == []


@pytest.mark.parametrize(
    "origin", [pytest.param("stranger", id="of-a-stranger"), pytest.param("partner", id="allowed")]
)
async def test_page_that_opened_the_partners_and_forges_messages_is_told_nothing(stand: Stand, origin: str) -> None:
    async with stand.hosting("<p>Prizes!</p>", origin=getattr(stand, origin)) as attacker:
        address = stand.serve(stand.snippet(stand.token()))
        async with attacker.page.expect_popup() as opened:
            await attacker.page.evaluate("(address) => { window.victim = window.open(address); }", address)
        victim = await opened.value

        got = await attacker.page.evaluate(ATTACK)

        told = await victim.evaluate("() => window.told.map(([name]) => name)")
        assert got == []
        assert [name for name in told if name != "resize"] == ["ready", "prefilled"]


async def test_greeting_that_is_made_again_is_not_answered(stand: Stand) -> None:
    async with stand.hosting(stand.snippet(stand.token())) as host:
        await host.until("prefilled")

        got = await host.page.evaluate(REPLAY)

        assert got == []
        assert len(await host.told("ready")) == 1


async def test_messages_that_nobody_knows_are_dropped(stand: Stand) -> None:
    async with stand.hosting(stand.snippet(stand.token())) as host:
        await host.until("prefilled")
        before = await host.told()

        await host.page.evaluate(NONSENSE)

        assert [event for event in await host.told() if event[0] != "resize"] == [
            event for event in before if event[0] != "resize"
        ]
        assert host.troubles == []


async def test_frame_opened_by_itself_leads_to_the_campaigns_own_page(stand: Stand) -> None:
    async with stand.hosting("<p>Prizes!</p>", origin=stand.stranger) as attacker:
        await attacker.page.goto(f"{stand.service}/embed/v1/frame/demo")

        await attacker.page.wait_for_url(f"{stand.service}/c/demo")


async def test_browser_asks_before_it_brings_a_token(stand: Stand) -> None:
    async with stand.hosting("<p>Soon</p>") as host:
        asked: list[tuple[str, int]] = []
        wire = await host.context.new_cdp_session(host.page)
        wire.on(
            "Network.responseReceived",
            lambda event: (
                asked.append((event["response"]["url"], event["response"]["status"]))
                if event["type"] == "Preflight"
                else None
            ),
        )
        await wire.send("Network.enable")
        stand.serve(stand.snippet(stand.token()))
        await host.page.reload()
        await host.until("ready")

        assert asked == [(f"{stand.service}/v1/campaigns/demo/sessions", 204)]
