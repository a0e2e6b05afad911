"""The participants' routes: a token comes in, a session is read, somebody plays.

Translates HTTP, and decides nothing else. An unknown session and a wrong key look the same.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic, perf_counter
from typing import Final

from aiohttp import web

from app.domain.campaign import Campaign
from app.domain.session import rfc3339
from app.domain.shape import MAX_TOKEN_BYTES
from app.errors import (
    BodyTooLarge,
    CampaignUnknown,
    MediaTypeUnsupported,
    Mistake,
    Overloaded,
    RequestInvalid,
    StoreUnavailable,
    TokenNotTaken,
    TokenTooLarge,
)
from app.play_errors import PlayRefused
from app.ports import TakenIn
from app.web.bodies import JSON, json_response, media_type, parse_json, read_body
from app.web.client_address import client_address_of
from app.web.cors import allow_any_origin, check_origin, preflight_response
from app.web.languages import preferred_languages
from app.web.limits import SessionLimits
from app.web.middleware import BEGAN_AT
from app.web.openapi.operation import OperationRoute
from app.web.openapi.sessions import (
    IDEMPOTENCY_KEY,
    JWT,
    MAX_WAIT_SECONDS,
    OPEN_SESSION,
    READ_SESSION,
    RECORD_PARTICIPATION,
)
from app.web.participants import Participants
from app.web.refusals import add_screen, screen_headers, with_screen

POLL_AFTER_MS: Final = 50
_MAX_BODY_BYTES = 2 * MAX_TOKEN_BYTES
"""A token, the JSON around it, and room to tell a token that is too large from a body that is."""
_MAX_EMPTY_BODY_BYTES = 1024
"""What a call that needs no body reads of one."""
_SPACE = rb"[ \t\r\n]*"
USUAL_BODY = re.compile(_SPACE.join((b"", rb"\{", b'"token"', b":", b'"([A-Za-z0-9._-]*)"', rb"\}", b"")))
"""The one JSON body that nearly everybody sends, read five times as fast; all others are parsed."""
_WAIT = re.compile(r"[0-9]{1,2}(?:\.[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class SessionRoutes:
    """Serves participants over HTTP; `own_origin` is the one of our own pages."""

    participants: Participants
    own_origin: str
    limits: SessionLimits

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """Return the routes, each with the one that browsers ask before."""
        return [
            OperationRoute(OPEN_SESSION, self.create),
            web.options(OPEN_SESSION.path, self.preflight_create),
            OperationRoute(READ_SESSION, self.read),
            web.options(READ_SESSION.path, self.preflight_read),
            OperationRoute(RECORD_PARTICIPATION, self.play),
            web.options(RECORD_PARTICIPATION.path, self.preflight_play),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """Take a token in; answer 202 once the session is committed."""
        campaign = await self._campaign_of(request)
        self.limits.count(client_address_of(request), campaign.id, monotonic())
        try:
            token = await _token_of(request)
            taken = await self.participants.take_in(campaign, token, _idempotency_key_of(request))
        except TokenNotTaken as refusal:
            self.participants.refusals.note(campaign, refusal)
            add_screen(refusal, campaign, preferred_languages(request))
            raise
        content = opened_view(taken, self.participants.keys.make(taken.id))
        return json_response(content, 202, {"Location": f"/v1/sessions/{taken.id}"})

    async def read(self, request: web.Request) -> web.Response:
        """Show a session to whoever holds its key, when it is settled or the wait is over."""
        allow_any_origin(request)
        session_id = self._opened(request)
        seconds = _wait_of(request) - _waited_already(request)
        visit = await self.participants.visit(session_id)
        check_origin(request, visit.campaign, self.own_origin)
        if seconds > 0:
            visit = await self.participants.wait(visit, seconds)
        languages = preferred_languages(request)
        shown = self.participants.show(visit, languages)
        return json_response(shown, headers=screen_headers(visit, languages))

    async def play(self, request: web.Request) -> web.Response:
        """Record a participation for whoever holds the session's key; answer 201 once it is committed."""
        allow_any_origin(request)
        session_id = self._opened(request)
        key = _idempotency_key_of(request)
        await _check_empty(request)
        visit = await self.participants.visit(session_id)
        check_origin(request, visit.campaign, self.own_origin)
        try:
            played = await self.participants.play(visit, key)
        except PlayRefused as refusal:
            raise with_screen(refusal, visit.campaign, preferred_languages(request)) from refusal
        content = {"participation_id": played.id, "used": played.used, "remaining": played.remaining}
        return json_response(content, 201)

    async def preflight_create(self, request: web.Request) -> web.Response:
        """Tell a browser whether its page may bring a token to this campaign, or that it may ask, if nobody can tell.

        A page may not read why its request fails unless the preflight before it has succeeded (Fetch, section 4.9).
        """
        with suppress(CampaignUnknown, StoreUnavailable, Overloaded):
            await self._campaign_of(request)
        return preflight_response("POST")

    async def preflight_read(self, request: web.Request) -> web.Response:
        """Tell a browser that it may ask; which page may read the answer is judged then, by the session's campaign."""
        allow_any_origin(request)
        return preflight_response("GET")

    async def preflight_play(self, request: web.Request) -> web.Response:
        """Tell a browser that it may ask; which page may play is judged then, by the session's campaign."""
        allow_any_origin(request)
        return preflight_response("POST")

    async def _campaign_of(self, request: web.Request) -> Campaign:
        allow_any_origin(request)
        campaign = await self.participants.find_campaign(request.match_info["campaign_id"])
        check_origin(request, campaign, self.own_origin)
        return campaign

    def _opened(self, request: web.Request) -> str:
        session_id = request.match_info["session_id"]
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        self.participants.open(session_id, key.strip() if scheme.lower() == "bearer" else "")
        return session_id


def opened_view(taken: TakenIn, session_key: str) -> Mapping[str, object]:
    """Return the body of the answer to a token that was taken in."""
    return {
        "session_id": taken.id,
        "session_key": session_key,
        "expires_at": rfc3339(taken.expires_at),
        "poll_after_ms": POLL_AFTER_MS,
    }


async def _token_of(request: web.Request) -> str | None:
    kind = media_type(request)
    if kind not in (JSON, JWT):
        raise MediaTypeUnsupported(f"This call takes {JSON} or {JWT}.")
    try:
        body = await read_body(request, _MAX_BODY_BYTES)
    except BodyTooLarge:
        raise TokenTooLarge from None
    if kind == JWT:
        return body.decode("ascii", "replace")
    usual = USUAL_BODY.fullmatch(body)
    return usual[1].decode("ascii") if usual else _token_member(parse_json(body))


async def _check_empty(request: web.Request) -> None:
    """Raise unless the body is empty or says nothing."""
    body = await read_body(request, _MAX_EMPTY_BODY_BYTES)
    if not body:
        return
    if media_type(request) != JSON:
        raise MediaTypeUnsupported(f"This call takes {JSON}, or no body.")
    mistakes = tuple(Mistake(name, "is not a member of this body") for name in parse_json(body))
    if mistakes:
        raise RequestInvalid(mistakes)


def _token_member(content: dict[str, object]) -> str | None:
    mistakes = [Mistake(name, "is not a member of this body") for name in content if name != "token"]
    token = content.get("token")
    if "token" in content and not isinstance(token, str):
        mistakes.append(Mistake("token", "must be a string"))
    if mistakes:
        raise RequestInvalid(tuple(mistakes))
    return token if isinstance(token, str) else None


def _idempotency_key_of(request: web.Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        raise RequestInvalid((Mistake("Idempotency-Key", "must be 1 to 255 visible ASCII characters"),))
    return key


def _waited_already(request: web.Request) -> float:
    began_at = request.get(BEGAN_AT)
    return 0 if began_at is None else perf_counter() - began_at


def _wait_of(request: web.Request) -> float:
    if not request.query_string:
        return 0
    given = request.query.getall("wait", [])
    if not given:
        return 0
    if len(given) > 1 or not _WAIT.fullmatch(given[0]) or float(given[0]) > MAX_WAIT_SECONDS:
        raise RequestInvalid((Mistake("wait", f"must be one number of seconds from 0 to {MAX_WAIT_SECONDS}"),))
    return float(given[0])
