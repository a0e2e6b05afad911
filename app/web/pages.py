"""The campaign's page: takes a token out of the address, keeps the session in a cookie, shows the form or a refusal.

A form that is sent counts as one participation, however often its button is tapped: the form's address names it.
What a page looks like is `page_templates`'. Nothing that is shown, and no address that it leads to, has the token.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final

from aiohttp import web

from app.domain.campaign import Campaign, Mode
from app.domain.languages import choose_language
from app.domain.prefill import PrefillStatus
from app.domain.screens import ChosenScreen, screen_for
from app.domain.session import TokenStatus, choose_screen
from app.errors import CampaignUnknown, SessionExpired, SessionUnknown, TokenNotTaken, VestibuleError
from app.play_errors import NotSettled, PlayRefused
from app.reasons import ParticipationReason
from app.steps.configure import is_document_id
from app.steps.read import Visit
from app.web.assets import Assets
from app.web.bodies import json_response
from app.web.client_address import client_address_of
from app.web.languages import preferred_languages
from app.web.limits import SessionLimits
from app.web.middleware import API_POLICY, REQUEST_ID, RoutePolicy
from app.web.openapi.operation import OperationRoute
from app.web.openapi.pages import (
    FORGET_SESSION,
    READ_PAGE_SESSION,
    SERVE_ASSET,
    SHOW_PAGE,
    SHOW_THANKS,
    SUBMIT_PAGE,
)
from app.web.page_templates import Known, Look, PageTemplates
from app.web.page_view import PageView, reference_of
from app.web.participants import Participants
from app.web.prefill_words import prefill_words
from app.web.problems import problem
from app.web.refusals import refusal_screen
from app.web.session_cookie import SessionCookies, page_path
from app.web.wording import WORDS

PAGE_WAIT_SECONDS: Final = 0.5
"""How long a page waits for its session to settle: mostly it is, and then the form comes filled."""
MAX_WAIT_SECONDS: Final = 25.0
SUBMIT_WAIT_SECONDS: Final = 5.0
"""How long a form that is sent waits for its token to be judged."""
_PREFILL: Final = "prefill"
_CLEARED: Final = "off"
_FAILED: Final = "unavailable"
"""What the clean address says of a prefill, where there is no session to say it: that a token came, and was no good."""
_FORM_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FORBIDDEN: Final = 403
_CONFLICT: Final = 409
_SEE_OTHER: Final = 303


@dataclass(frozen=True, slots=True)
class CampaignPages:
    """The handlers; `find_partner_name` returns how a partner is called, by its id."""

    participants: Participants
    find_partner_name: Callable[[str], Awaitable[str]]
    cookies: SessionCookies
    templates: PageTemplates
    limits: SessionLimits

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Answer the page; with a token in the address take that in, and lead to the address without it."""
        campaign_id = request.match_info["campaign_id"]
        token = request.query.get("token", request.query.get("qual_token"))
        try:
            campaign = await self.participants.find_campaign(campaign_id)
        except CampaignUnknown:
            if token is None or not is_document_id(campaign_id):
                raise
            return _leading_to(page_path(campaign_id))
        if token is not None:
            return await self._take_in(request, campaign, token)
        look = await self._look(request, campaign)
        view = await self._view(request, campaign, PAGE_WAIT_SECONDS)
        refusal = self._refusal(request, view, campaign, look)
        if refusal is not None:
            return refusal
        return self.templates.form(look, campaign, _known(request.query.get(_PREFILL), view))

    async def submit(self, request: web.Request) -> web.StreamResponse:
        """Record a participation and lead to the end of the campaign; what was entered is not even read."""
        campaign = await self.participants.find_campaign(request.match_info["campaign_id"])
        look = await self._look(request, campaign)
        key = _form_key_of(request)
        answer = _leading_to(f"{page_path(campaign.id)}/thanks")
        visit = await self._visit(request, campaign)
        if visit is None:
            if campaign.mode is Mode.REQUIRED:
                refuse = self._expired if request.query.get("of") else self._unrecognised
                return refuse(request, campaign, look)
            self.limits.count(client_address_of(request), campaign.id, monotonic())
            taken = await self.participants.take_in(campaign, None, key)
            self.cookies.write(answer, campaign.id, taken, self.participants.clock.now())
            visit = await self.participants.visit(taken.id)
        elif _is_of_another(request, visit):
            return self._elsewhere(campaign, look)
        elif visit.session.outcome is None:
            visit = await self.participants.wait(visit, SUBMIT_WAIT_SECONDS)
        try:
            await self.participants.play(visit, key)
        except NotSettled:
            raise
        except PlayRefused as refusal:
            return self._refused(refusal, visit, look)
        return answer

    async def thank(self, request: web.Request) -> web.StreamResponse:
        """Answer the end of the campaign; without a session lead to its beginning."""
        campaign = await self.participants.find_campaign(request.match_info["campaign_id"])
        if await self._visit(request, campaign) is None:
            return _leading_to(page_path(campaign.id))
        look = await self._look(request, campaign)
        return self.templates.message(look, look.words.thanks_title, look.words.thanks_message)

    async def session(self, request: web.Request) -> web.StreamResponse:
        """Answer the page's script with what became of the session, after at most `wait` seconds."""
        campaign = await self.participants.find_campaign(request.match_info["campaign_id"])
        view = await self._view(request, campaign, wait_seconds(request.query.get("wait", "0")))
        if view is None or request.query.get("of", view.reference) != view.reference:
            raise SessionUnknown
        return json_response(view.told)

    async def forget(self, request: web.Request) -> web.StreamResponse:
        """Let the browser forget the session, and lead to the page as it is for one who is not recognised."""
        campaign = await self.participants.find_campaign(request.match_info["campaign_id"])
        answer = _leading_to(page_path(campaign.id))
        self.cookies.clear(answer, campaign.id)
        return answer

    def error_page(self, error: VestibuleError, request: web.Request) -> web.Response:
        """Return what a browser is shown where the page failed: neutral words, the right status, when to come again."""
        plain = problem(error, request.path, "")
        look = Look(choose_language(preferred_languages(request), tuple(WORDS)))
        words = look.words
        match plain.status:
            case 404:
                title, message = words.closed_title, words.closed_message
            case 409 | 429 | 503:  # 409: the token is still not judged
                title, message = words.busy_title, words.busy_message
            case _:
                title, message = words.wrong_title, words.wrong_message
        is_busy = title == words.busy_title
        reference = reference_of(request[REQUEST_ID])
        page = self.templates.message(
            look, title, message, can_try_again=is_busy, reference=reference, status=plain.status
        )
        if "Retry-After" in plain.headers:
            page.headers["Retry-After"] = plain.headers["Retry-After"]
        return page

    async def _take_in(self, request: web.Request, campaign: Campaign, token: str) -> web.Response:
        self.limits.count(client_address_of(request), campaign.id, monotonic())
        path = page_path(campaign.id)
        try:
            taken = await self.participants.take_in(campaign, token)
        except TokenNotTaken as refusal:
            self.participants.refusals.note(campaign, refusal)
            # Not on this address, which shows the token: the clean one says what the campaign says to the unrecognised.
            answer = _leading_to(path if campaign.mode is Mode.REQUIRED else f"{path}?{_PREFILL}={_FAILED}")
            self.cookies.clear(answer, campaign.id)
            return answer
        answer = _leading_to(path)
        self.cookies.write(answer, campaign.id, taken, self.participants.clock.now())
        return answer

    async def _visit(self, request: web.Request, campaign: Campaign) -> Visit | None:
        brought = self.cookies.read(request)
        if brought is None:
            return None
        try:
            self.participants.open(*brought)
            visit = await self.participants.visit(brought[0])
        except (SessionUnknown, SessionExpired):
            return None
        return visit if visit.campaign.id == campaign.id else None

    async def _view(self, request: web.Request, campaign: Campaign, seconds: float) -> PageView | None:
        visit = await self._visit(request, campaign)
        if visit is None:
            return None
        try:
            visit = await self.participants.wait(visit, seconds)
            languages = preferred_languages(request)
            shown = self.participants.show(visit, languages)
        except (SessionUnknown, SessionExpired):
            return None
        return PageView.of(shown, campaign, choose_screen(visit.session.outcome, visit.campaign, languages))

    def _refusal(
        self, request: web.Request, view: PageView | None, campaign: Campaign, look: Look
    ) -> web.Response | None:
        if view is not None:
            if view.screen is None:
                return None
            return self.templates.screen(look, view.screen, view.reference)
        return self._unrecognised(request, campaign, look) if campaign.mode is Mode.REQUIRED else None

    def _elsewhere(self, campaign: Campaign, look: Look) -> web.Response:
        title, message = look.words.elsewhere_title, look.words.elsewhere_message
        return self.templates.message(look, title, message, return_url=page_path(campaign.id), status=_CONFLICT)

    def _unrecognised(self, request: web.Request, campaign: Campaign, look: Look) -> web.Response:
        return self.templates.screen(look, _rejected(campaign, look), reference_of(request[REQUEST_ID]), _FORBIDDEN)

    def _expired(self, request: web.Request, campaign: Campaign, look: Look) -> web.Response:
        return self.templates.message(
            look,
            look.words.expired_title,
            prefill_words(look.language, look.brand).expired,
            return_url=_rejected(campaign, look).screen.return_url,
            reference=reference_of(request[REQUEST_ID]),
            status=_FORBIDDEN,
        )

    def _refused(self, refusal: PlayRefused, visit: Visit, look: Look) -> web.Response:
        screen = refusal_screen(refusal, visit.campaign, (look.language,))
        return self.templates.screen(look, screen, reference_of(visit.session.id), _CONFLICT)

    async def _look(self, request: web.Request, campaign: Campaign) -> Look:
        brand = await self.find_partner_name(campaign.partner_id)
        return Look.of(campaign, brand, preferred_languages(request))


def page_routes(pages: CampaignPages, assets: Assets) -> list[OperationRoute]:
    """Return the routes of the campaign's page and of the static files."""
    return [
        OperationRoute(SHOW_PAGE, pages.show),
        OperationRoute(SUBMIT_PAGE, pages.submit),
        OperationRoute(SHOW_THANKS, pages.thank),
        OperationRoute(FORGET_SESSION, pages.forget),
        OperationRoute(READ_PAGE_SESSION, pages.session),
        OperationRoute(SERVE_ASSET, assets.serve),
    ]


def page_policies(pages: CampaignPages) -> dict[str, RoutePolicy]:
    """Return what answers of these routes carry, by pattern."""
    return {
        SHOW_PAGE.path: RoutePolicy(API_POLICY.headers, error_page=pages.error_page),
        SHOW_THANKS.path: RoutePolicy(API_POLICY.headers, error_page=pages.error_page),
        FORGET_SESSION.path: RoutePolicy(API_POLICY.headers, error_page=pages.error_page),
        SERVE_ASSET.path: RoutePolicy((("X-Content-Type-Options", "nosniff"),)),
    }


def wait_seconds(text: str) -> float:
    """Return how long the page's script wants to wait, at most 25 seconds; nonsense waits for nothing."""
    return min(float(text), MAX_WAIT_SECONDS) if text.isdecimal() and len(text) <= len("25") else 0


def _leading_to(path: str) -> web.Response:
    return web.Response(status=_SEE_OTHER, headers={"Location": path})


def _known(prefill: str | None, view: PageView | None) -> Known:
    """Return what the form starts with; `prefill` is what the address says of it, which no session says."""
    if view is None:
        return Known(PrefillStatus.UNAVAILABLE if prefill == _FAILED else PrefillStatus.NONE)
    return replace(view.known, state=PrefillStatus.NONE, values={}) if prefill == _CLEARED else view.known


def _rejected(campaign: Campaign, look: Look) -> ChosenScreen:
    return screen_for(campaign, ParticipationReason.TOKEN_REJECTED, (look.language,))


def _is_of_another(request: web.Request, visit: Visit) -> bool:
    """Tell whether the form was made for another session than the browser has now: another tab brought a token."""
    of, outcome = request.query.get("of"), visit.session.outcome
    if of is None or of == reference_of(visit.session.id):
        return False
    # A form that was made for nobody makes a session of nobody when it is first sent.
    return bool(of) or outcome is None or outcome.token_status is not TokenStatus.ANONYMOUS


def _form_key_of(request: web.Request) -> str | None:
    """Return what the form that is sent is known by, or None for one that was not ours."""
    key = request.query.get("play", "")
    return key if _FORM_KEY.fullmatch(key) else None
