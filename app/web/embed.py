"""The embed: the scripts that partners include, and the document that the JS tag frames in their pages.

The frame is the same for everybody: no cookie is read, no session known. Which pages may frame it, and be talked to by
it, is the campaign's to say.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from app.web.embed_scripts import load_frame, load_minisite, load_tag
from app.web.languages import preferred_languages
from app.web.middleware import API_POLICY, ErrorPage, RoutePolicy
from app.web.openapi.embed import SERVE_FRAME_SCRIPT, SERVE_MINISITE, SERVE_TAG, SHOW_FRAME
from app.web.openapi.operation import OperationRoute
from app.web.page_templates import Look, PageTemplates
from app.web.participants import Participants


@dataclass(frozen=True, slots=True)
class Embed:
    """Serves the embed; `find_partner_name` returns how a partner is called, by its id."""

    participants: Participants
    find_partner_name: Callable[[str], Awaitable[str]]
    templates: PageTemplates

    def routes(self) -> list[OperationRoute]:
        """Return the routes of the frame and of the scripts."""
        return [
            OperationRoute(SHOW_FRAME, self.frame),
            OperationRoute(SERVE_TAG, load_tag().serve),
            OperationRoute(SERVE_MINISITE, load_minisite().serve),
            OperationRoute(SERVE_FRAME_SCRIPT, load_frame().serve),
        ]

    async def frame(self, request: web.Request) -> web.Response:
        """Answer the campaign for a frame, in the language of `lang` if the campaign has it."""
        campaign = await self.participants.find_campaign(request.match_info["campaign_id"])
        wanted = (request.query.get("lang", ""), *preferred_languages(request))
        look = Look.of(campaign, await self.find_partner_name(campaign.partner_id), wanted)
        return self.templates.frame(look, campaign)


def embed_policies(error_page: ErrorPage) -> dict[str, RoutePolicy]:
    """Return what answers of these routes carry, by pattern; the scripts say all their headers themselves."""
    policies = {script.path: RoutePolicy(()) for script in (SERVE_TAG, SERVE_MINISITE, SERVE_FRAME_SCRIPT)}
    policies[SHOW_FRAME.path] = RoutePolicy(API_POLICY.headers, error_page=error_page)
    return policies
