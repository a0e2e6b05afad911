"""The participants' operations: a token comes in, a session is read, somebody plays."""

import re
from typing import Annotated, Any, Final

from pydantic import Field

from app import errors, play_errors
from app.domain.prefill import PrefillSource, PrefillStatus
from app.domain.session import TokenStatus
from app.reasons import ParticipationReason, PrefillReason, TokenReason
from app.web.openapi import parameters
from app.web.openapi.operation import JSON, Content, Operation, Parameter, Security, Tag, json_answer
from app.web.openapi.shapes import Count, Moment, ScreenShape, Shape
from app.web.problems import CONTENT_LANGUAGE

MAX_WAIT_SECONDS: Final = 25
"""How long a read may wait for a session to settle."""
JWT: Final = "application/jwt"
IDEMPOTENCY_KEY: Final = re.compile(r"[!-~]{1,255}")


class OpenedShape(Shape):
    """A session that is committed."""

    session_id: str
    session_key: str = Field(description="Opens the session; stored nowhere on our side.")
    expires_at: Moment
    poll_after_ms: Count


class TokenShape(Shape):
    """What became of the token; `reason` says why it was rejected."""

    status: TokenStatus
    reason: TokenReason | None
    encrypted: bool


class VerdictShape(Shape):
    """Whether the participant may play; `remaining` is null without a limit."""

    allowed: bool
    reason: ParticipationReason | None
    remaining: Count | None
    enforced: bool = Field(default=True, description="False where the campaign's mode is report_only; else not there.")


class GiftShape(Shape):
    """The claim `gift`."""

    label: str | None
    can_win: bool | None


class PrefillShape(Shape):
    """What fills the form; `warnings` name what was left out."""

    status: PrefillStatus
    source: PrefillSource | None
    reason: PrefillReason | None
    form: dict[str, str]
    optin: dict[str, str]
    warnings: list[str]


class SessionShape(Shape):
    """A session as its participant sees it; members that are not known yet are null."""

    session_id: str
    campaign_id: str
    settled: bool = Field(description="Nothing more will change by itself.")
    token: TokenShape
    participation: VerdictShape | None
    gift: GiftShape | None
    custom: dict[str, Any] | None
    prefill: PrefillShape
    screen: ScreenShape | None
    expires_at: Moment


class PlayedShape(Shape):
    """A participation that is committed; `remaining` is null without a limit."""

    participation_id: str
    used: Annotated[int, Field(ge=1)]
    remaining: Count | None


PREFILL_EXAMPLE: Final[dict[str, Any]] = {
    "status": "ready",
    "source": "token",
    "reason": None,
    "form": {"firstname": "Ada"},
    "optin": {"newsletter": "1"},
    "warnings": [],
}
_COMPACT: Final = r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){2,4}"
"""JWS or JWE compact serialization (RFC 7515, RFC 7516), of at most 16 KiB."""
_TOKEN_BODY: Final = {
    "type": "object",
    "properties": {"token": {"type": "string", "description": "The secure token: a compact JWS or JWE."}},
    "additionalProperties": False,
}
_OPENED: Final = {
    "session_id": parameters.SESSION,
    "session_key": "0a1b2c3d.9tEgVx0cQmC1bq3o0GkM5n8yq1bqJY0oQy4c0fVbW1s",
    "expires_at": parameters.MOMENT,
    "poll_after_ms": 50,
}
SESSION: Final = {
    "session_id": parameters.SESSION,
    "campaign_id": parameters.CAMPAIGN,
    "settled": True,
    "token": {"status": "accepted", "reason": None, "encrypted": False},
    "participation": {"allowed": True, "reason": None, "remaining": 1},
    "gift": {"label": "Spa day", "can_win": True},
    "custom": {},
    "prefill": PREFILL_EXAMPLE,
    "screen": None,
    "expires_at": parameters.MOMENT,
}
_IDEMPOTENCY_KEY: Final = Parameter(
    name="Idempotency-Key",
    place="header",
    description="A name of the caller's for this request: made again under the same one, it is answered as before.",
    schema=parameters.text(IDEMPOTENCY_KEY.pattern),
    example="5b1f0a3e-6f0d-4b7a-9f5c-2f4f3c1e7d10",
)
_WAIT: Final = Parameter(
    name="wait",
    place="query",
    description="How many seconds to wait at most for the session to settle.",
    schema={"type": "number", "minimum": 0, "maximum": MAX_WAIT_SECONDS, "multipleOf": 0.001, "default": 0},
    example=10,
)

OPEN_SESSION: Final = Operation(
    method="POST",
    path="/v1/campaigns/{campaign_id}/sessions",
    id="openSession",
    tag=Tag.PARTICIPANTS,
    summary="Open a session",
    description=(
        "Takes a secure token in and answers once the session is committed. Without a token a campaign in mode "
        "`optional` or `report_only` opens an anonymous session."
    ),
    parameters=(parameters.CAMPAIGN_ID, _IDEMPOTENCY_KEY),
    body={
        JSON: Content(_TOKEN_BODY, {"token": {"token": parameters.JWS}, "anonymous": {}}),
        JWT: Content({"type": "string", "pattern": parameters.whole(_COMPACT)}, {"token": parameters.JWS}),
    },
    answers=(json_answer(202, "The session is committed.", OpenedShape, _OPENED, {"Location": parameters.LOCATION}),),
    errors=(
        errors.OriginNotAllowed,
        errors.CampaignUnknown,
        errors.TokenTooLarge,
        errors.TokenMalformed,
        errors.TokenMissing,
        errors.Overloaded,
        errors.RateLimited,
    ),
)

READ_SESSION: Final = Operation(
    method="GET",
    path="/v1/sessions/{session_id}",
    id="readSession",
    tag=Tag.PARTICIPANTS,
    summary="Read a session",
    description=(
        "Answers as soon as the session is settled, at the latest at the end of the wait. An unknown id and a wrong "
        "key are answered alike."
    ),
    parameters=(parameters.SESSION_ID, _WAIT),
    security=Security.SESSION_KEY,
    answers=(
        json_answer(
            200,
            "The session as it stands.",
            SessionShape,
            SESSION,
            {CONTENT_LANGUAGE: parameters.SCREEN_LANGUAGE},
        ),
    ),
    errors=(
        errors.OriginNotAllowed,
        errors.SessionUnknown,
        errors.SessionExpired,
        errors.RequestInvalid,
        errors.Overloaded,
    ),
)

RECORD_PARTICIPATION: Final = Operation(
    method="POST",
    path="/v1/sessions/{session_id}/participations",
    id="recordParticipation",
    tag=Tag.PARTICIPANTS,
    summary="Play",
    description=(
        "Records that the participant starts to play, or submits. The verdict is repeated at this moment, atomically. "
        "Needs no body; an empty object is taken too."
    ),
    parameters=(parameters.SESSION_ID, _IDEMPOTENCY_KEY),
    security=Security.SESSION_KEY,
    body={JSON: Content({"type": "object", "maxProperties": 0}, {"nothing": {}})},
    body_required=False,
    answers=(
        json_answer(
            201,
            "The participation is committed.",
            PlayedShape,
            {"participation_id": "par_01k83tq2c5v0r0g6h6i8c2b4n6", "used": 1, "remaining": 0},
        ),
    ),
    errors=(
        errors.OriginNotAllowed,
        errors.SessionUnknown,
        errors.SessionExpired,
        play_errors.NotSettled,
        play_errors.SessionRejected,
        play_errors.TokenReused,
        play_errors.NotEligible,
        play_errors.LimitReached,
        errors.Overloaded,
    ),
)
