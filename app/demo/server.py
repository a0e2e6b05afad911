"""The demo partner's web server: its key set, its participant API, and links that carry a fresh token each.

Every answer is made on the spot; nothing is kept between requests.
"""

import asyncio
import hmac
import secrets
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from app.demo.documents import CAMPAIGN_ID
from app.demo.keys import DemoKeys
from app.demo.people import DOWN, PEOPLE, SLOW
from app.demo.scenarios import SCENARIOS, find_scenario, mint
from app.ports import Clock

SLOW_SECONDS: Final = 3.0
"""How long the slow participant's data takes: longer than a page waits, shorter than the partner's timeout."""
_CSP: Final = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"
_STYLE: Final = "demo.css"


@dataclass(frozen=True, slots=True)
class DemoPartner:
    """The handlers; `service_url` is where the campaign stands."""

    keys: DemoKeys
    service_url: str
    clock: Clock
    page: str
    style: str

    async def index(self, request: web.Request) -> web.Response:
        """Answer the page with the links."""
        del request
        return web.Response(text=self.page, content_type="text/html", headers={"Content-Security-Policy": _CSP})

    async def stylesheet(self, request: web.Request) -> web.Response:
        """Answer the page's style."""
        del request
        return web.Response(text=self.style, content_type="text/css")

    async def go(self, request: web.Request) -> web.Response:
        """Mint a token for the scenario and send the browser to the campaign with it."""
        scenario = find_scenario(request.match_info["scenario"])
        if scenario is None:
            raise web.HTTPNotFound
        token = mint(scenario, self.keys, self.clock.now(), secrets.token_urlsafe(16))
        location = f"{self.service_url}/c/{CAMPAIGN_ID}?token={token}"
        return web.Response(status=303, headers={"Location": location, "Cache-Control": "no-store"})

    async def jwks(self, request: web.Request) -> web.Response:
        """Answer the JWK Set (RFC 7517 section 5)."""
        del request
        return web.json_response(dict(self.keys.jwks), headers={"Cache-Control": "max-age=300"})

    async def participant(self, request: web.Request) -> web.Response:
        """Answer one participant's data to whoever brings their access token."""
        sub = request.match_info["sub"]
        expected = f"Bearer {self.keys.access_token(sub)}"
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), expected.encode()):
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})
        if sub == DOWN:
            raise web.HTTPServiceUnavailable
        if sub == SLOW:
            await asyncio.sleep(SLOW_SECONDS)
        if sub not in PEOPLE:
            raise web.HTTPNotFound
        return web.json_response(dict(PEOPLE[sub]))


def build_demo(keys: DemoKeys, service_url: str, clock: Clock) -> web.Application:
    """Return the demo partner's application."""
    templates = Environment(
        loader=PackageLoader("app.demo"), autoescape=select_autoescape(default=True), undefined=StrictUndefined
    )
    partner = DemoPartner(
        keys=keys,
        service_url=service_url,
        clock=clock,
        page=templates.get_template("index.html").render(scenarios=SCENARIOS, style=_STYLE),
        style=templates.get_template(_STYLE).render(),
    )
    app = web.Application()
    app.add_routes(
        [
            web.get("/", partner.index),
            web.get(f"/{_STYLE}", partner.stylesheet),
            web.get("/go/{scenario}", partner.go),
            web.get("/jwks.json", partner.jwks),
            web.get("/participants/{sub}", partner.participant),
        ]
    )
    return app
