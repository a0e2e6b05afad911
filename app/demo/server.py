"""The demo partner's web server: its pages, its key set, its participant API, links that carry a fresh token each."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from app.demo.documents import CAMPAIGN_ID
from app.demo.keys import DemoKeys
from app.demo.pages import DemoPages
from app.demo.participant_api import ParticipantApi
from app.demo.replaying import start_replay
from app.demo.scenarios import Scenario, find_scenario, mint
from app.ports import Clock


@dataclass(frozen=True, slots=True)
class DemoPartner:
    """The handlers; `service_url` is where the campaign stands, `replay` starts a replay and says what came of it."""

    keys: DemoKeys
    service_url: str
    clock: Clock
    api: ParticipantApi
    pages: DemoPages
    replay: Callable[[], Awaitable[str]]

    async def index(self, request: web.Request) -> web.Response:
        """Answer the page with the links."""
        del request
        return self.pages.index()

    async def go(self, request: web.Request) -> web.Response:
        """Mint a token for the scenario and send the browser to the campaign with it."""
        location = f"{self.service_url}/c/{CAMPAIGN_ID}?token={self._mint(self._scenario_of(request))}"
        return web.Response(status=303, headers={"Location": location, "Cache-Control": "no-store"})

    async def tag(self, request: web.Request) -> web.Response:
        """Answer a page that embeds the campaign, with a token for the scenario."""
        scenario = self._scenario_of(request)
        return self.pages.embedding("tag.html", scenario, self._mint(scenario))

    async def minisite(self, request: web.Request) -> web.Response:
        """Answer a page whose own form is the campaign, with a token for the scenario."""
        scenario = self._scenario_of(request)
        return self.pages.embedding("minisite.html", scenario, self._mint(scenario))

    async def thanks(self, request: web.Request) -> web.Response:
        """Answer whoever sent the minisite's form; what was entered is not even read."""
        del request
        return self.pages.thanks()

    async def mend(self, request: web.Request) -> web.Response:
        """Mend the participant API and replay what failed meanwhile; answer what came of it."""
        del request
        self.api.is_down = False
        return web.Response(text=await self.replay())

    async def jwks(self, request: web.Request) -> web.Response:
        """Answer the JWK Set (RFC 7517 section 5)."""
        del request
        return web.json_response(dict(self.keys.jwks), headers={"Cache-Control": "max-age=300"})

    def _scenario_of(self, request: web.Request) -> Scenario:
        scenario = find_scenario(request.match_info["scenario"])
        if scenario is None:
            raise web.HTTPNotFound
        return scenario

    def _mint(self, scenario: Scenario) -> str:
        if scenario.mendable:
            self.api.is_down = True  # each arrival shows the failure first
        return mint(scenario, self.keys, self.clock.now(), secrets.token_urlsafe(16))


def build_demo(
    keys: DemoKeys, service_url: str, clock: Clock, replay: Callable[[], Awaitable[str]] = start_replay
) -> web.Application:
    """Return the demo partner's application."""
    api, pages = ParticipantApi(keys), DemoPages.load(service_url)
    partner = DemoPartner(keys, service_url, clock, api, pages, replay)
    app = web.Application()
    app.add_routes(
        [
            web.get("/", partner.index),
            web.get("/demo.css", pages.file("demo.css", "text/css")),
            web.get("/demo.js", pages.file("demo.js", "text/javascript")),
            web.get("/go/{scenario}", partner.go),
            web.get("/tag/{scenario}", partner.tag),
            web.get("/minisite/{scenario}", partner.minisite),
            web.post("/thanks", partner.thanks),
            web.post("/mend", partner.mend),
            web.get("/jwks.json", partner.jwks),
            web.get("/participants/{sub}", api.participant),
        ]
    )
    return app
