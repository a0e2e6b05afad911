"""May this participant play? The truth table of `limit`, and what a campaign's mode makes of it."""

from dataclasses import field
from datetime import datetime

from app.domain.campaign import Mode
from app.reasons import ParticipationReason
from app.values import light_value


@light_value
class Limit:
    """The `limit` claim: at most `nb` participations; `can_play` False forbids whatever `nb` says."""

    nb: int | None = None
    can_play: bool | None = None


@light_value
class Ticket:
    """What an accepted token leaves for the moment of playing, when it is gone itself; `expires_at` is its `exp`."""

    limit: Limit = Limit()
    jti_digest: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None


@light_value
class Verdict:
    """Whether the participant may play, why not, and how many participations are left (None: not limited)."""

    allowed: bool
    reason: ParticipationReason | None = None
    remaining: int | None = None


NO_TICKET = Ticket()
ALLOWED = Verdict(allowed=True)
TOKEN_REJECTED = Verdict(allowed=False, reason=ParticipationReason.TOKEN_REJECTED)


def decide_participation(limit: Limit, used: int) -> Verdict:
    """Decide by the truth table; `used` counts the participations of this (campaign, partner, sub)."""
    if limit.can_play is False:
        return Verdict(allowed=False, reason=ParticipationReason.NOT_ELIGIBLE)
    if limit.nb is None:
        return ALLOWED
    if used < limit.nb:
        return Verdict(allowed=True, remaining=limit.nb - used)
    return Verdict(allowed=False, reason=ParticipationReason.LIMIT_REACHED, remaining=0)


def may_play(verdict: Verdict, mode: Mode) -> bool:
    """Tell whether `mode` lets a participant with `verdict` play; optional forgives a rejected token."""
    match mode:
        case Mode.REPORT_ONLY:
            return True
        case Mode.OPTIONAL:
            return verdict.allowed or verdict.reason is ParticipationReason.TOKEN_REJECTED
        case Mode.REQUIRED:
            return verdict.allowed
