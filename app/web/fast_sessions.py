"""The two requests that make a participant, served without a task: a token comes in, and its session is read.

So is what a browser asks in front of either, for a page of another origin.

Serves what nearly everybody sends, where it succeeds; whatever is unusual or fails is left to `sessions.py`, which is
the one to say what is wrong. By the same steps and with the same answer: a test compares the two. A commit that failed
is answered here too, since nobody may try it again.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from time import monotonic, perf_counter
from typing import Any, Final

from app.compact_json import encode
from app.domain.campaign import Campaign
from app.domain.session import StoredSession, is_settled
from app.errors import Overloaded, RateLimited, SessionExpired, StoreUnavailable, TokenNotTaken, VestibuleError
from app.steps.accept import admit, received_at_of
from app.steps.read import Visit
from app.web.answer_bytes import AnswerBytes
from app.web.bodies import JSON, media_type
from app.web.client_address import Networks, client_address
from app.web.cors import any_origin, may_use
from app.web.fast_path import Begun
from app.web.languages import languages_in
from app.web.limits import SessionLimits
from app.web.middleware import CLIENT_GONE, Observe, record, request_id_of
from app.web.openapi.sessions import IDEMPOTENCY_KEY, JWT, MAX_WAIT_SECONDS, OPEN_SESSION, READ_SESSION
from app.web.ordinary_requests import OrdinaryRequest
from app.web.participants import CAMPAIGN_ID, SESSION_ID, Participants
from app.web.problems import problem_parts
from app.web.refusals import screen_headers
from app.web.sessions import USUAL_BODY, opened_view
from app.web.shedding import Shedding

BRIEF_SECONDS: Final = 1.0
"""A session this young is not read before one waits for it, nor has its wait a timer: no deadline is shorter."""

_OPEN = re.compile(OPEN_SESSION.path.replace("{campaign_id}", f"({CAMPAIGN_ID.pattern})"))
_READ = re.compile(READ_SESSION.path.replace("{session_id}", f"({SESSION_ID.pattern})") + r"(?:\?wait=([0-9]{1,2}))?")
_BEARER: Final = "Bearer "
_JSON_LINE: Final = f"Content-Type: {JSON}\r\n"
_CODED: Final = "content-encoding"
_REPEATABLE: Final = "idempotency-key"
_OPENING: Final = b'{"token":"'
_CLOSING: Final = b'"}'


class _Asked:
    """What is kept of a request until it is answered, by `answer_by`: little, since thousands are under way."""

    __slots__ = (
        "_lane",
        "accept_language",
        "answer_by",
        "awaited",
        "began_at",
        "method",
        "origin",
        "path",
        "request_id",
        "route",
    )

    awaited: asyncio.Future[Any]
    answer_by: "Callable[[FastSessions, _Asked], bytes | None]"

    def __init__(self, lane: "FastSessions", request: OrdinaryRequest, route: str) -> None:
        headers = request.headers
        self._lane = lane
        self.method = request.method
        self.path = request.path
        self.route = route
        self.request_id = request_id_of(request)
        self.origin = headers.get("origin")
        self.accept_language = headers.get("accept-language", "")
        self.began_at = perf_counter()

    def answer(self) -> bytes | None:
        """Return the answer, since what was awaited is done."""
        return self.answer_by(self._lane, self)

    def leave(self) -> None:
        """Wait no more: the client has gone."""
        self.awaited.cancel()
        self._lane.note(self, CLIENT_GONE)


class FastSessions:
    """Implements `FastLane`; `always` are headers of every answer, as of the application."""

    def __init__(
        self,
        participants: Participants,
        limits: SessionLimits,
        shedding: Shedding,
        own_origin: str,
        trusted: Networks,
        observe: Observe,
        always: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._participants = participants
        self._limits = limits
        self._shedding = shedding
        self._own_origin = own_origin
        self._trusted = trusted
        self._observe = observe
        self._has_time = False
        """Whether the store has answered, and so told this process the time."""
        self._answers = AnswerBytes(always)

    def begin(self, request: OrdinaryRequest, remote: str | None) -> Begun | bytes | None:
        """Begin to serve a request, or send it away; None for one that `sessions.py` is to serve."""
        if request.method == "POST" and (match := _OPEN.fullmatch(request.path)):
            if not self._shedding.has_room:
                return self._send_away(request)
            return self._begin_to_open(match[1], request, remote)
        if request.method == "GET" and (match := _READ.fullmatch(request.path)):
            return self._begin_to_read(match[1], int(match[2] or 0), request)
        return self._preflight(request) if request.method == "OPTIONS" else None

    def note_late(self) -> None:
        """Note that connections are read later than they might be, for all that are sent away."""
        self._shedding.note_late()

    def _preflight(self, request: OrdinaryRequest) -> bytes | None:
        """Answer what browsers ask in front of either request, if they may ask."""
        if match := _OPEN.fullmatch(request.path):
            asked, known = _Asked(self, request, OPEN_SESSION.path), self._participants.recall_campaign(match[1])
            if known is None or known.campaign is None or not self._may_read(asked.origin, known.campaign):
                return None
            origin, methods = asked.origin, "POST"
        elif _READ.fullmatch(request.path):
            asked = _Asked(self, request, READ_SESSION.path)
            origin, methods = any_origin(asked.origin), "GET"
        else:
            return None
        self.note(asked, HTTPStatus.NO_CONTENT)
        return self._answers.preflight(methods, asked.request_id, origin)

    def _begin_to_open(self, campaign_id: str, request: OrdinaryRequest, remote: str | None) -> Begun | bytes | None:
        participants, headers = self._participants, request.headers
        known = participants.recall_campaign(campaign_id)
        campaign = None if known is None else known.campaign
        if campaign is None or participants.threads.is_down or _CODED in headers:
            return None
        key = headers.get(_REPEATABLE)
        if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
            return None
        asked = _Asked(self, request, OPEN_SESSION.path)
        token = _usual_token(request)
        if token is None or not self._may_read(asked.origin, campaign):
            return None
        try:
            arrival = admit(campaign, token, key)
            address = client_address(remote, headers.get("x-forwarded-for", ""), self._trusted)
            self._limits.count(address, campaign.id, monotonic())
            asked.awaited = participants.intake.begin(arrival)
        except TokenNotTaken:
            return None
        except (RateLimited, Overloaded) as error:  # not to be counted twice
            return self._failed(asked, error)
        asked.answer_by = FastSessions._opened
        return asked

    def _opened(self, asked: _Asked) -> bytes:
        try:
            taken = asked.awaited.result()
        except Exception as error:  # noqa: BLE001 - told, and answered as a problem
            return self._failed(asked, error)
        self._has_time = True
        content = opened_view(taken, self._participants.keys.make(taken.id))
        own = f"{_JSON_LINE}Location: /v1/sessions/{taken.id}\r\n"
        return self._answer(asked, "202 Accepted", own, encode(content))

    def _begin_to_read(self, session_id: str, seconds: int, request: OrdinaryRequest) -> Begun | None:
        participants = self._participants
        authorization = request.headers.get("authorization", "")
        if seconds > MAX_WAIT_SECONDS or not authorization.startswith(_BEARER):
            return None
        if not participants.keys.holds(session_id, authorization[len(_BEARER) :]):
            return None
        asked = _Asked(self, request, READ_SESSION.path)
        age = self._age_of(session_id) if seconds and participants.polls.is_open else BRIEF_SECONDS
        if age < BRIEF_SECONDS:
            asked.awaited = participants.polls.begin(session_id, BRIEF_SECONDS - age, age)
            asked.answer_by = FastSessions._waited
            return asked
        try:
            asked.awaited = participants.reads.begin(session_id)
        except (Overloaded, StoreUnavailable):
            return None
        asked.answer_by = FastSessions._visited_if_settled if seconds else FastSessions._visited
        return asked

    def _age_of(self, session_id: str) -> float:
        """Return the age of a session in seconds, as far as the time is known: the first to ask for it may wait."""
        if not self._has_time:
            return BRIEF_SECONDS
        age = self._participants.clock.now().timestamp() - received_at_of(session_id)
        return max(0.0, age)  # of one from a process whose clock is ahead, which is not to be waited for any longer

    def _waited(self, asked: _Asked) -> bytes | None:
        session: StoredSession | None = None if asked.awaited.exception() else asked.awaited.result()
        known = None if session is None else self._participants.recall_campaign(session.campaign_id)
        if session is None or known is None or known.campaign is None:
            return None
        return self._shown(asked, Visit(session, known.campaign))

    def _visited(self, asked: _Asked) -> bytes | None:
        visit: Visit | None = None if asked.awaited.exception() else asked.awaited.result()
        self._has_time |= visit is not None
        return None if visit is None else self._shown(asked, visit)

    def _visited_if_settled(self, asked: _Asked) -> bytes | None:
        visit: Visit | None = None if asked.awaited.exception() else asked.awaited.result()
        if visit is None or is_settled(visit.session, self._participants.clock.now()):
            return self._visited(asked)
        self._has_time = True
        return None

    def _shown(self, asked: _Asked, visit: Visit) -> bytes | None:
        if not self._may_read(asked.origin, visit.campaign):
            return None
        try:
            languages = languages_in(asked.accept_language)
            content = self._participants.show(visit, languages)
        except SessionExpired:
            return None
        own = _JSON_LINE
        for name, value in screen_headers(visit, languages).items():
            own += f"{name}: {value}\r\n"
        return self._answer(asked, "200 OK", own, encode(content))

    def _may_read(self, origin: str | None, campaign: Campaign) -> bool:
        return origin is None or may_use(origin, campaign, self._own_origin)

    def _send_away(self, request: OrdinaryRequest) -> bytes:
        origin = any_origin(request.headers.get("origin"))
        return self._answers.refusal(self._shedding.send_away(), request.path, request_id_of(request), origin)

    def _failed(self, asked: _Asked, error: Exception) -> bytes:
        """Answer one whose session may have been committed: what it failed of is told here, and not tried again."""
        shown = error if isinstance(error, VestibuleError) else VestibuleError()
        made = problem_parts(shown, asked.path, asked.request_id)
        self.note(asked, made.status, error)
        return self._answers.problem(made, asked.request_id, asked.origin)

    def _answer(self, asked: _Asked, status: str, own: str, body: bytes) -> bytes:
        self.note(asked, int(status[:3]))
        return self._answers.spell(status, own, asked.request_id, asked.origin, body)

    def note(self, asked: _Asked, status: int, error: Exception | None = None) -> None:
        """Count and log how a request ended."""
        seconds = perf_counter() - asked.began_at
        self._observe(asked.method, asked.route, status, seconds)
        record(asked.request_id, asked.method, asked.route, status, seconds, error)


def _usual_token(request: OrdinaryRequest) -> str | None:
    """Return the token of a body as nearly everybody sends it, its characters not yet looked at; None for any other."""
    kind, body = media_type(request), request.body
    if kind == JWT:
        return body.decode("ascii", "replace")
    if kind != JSON:
        return None
    if body.startswith(_OPENING) and body.endswith(_CLOSING):  # what JSON would read otherwise is no token's character
        return body[len(_OPENING) : -len(_CLOSING)].decode("ascii", "replace")
    usual = USUAL_BODY.fullmatch(body)
    return usual[1].decode("ascii") if usual else None
