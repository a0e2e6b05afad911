"""The operations on dead letters and their replays, and the timeline of a session."""

from typing import Final, Literal

from pydantic import Field

from app import errors
from app.documents.replay import LetterQuery, ReplayDocument
from app.domain.dead_letter import SkipReason
from app.domain.replay import ReplayCommand, ReplayState
from app.domain.scopes import Scope
from app.domain.session import Stage, TokenStatus
from app.reasons import PrefillReason, TokenReason
from app.web.openapi import parameters
from app.web.openapi.operation import Header, ManagementOperation, Parameter, Tag, json_answer, json_content
from app.web.openapi.queries import query_parameters
from app.web.openapi.sessions import PREFILL_EXAMPLE, PrefillShape
from app.web.openapi.shapes import Count, Moment, Shape


class LetterShape(Shape):
    """A dead letter; `skip_reason` says why a replay would pass it over."""

    session_id: str
    partner_id: str
    campaign_id: str
    error_class: PrefillReason
    attempts: Count
    received_at: Moment
    died_at: Moment
    expires_at: Moment
    replayable: bool
    skip_reason: SkipReason | None


class LetterPageShape(Shape):
    """A page of the list of dead letters."""

    items: list[LetterShape]
    cursor: str | None


class ReadLetterShape(Shape):
    """What became of a dead letter."""

    session_id: str
    partner_id: str
    campaign_id: str
    stage: Stage
    error_class: PrefillReason | None
    received_at: Moment
    expires_at: Moment
    prefill: PrefillShape


class PlanShape(Shape):
    """What a replay will do; `replay_id` is null for a dry run."""

    replay_id: str | None
    matched: Count
    skipped: Count
    by_error_class: dict[PrefillReason, Count]
    by_skip_reason: dict[SkipReason, Count]


class ReplayShape(Shape):
    """How far a replay is: `matched` = `moved` + `skipped` + `left`."""

    replay_id: str
    state: ReplayState
    filter: dict[str, str]
    rate_per_second: float
    force: bool
    started_by: str
    matched: Count
    moved: Count
    skipped: Count
    left: Count
    waiting: Count
    done: Count
    dead: Count
    created_at: Moment
    updated_at: Moment


class TimelineEventShape(Shape):
    """Something that happened to a session; the other members depend on the event."""

    at: Moment
    event: Literal["received", "verified", "attempted", "replayed", "saved", "read"]
    token_status: TokenStatus | None = None
    reason: TokenReason | None = None
    attempt: int | None = None
    error_class: PrefillReason | None = None
    status: int | None = Field(default=None, description="The HTTP status of the partner's answer.")
    duration_ms: float | None = None
    replay_id: str | None = None
    stage: Stage | None = None


class TimelineShape(Shape):
    """What happened to a session, the earliest first."""

    events: list[TimelineEventShape]


_LETTER: Final = {
    "session_id": parameters.SESSION,
    "partner_id": parameters.PARTNER,
    "campaign_id": parameters.CAMPAIGN,
    "error_class": "timeout",
    "attempts": 7,
    "received_at": parameters.MOMENT,
    "died_at": parameters.MOMENT,
    "expires_at": parameters.MOMENT,
    "replayable": True,
    "skip_reason": None,
}
_READ_LETTER: Final = {
    "session_id": parameters.SESSION,
    "partner_id": parameters.PARTNER,
    "campaign_id": parameters.CAMPAIGN,
    "stage": "dead",
    "error_class": "timeout",
    "received_at": parameters.MOMENT,
    "expires_at": parameters.MOMENT,
    "prefill": {
        **PREFILL_EXAMPLE,
        "status": "unavailable",
        "source": None,
        "reason": "timeout",
        "form": {},
        "optin": {},
    },
}
_FILTER: Final = {"partner_id": parameters.PARTNER, "error_class": "timeout"}
_PLAN: Final = {
    "replay_id": parameters.REPLAY,
    "matched": 120,
    "skipped": 3,
    "by_error_class": {"timeout": 120},
    "by_skip_reason": {"session_expired": 3},
}
_REPLAY: Final = {
    "replay_id": parameters.REPLAY,
    "state": "running",
    "filter": _FILTER,
    "rate_per_second": 20,
    "force": False,
    "started_by": "admin",
    "matched": 120,
    "moved": 60,
    "skipped": 2,
    "left": 58,
    "waiting": 5,
    "done": 50,
    "dead": 5,
    "created_at": parameters.MOMENT,
    "updated_at": parameters.MOMENT,
}
_TIMELINE: Final = {
    "events": [
        {"at": parameters.MOMENT, "event": "received"},
        {"at": parameters.MOMENT, "event": "verified", "token_status": "accepted", "reason": None},
        {
            "at": parameters.MOMENT,
            "event": "attempted",
            "attempt": 1,
            "error_class": None,
            "status": 200,
            "duration_ms": 41.5,
        },
        {"at": parameters.MOMENT, "event": "saved", "stage": "done", "error_class": None},
    ]
}
_REPLAY_ID: Final = Parameter(
    name="id",
    place="path",
    description="The replay's id.",
    schema=parameters.text("[a-z0-9_]{1,64}"),
    example=parameters.REPLAY,
    required=True,
)
_DONE: Final = {
    ReplayCommand.PAUSE: "Pause a replay",
    ReplayCommand.RESUME: "Resume a replay",
    ReplayCommand.CANCEL: "Cancel a replay",
}

LIST_LETTERS: Final = ManagementOperation(
    method="GET",
    path="/v1/dead-letters",
    id="listDeadLetters",
    tag=Tag.DELIVERY,
    summary="List dead letters",
    description="All conditions count together; `since` (inclusive) and `until` look at `died_at`.",
    scope=Scope.PREFILLS_READ,
    parameters=query_parameters(LetterQuery, {"error_class": ("That failed in this way.", "timeout")}),
    answers=(json_answer(200, "A page of the list.", LetterPageShape, {"items": [_LETTER], "cursor": None}),),
    errors=(errors.RequestInvalid, errors.PartnerUnknown),
)
READ_LETTER: Final = ManagementOperation(
    method="GET",
    path="/v1/dead-letters/{session_id}",
    id="readDeadLetter",
    tag=Tag.DELIVERY,
    summary="Read a dead letter",
    description="With the prefill that it holds now. This is a person's data, so each read is audited.",
    scope=Scope.PREFILLS_READ,
    parameters=(parameters.SESSION_ID,),
    answers=(json_answer(200, "What became of it.", ReadLetterShape, _READ_LETTER),),
    errors=(errors.SessionUnknown,),
)
START_REPLAY: Final = ManagementOperation(
    method="POST",
    path="/v1/replays",
    id="startReplay",
    tag=Tag.DELIVERY,
    summary="Replay dead letters",
    description="The set is frozen at the start. With `dry_run` nothing is started; the answer tells what would be.",
    scope=Scope.PREFILLS_REPLAY,
    body=json_content(ReplayDocument, {"filter": _FILTER, "rate_per_second": 20, "force": False, "dry_run": False}),
    answers=(
        json_answer(
            202,
            "The replay is started, or was counted.",
            PlanShape,
            _PLAN,
            {"Location": Header("Where its progress is; not for a dry run.", parameters.text("/.*"), required=False)},
        ),
    ),
    errors=(errors.PartnerUnknown, errors.CampaignUnknown, errors.ReplayActive),
)
GET_REPLAY: Final = ManagementOperation(
    method="GET",
    path="/v1/replays/{id}",
    id="getReplay",
    tag=Tag.DELIVERY,
    summary="Read how far a replay is",
    scope=Scope.PREFILLS_REPLAY,
    parameters=(_REPLAY_ID,),
    answers=(json_answer(200, "How far it is.", ReplayShape, _REPLAY),),
    errors=(errors.ReplayUnknown,),
)
STEER_REPLAY: Final = {
    command: ManagementOperation(
        method="POST",
        path=f"/v1/replays/{{id}}/{command}",
        id=f"{command}Replay",
        tag=Tag.DELIVERY,
        summary=_DONE[command],
        scope=Scope.PREFILLS_REPLAY,
        parameters=(_REPLAY_ID,),
        answers=(json_answer(200, "How far it is.", ReplayShape, _REPLAY),),
        errors=(errors.ReplayUnknown, errors.ReplayOver),
    )
    for command in ReplayCommand
}
TELL_TIMELINE: Final = ManagementOperation(
    method="GET",
    path="/v1/sessions/{session_id}/timeline",
    id="getTimeline",
    tag=Tag.DELIVERY,
    summary="The timeline of a session",
    description="What happened to it, and when; nothing of a person.",
    scope=Scope.SESSIONS_READ,
    parameters=(parameters.SESSION_ID,),
    answers=(json_answer(200, "The events, the earliest first.", TimelineShape, _TIMELINE),),
    errors=(errors.SessionUnknown,),
)
