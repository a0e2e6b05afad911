"""Dead letters and their replays over HTTP, and the timeline of one session.

Thin: reads the request, calls the step in a thread, writes the answer. How each thing is shown is decided in
`app/steps/replay_views.py`, which the command line shares.
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from aiohttp import web

from app.documents.replay import parse_letter_query, parse_replay_order
from app.domain.replay import ReplayCommand
from app.errors import ReplayUnknown, SessionUnknown
from app.steps.authorize import Caller
from app.steps.dead_letters import ListDeadLetters, ReadDeadLetter
from app.steps.replay import StartReplay
from app.steps.replay_views import letter_view, plan_view, progress_view
from app.steps.steer_replay import SteerReplays
from app.steps.timeline import TellTimeline
from app.web.bearer import BearerGuard
from app.web.bodies import json_response, read_json, single_query
from app.web.openapi.operation import OperationRoute
from app.web.openapi.replays import (
    GET_REPLAY,
    LIST_LETTERS,
    READ_LETTER,
    START_REPLAY,
    STEER_REPLAY,
    TELL_TIMELINE,
)
from app.web.store_threads import StoreThreads

MAX_BODY_BYTES: Final = 16 * 1024
_ACCEPTED = 202
_ID = re.compile(r"[a-z0-9_]{1,64}")
"""What no store would find is not asked for: PostgreSQL refuses a NUL with an error."""


@dataclass(frozen=True, slots=True)
class ReplayCalls:
    """The calls, on the steps behind them; `flush_reads` lets the timelines know of the reads that this process saw."""

    letters: ListDeadLetters
    letter: ReadDeadLetter
    start: StartReplay
    steering: SteerReplays
    timeline: TellTimeline
    threads: StoreThreads
    flush_reads: Callable[[], Awaitable[None]]

    def routes(self, guard: BearerGuard) -> list[OperationRoute]:
        """Return the routes."""
        return [
            guard.serves(LIST_LETTERS, self.load_page),
            guard.serves(READ_LETTER, self.read),
            guard.serves(START_REPLAY, self.post),
            guard.serves(GET_REPLAY, self.get),
            *(guard.serves(operation, partial(self.steer, command)) for command, operation in STEER_REPLAY.items()),
            guard.serves(TELL_TIMELINE, self.tell),
        ]

    async def load_page(self, request: web.Request, caller: Caller) -> web.Response:
        """Answer with a page of the list of dead letters."""
        asked = parse_letter_query(single_query(request))
        page = await self.threads.call(partial(self.letters, asked.wanted, caller, asked.after, asked.limit))
        cursor = None if page.after is None else urlsafe_b64encode(page.after.encode()).decode()
        return json_response({"items": [letter_view(listed) for listed in page.letters], "cursor": cursor})

    async def read(self, request: web.Request, caller: Caller) -> web.Response:
        """Answer with what became of a dead letter."""
        return json_response(await self.threads.call(partial(self.letter, _session_id(request), caller)))

    async def post(self, request: web.Request, caller: Caller) -> web.Response:
        """Start a replay, or only count what it would do."""
        order = parse_replay_order(await read_json(request, MAX_BODY_BYTES))
        plan = await self.threads.call(partial(self.start, order, caller))
        headers = None if plan.replay_id is None else {"Location": f"/v1/replays/{plan.replay_id}"}
        return json_response(plan_view(plan), _ACCEPTED, headers)

    async def get(self, request: web.Request, caller: Caller) -> web.Response:
        """Answer with how far a replay is."""
        found = await self.threads.call(partial(self.steering.find, _replay_id(request), caller))
        return json_response(progress_view(found))

    async def steer(self, command: ReplayCommand, request: web.Request, caller: Caller) -> web.Response:
        """Pause, resume or cancel a replay."""
        steered = await self.threads.call(partial(self.steering.steer, _replay_id(request), command, caller))
        return json_response(progress_view(steered))

    async def tell(self, request: web.Request, caller: Caller) -> web.Response:
        """Answer with the timeline of a session."""
        await self.flush_reads()
        events = await self.threads.call(partial(self.timeline, _session_id(request), caller))
        return json_response({"events": events})


def _session_id(request: web.Request) -> str:
    session_id = request.match_info["session_id"]
    if not _ID.fullmatch(session_id):
        raise SessionUnknown("There is no session of this id.")
    return session_id


def _replay_id(request: web.Request) -> str:
    if not _ID.fullmatch(request.match_info["id"]):
        raise ReplayUnknown
    return request.match_info["id"]
