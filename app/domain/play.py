"""What becomes of a wish to play: on which terms a session plays, and what is found when the store has counted.

Knows no store: what must be counted in one transaction with the record is decided by `judge_play`, called inside it.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from app.domain.campaign import MAX_SESSION_TTL, Campaign, Mode
from app.domain.participation import Limit, decide_participation
from app.domain.partner import MAX_LEEWAY
from app.domain.session import Outcome, StoredSession, TokenStatus
from app.reasons import TokenReason

FOREVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
_LONGEST_AFTER_EXP: Final = MAX_LEEWAY + MAX_SESSION_TTL
"""A session opened with a token may live on so long after its `exp`, however the documents change meanwhile."""


class PlayRefusal(StrEnum):
    """Why a participation is not recorded, or would not have been were it enforced."""

    NOT_SETTLED = "not_settled"  # the token is not judged yet
    TOKEN_REJECTED = "token_rejected"  # noqa: S105 - a reason, not a password
    TOKEN_REUSED = "token_reused"  # noqa: S105 - likewise
    NOT_ELIGIBLE = "not_eligible"
    LIMIT_REACHED = "limit_reached"


@dataclass(frozen=True, slots=True)
class TokenUse:
    """The token of single use that a play uses up, remembered until no session of it can be left."""

    jti_digest: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Play:
    """A participation to be recorded, judged in all but what only the store can count.

    `counted_as` is the digest of the participant, or the session's id where nobody was recognised. Where nothing is
    enforced it is recorded whatever is found, and `waived` is what was found already.
    """

    id: str
    session_id: str
    campaign_id: str
    partner_id: str
    counted_as: str
    at: datetime
    limit: Limit = field(default_factory=Limit)
    use: TokenUse | None = None
    repeat_digest: str | None = None
    is_enforced: bool = True
    waived: PlayRefusal | None = None


@dataclass(frozen=True, slots=True)
class Played:
    """A participation that stands recorded, the `used`-th of its participant; `remaining` is None without a limit.

    `waived` is what was found and not enforced. `is_repeat` tells that it stood before: the request was made again.
    """

    id: str
    used: int
    remaining: int | None
    waived: PlayRefusal | None = None
    is_repeat: bool = False


def prepare_play(
    session: StoredSession, campaign: Campaign, id_: str, repeat_digest: str | None, now: datetime
) -> Play | PlayRefusal:
    """Return what is to be recorded as participation `id_`, or why nothing is, by the campaign as it stands now."""
    refusal = _refusal_of(session.outcome, campaign.mode)
    is_enforced = campaign.mode is not Mode.REPORT_ONLY
    if refusal is not None and is_enforced:
        return refusal
    accepted = session.outcome if session.outcome and session.outcome.token_status is TokenStatus.ACCEPTED else None
    return Play(
        id=id_,
        session_id=session.id,
        campaign_id=session.campaign_id,
        partner_id=session.partner_id,
        counted_as=(session.participant_digest if accepted else None) or session.id,
        at=now,
        limit=accepted.ticket.limit if accepted else Limit(),
        use=_use_of(accepted) if accepted and campaign.single_use else None,
        repeat_digest=repeat_digest,
        is_enforced=is_enforced,
        waived=refusal,
    )


def judge_play(play: Play, used: int, *, is_reused: bool) -> PlayRefusal | None:
    """Return what speaks against `play` after `used` participations; `is_reused` tells of its token of single use.

    The token is judged before the participant, as it was at load.
    """
    if is_reused:
        return PlayRefusal.TOKEN_REUSED
    reason = decide_participation(play.limit, used).reason
    return None if reason is None else PlayRefusal(reason.value)


def played(play: Play, used: int, found: PlayRefusal | None) -> Played:
    """Return `play` as the `used`-th participation."""
    nb = play.limit.nb
    return Played(play.id, used, None if nb is None else max(0, nb - used), play.waived or found)


def _refusal_of(outcome: Outcome | None, mode: Mode) -> PlayRefusal | None:
    """Return what the token alone says; an accepted one whose participant may not play is found by counting."""
    if outcome is None:
        return PlayRefusal.NOT_SETTLED
    match outcome.token_status:
        case TokenStatus.REJECTED if mode is not Mode.OPTIONAL:
            is_reused = outcome.token_reason is TokenReason.TOKEN_REUSED
            return PlayRefusal.TOKEN_REUSED if is_reused else PlayRefusal.TOKEN_REJECTED
        case TokenStatus.ANONYMOUS if mode is Mode.REQUIRED:
            return PlayRefusal.TOKEN_REJECTED  # the session was opened while the campaign demanded no token
        case TokenStatus.PENDING:
            return PlayRefusal.NOT_SETTLED
        case _:
            return None


def _use_of(outcome: Outcome) -> TokenUse | None:
    """Return the use of a token; None where the campaign became one of single use after it was accepted without jti."""
    ticket = outcome.ticket
    if ticket.jti_digest is None:
        return None
    ends_at = min(ticket.expires_at or FOREVER, FOREVER - _LONGEST_AFTER_EXP)
    return TokenUse(ticket.jti_digest, ends_at + _LONGEST_AFTER_EXP)
