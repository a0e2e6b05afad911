"""The operations on partners in trouble: stopped and started by hand, and how the delivery is."""

from typing import Final

from app import errors
from app.domain.breaker import BreakerState
from app.domain.scopes import Scope
from app.domain.session import TokenStatus
from app.reasons import PrefillReason, TokenReason
from app.web.openapi import parameters
from app.web.openapi.operation import ManagementOperation, Tag, json_answer
from app.web.openapi.shapes import Count, Moment, Shape


class ByPriorityShape(Shape):
    """Counts by priority."""

    fresh: Count
    retry: Count
    replay: Count


class StagesShape(Shape):
    """How many sessions are in which stage."""

    verify: ByPriorityShape
    fetch: ByPriorityShape
    done: Count
    dead: Count


class BreakerShape(Shape):
    """What the breaker does with calls to the partner."""

    state: BreakerState
    opened_until: Moment | None
    openings: Count


class PartnerHealthShape(Shape):
    """How a partner is; `errors` are those of the last five minutes."""

    partner_id: str
    in_flight: Count
    max_concurrency: Count
    rate_per_second: float | None
    due: ByPriorityShape
    later: ByPriorityShape
    breaker: BreakerShape
    retry_bank: float
    paused: bool
    paused_until: Moment | None
    paused_by: str | None
    errors: dict[PrefillReason, Count]


class TokensShape(Shape):
    """What became of a partner's tokens: the reason of each refusal, else the status."""

    partner_id: str
    verdicts: dict[TokenStatus | TokenReason, Count]


class StatsShape(Shape):
    """How the delivery is; a client that is bound to one partner sees that partner, and no stages.

    `tokens` are those of the last five minutes.
    """

    at: Moment
    counted_at_most: Count
    stages: StagesShape | None
    partners: list[PartnerHealthShape]
    tokens: list[TokensShape]


_NONE: Final = {"fresh": 0, "retry": 0, "replay": 0}
_HEALTH: Final = {
    "partner_id": parameters.PARTNER,
    "in_flight": 3,
    "max_concurrency": 50,
    "rate_per_second": None,
    "due": _NONE,
    "later": {**_NONE, "retry": 1},
    "breaker": {"state": "closed", "opened_until": None, "openings": 0},
    "retry_bank": 98.4,
    "paused": False,
    "paused_until": None,
    "paused_by": None,
    "errors": {"timeout": 2},
}
_STATS: Final = {
    "at": parameters.MOMENT,
    "counted_at_most": 10000,
    "stages": {"verify": {**_NONE, "fresh": 12}, "fetch": {**_NONE, "fresh": 3}, "done": 731, "dead": 0},
    "partners": [_HEALTH],
    "tokens": [{"partner_id": parameters.PARTNER, "verdicts": {"accepted": 731, "pending": 12, "token_expired": 3}}],
}


def _by_hand(command: str, summary: str, description: str) -> ManagementOperation:
    return ManagementOperation(
        method="POST",
        path=f"/v1/partners/{{partner_id}}/{command}",
        id=f"{command}Partner",
        tag=Tag.DELIVERY,
        summary=summary,
        description=description,
        scope=Scope.PARTNERS_WRITE,
        parameters=(parameters.PARTNER_ID,),
        answers=(json_answer(200, "How the partner is.", PartnerHealthShape, _HEALTH),),
        errors=(errors.PartnerUnknown,),
    )


PAUSE_PARTNER: Final = _by_hand(
    "pause", "Stop calling a partner", "In all processes, until somebody resumes; sessions wait and lose no attempt."
)
RESUME_PARTNER: Final = _by_hand(
    "resume", "Call a partner again", "Ends any pause, whoever made it, and closes the breaker."
)
SHOW_STATS: Final = ManagementOperation(
    method="GET",
    path="/v1/stats",
    id="getStats",
    tag=Tag.DELIVERY,
    summary="How the delivery is",
    scope=Scope.STATS_READ,
    answers=(json_answer(200, "All figures.", StatsShape, _STATS),),
)
