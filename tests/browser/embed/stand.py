"""A partner's page of one test, on an origin of its own, in a Chromium that blocks third-party cookies.

Watches all that the browser does meanwhile: requests, console, errors, what breaks a policy.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from playwright.async_api import Browser, BrowserContext, Frame, Page, Request

from app.demo.keys import DemoKeys
from app.demo.scenarios import Scenario, mint
from tests.browser.embed.partner_pages import PartnerPages
from tests.browser.visits import ARTEFACTS, AXE, FINDINGS
from tests.cli.up_run import Run

DESKTOP: Final = (1280, 900)
PHONE: Final = (390, 844)
FILLED: Final = {"form": {"firstname": "Ada", "lastname": "Martin", "email": "ada@example.com"}, "optin": {}}
STRICT: Final = (
    "default-src 'none'; script-src 'nonce-test' {service}/embed/v1/; connect-src {service}; frame-src {service}; "
    "style-src 'none'; img-src data:; form-action 'self'; base-uri 'none'; object-src 'none'; "
    "require-trusted-types-for 'script'"
)
"""What docs/embed.md tells partners to allow."""
SNIPPET: Final = """
<script async src="{service}/embed/v1/tag.js"></script>
<vestibule-campaign campaign="{campaign}" lang="en"><a href="{service}/c/{campaign}">Open the campaign</a>
</vestibule-campaign>
"""
PUSH: Final = """<script nonce="test">
(window.vestibule = window.vestibule || []).push(["token", "{campaign}", {token}]);
document.currentScript.remove();
</script>"""
RECORDER: Final = """<script nonce="test">
window.told = [];
for (const name of ["ready", "prefilled", "unavailable", "denied", "rejected", "submitted", "resize"])
  document.addEventListener(`vestibule:${name}`, ({ type, target, detail }) =>
    told.push([type.slice(10), detail, target.localName]));
</script>"""
PAINTED: Final = "() => new Promise((resume) => requestAnimationFrame(() => requestAnimationFrame(resume)))"
KEPT: Final = """() => JSON.stringify([
  {...localStorage}, {...sessionStorage}, document.cookie, document.referrer, history.state, window.name, location.href,
  performance.getEntries().map((entry) => entry.name), document.documentElement.outerHTML,
])"""


@dataclass(slots=True)
class Watched:
    """A page, and what was seen since it was opened."""

    page: Page
    context: BrowserContext
    troubles: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    async def told(self, name: str | None = None) -> list[Any]:
        """Return the events that the page was told: name, detail, and the element that they came from."""
        told: list[Any] = await self.page.evaluate("() => window.told")
        return [event for event in told if name is None or event[0] == name]

    async def until(self, name: str, times: int = 1) -> None:
        """Wait until the page was told of `name` so many times."""
        await self.page.wait_for_function(
            "([name, times]) => told.filter((event) => event[0] === name).length >= times", arg=[name, times]
        )

    @property
    def frame(self) -> Frame:
        """Return the one frame of the campaign."""
        (frame,) = self.frames
        return frame

    @property
    def frames(self) -> list[Frame]:
        """Return the frames of campaigns that are in the page."""
        return [frame for frame in self.page.frames if "/embed/v1/frame/" in frame.url and not frame.is_detached()]

    def sent(self, method: str, path: str) -> list[Request]:
        """Return the requests of that method whose address ends so."""
        return [request for request in self.requests if request.method == method and request.url.endswith(path)]

    async def everything_kept(self) -> str:
        """Return what the page and its frames show, keep, and were at; and what was asked for, by what referrer."""
        kept = [str(await frame.evaluate(KEPT)) for frame in self.page.frames]
        cookies = json.dumps([dict(cookie) for cookie in await self.context.cookies()])
        seen = [f"{request.url} {request.headers.get('referer', '')}" for request in self.requests]
        return "\n".join([*kept, cookies, *seen, *self.troubles])


@dataclass(frozen=True, slots=True)
class Stand:
    """The running service and the partner's origin, which `localhost` makes another site."""

    run: Run
    browser: Browser
    pages: PartnerPages

    @property
    def partner(self) -> str:
        """Return an origin that the demo's campaign allows."""
        return f"http://localhost:{self.pages.port}"

    @property
    def demo(self) -> str:
        """Return the origin of the demo partner's own pages."""
        return self.run.demo.rstrip("/").replace("127.0.0.1", "localhost")

    @property
    def stranger(self) -> str:
        """Return an origin that no campaign allows."""
        return self.partner.replace("localhost", "stranger.localhost")

    @property
    def service(self) -> str:
        """Return the service's origin."""
        return self.run.link.partition("/c/")[0]

    def token(self, says: Mapping[str, object] = FILLED, sub: str | None = None, **scenario: Any) -> str:
        """Return a token of the demo partner for a participant whom nobody has seen before."""
        keys = DemoKeys.load(self.run.process.log.parent / "data")
        arrival = Scenario("test", "", "", says, sub or f"test-{uuid4()}", **scenario)
        return mint(arrival, keys, datetime.now(UTC), uuid4().hex)

    def snippet(self, token: str | None, campaign: str = "demo", element: str = SNIPPET) -> str:
        """Return what a partner puts into a page."""
        body = element + PUSH
        for name, text in {"service": self.service, "campaign": campaign, "token": json.dumps(token)}.items():
            body = body.replace(f"{{{name}}}", text)
        return body

    @asynccontextmanager
    async def hosting(
        self, body: str, origin: str | None = None, size: tuple[int, int] = DESKTOP, lang: str = "en"
    ) -> AsyncIterator[Watched]:
        """Open a page with this body, on the partner's origin unless another is given, under the strictest policy."""
        width, height = size
        context = await self.browser.new_context(viewport={"width": width, "height": height}, locale="en-GB")
        context.set_default_timeout(12_000)
        page = await context.new_page()
        watched = Watched(page, context)
        page.on("console", lambda message: watched.troubles.append(message.text))
        page.on("pageerror", lambda error: watched.troubles.append(str(error)))

        def note(request: Request) -> None:
            watched.requests.append(request)

        context.on("request", note)
        await page.goto(self.serve(body, origin, lang))
        yield watched
        await context.close()

    def serve(self, body: str, origin: str | None = None, lang: str = "en") -> str:
        """Let a page with this body stand on the origin, and return its address, which holds a secret."""
        address = f"{origin or self.partner}/hosted?secret=of-the-partner"

        head = f'<!doctype html><html lang="{lang}"><title>ACME</title>'

        page = f"{head}<main><h1>ACME</h1>{RECORDER}{body}</main></html>"
        self.pages.put(origin or self.partner, page, STRICT.format(service=self.service))
        return address


async def photograph(page: Page, name: str) -> None:
    """Keep a picture of the whole page as an artefact, and have axe find nothing in it or in its frames."""
    ARTEFACTS.mkdir(exist_ok=True)
    size = page.viewport_size
    assert size is not None
    height = await page.evaluate("() => document.documentElement.scrollHeight")
    await page.set_viewport_size({"width": size["width"], "height": max(size["height"], height)})
    for frame in page.frames:
        await frame.evaluate(PAINTED)
    await page.screenshot(path=ARTEFACTS / f"{name}.png", animations="disabled", caret="initial")
    await page.set_viewport_size(size)
    for frame in page.frames:
        await frame.evaluate(AXE)
        assert await frame.evaluate(FINDINGS) == []
