"""A session: one participant's visit. Its stages, what moves it, and what the public may see of it."""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from enum import IntEnum, StrEnum
from functools import lru_cache

from app.domain.campaign import Campaign, Mode
from app.domain.participation import NO_TICKET, Ticket, Verdict, may_play
from app.domain.prefill import (
    NO_PREFILL,
    Prefill,
    PrefillRequest,
    PrefillStatus,
    unavailable,
    with_earlier_warnings,
)
from app.domain.screens import ChosenScreen, screen_for
from app.domain.token import Gift
from app.reasons import PrefillReason, TokenReason
from app.values import light_value

MAX_CRASHES_IN_COMPANY = 2
"""A row whose work has killed its process this often is worked on alone; the next time it is dead, class `poison`."""


class Stage(StrEnum):
    """Where a session is, in journey order; it moves only forward, a replay being the one explicit exception."""

    VERIFY = "verify"  # the token waits to be judged
    FETCH = "fetch"  # judged and accepted; the participant's data is to be fetched
    DONE = "done"  # settled
    DEAD = "dead"  # settled; what failed can be replayed


class Priority(IntEnum):
    """Who goes first when there is more work than hands."""

    FRESH = 0  # a participant waits
    RETRY = 1
    REPLAY = 2


class TokenStatus(StrEnum):
    """What became of the token."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    ANONYMOUS = "anonymous"


@light_value
class Outcome:
    """What judging and fetching brought; sealed at rest, since it holds the participant's data."""

    token_status: TokenStatus
    verdict: Verdict
    token_reason: TokenReason | None = None
    gift: Gift | None = None
    custom: Mapping[str, object] = field(default_factory=dict, repr=False)
    prefill: Prefill = NO_PREFILL
    ticket: Ticket = NO_TICKET

    def with_prefill(self, prefill: Prefill) -> "Outcome":
        """Return the outcome with what a call brought, or none; what was left out of the token is told still."""
        return replace(self, prefill=with_earlier_warnings(prefill, self.prefill.warnings))


@light_value
class NewSession:
    """A session as it is taken in; `outcome` is set at once where there is no token to judge."""

    id: str
    campaign_id: str
    partner_id: str
    stage: Stage
    received_at: datetime
    deadline_at: datetime
    expires_at: datetime
    token: str | None = field(default=None, repr=False)
    outcome: Outcome | None = None
    repeat_digest: str | None = None


@light_value
class ClaimedSession:
    """A due session under our lease; `attempts` counts this claim, from 1, within the stage.

    One that `is_over` was claimed to be ended.
    """

    id: str
    campaign_id: str
    partner_id: str
    stage: Stage
    received_at: datetime
    deadline_at: datetime
    expires_at: datetime
    lease_token: str
    attempts: int
    crash_count: int
    token: str | None = field(default=None, repr=False)
    request: PrefillRequest | None = field(default=None, repr=False)
    outcome: Outcome | None = None
    priority: Priority = Priority.FRESH
    is_over: bool = False


@light_value
class SessionMove:
    """What a claim made of its session: one guarded update, which holds only while `lease_token` does.

    `stage` is the one moved to, `due_at` when it is looked at again (None in a terminal stage). A move always ends the
    lease. The token stays at rest only while `stage` is `verify`, the request only in `fetch` and `dead`.
    `parked_on` names the key source a session waits for. One that stays in its stage with neither that nor an
    `error_class` was put off: nothing was tried, and no attempt counts.
    """

    id: str
    lease_token: str
    stage: Stage
    due_at: datetime | None = None
    priority: Priority = Priority.FRESH
    outcome: Outcome | None = None
    request: PrefillRequest | None = field(default=None, repr=False)
    error_class: PrefillReason | None = None
    participant_digest: str | None = None
    key_thumbprint: str | None = None
    keyset_version: int | None = None
    parked_on: str | None = None


@light_value
class StoredSession:
    """A session as it is read."""

    id: str
    campaign_id: str
    partner_id: str
    stage: Stage
    encrypted: bool
    received_at: datetime
    deadline_at: datetime
    expires_at: datetime
    outcome: Outcome | None = None
    error_class: PrefillReason | None = None
    participant_digest: str | None = field(default=None, repr=False)


def is_poison(session: ClaimedSession) -> bool:
    """Tell whether the work on `session` killed its process once too often."""
    return session.crash_count > MAX_CRASHES_IN_COMPANY


def is_settled(session: StoredSession, now: datetime) -> bool:
    """Tell whether nothing more will change by itself while the participant waits."""
    match session.stage:
        case Stage.DONE | Stage.DEAD:
            return True
        case Stage.FETCH:
            return now >= session.deadline_at
        case Stage.VERIFY:
            return False


def public_view(
    session: StoredSession, campaign: Campaign, now: datetime, languages: Sequence[str] = ()
) -> dict[str, object]:
    """Return the body of `GET /v1/sessions/{id}`; members that are not known yet are None."""
    outcome = session.outcome
    participation = None if outcome is None else participation_view(outcome.verdict, campaign.mode)
    status = TokenStatus.PENDING if outcome is None else outcome.token_status
    return {
        "session_id": session.id,
        "campaign_id": session.campaign_id,
        "settled": is_settled(session, now),
        "token": {"status": status, "reason": outcome and outcome.token_reason, "encrypted": session.encrypted},
        "participation": participation,
        "gift": _gift(outcome.gift) if outcome and outcome.gift else None,
        "custom": None if outcome is None else dict(outcome.custom),
        "prefill": prefill_view(session, now),
        "screen": screen_view(outcome, campaign, languages),
        "expires_at": rfc3339(session.expires_at),
    }


def prefill_view(session: StoredSession, now: datetime) -> dict[str, object]:
    """Return the member `prefill` of the public view."""
    prefill = _prefill_now(session, now)
    return {
        "status": prefill.status,
        "source": prefill.source,
        "reason": prefill.reason,
        "form": dict(prefill.form),
        "optin": dict(prefill.optin),
        "warnings": list(prefill.warnings),
    }


def participation_view(verdict: Verdict, mode: Mode) -> dict[str, object]:
    """Return the member `participation` of the public view."""
    allowed = may_play(verdict, mode)
    shows_reason = not allowed or mode is Mode.REPORT_ONLY
    participation: dict[str, object] = {
        "allowed": allowed,
        "reason": verdict.reason if shows_reason else None,
        "remaining": verdict.remaining,
    }
    if mode is Mode.REPORT_ONLY:
        participation["enforced"] = False
    return participation


def screen_view(outcome: Outcome | None, campaign: Campaign, languages: Sequence[str]) -> dict[str, object] | None:
    """Return the member `screen` of the public view, in the first of `languages` that there is."""
    chosen = choose_screen(outcome, campaign, languages)
    if chosen is None:
        return None
    screen = chosen.screen
    return {"title": screen.title, "message": screen.message, "return_url": screen.return_url}


def choose_screen(outcome: Outcome | None, campaign: Campaign, languages: Sequence[str]) -> ChosenScreen | None:
    """Return the screen for one who may not play, with its language; None for everybody else."""
    if outcome is None or outcome.verdict.reason is None or may_play(outcome.verdict, campaign.mode):
        return None
    return screen_for(campaign, outcome.verdict.reason, languages)


@lru_cache(maxsize=256)
def rfc3339(moment: datetime) -> str:
    """Return `moment` (aware UTC) in the form that every interface shows, to the millisecond (RFC 3339)."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _gift(gift: Gift) -> dict[str, object]:
    return {"label": gift.label, "can_win": gift.can_win}


def _prefill_now(session: StoredSession, now: datetime) -> Prefill:
    if session.outcome is None:
        return Prefill(PrefillStatus.PENDING)
    prefill = session.outcome.prefill
    if prefill.status is PrefillStatus.PENDING and now >= session.deadline_at:
        return unavailable(session.error_class or PrefillReason.DEADLINE, prefill.warnings)
    return prefill
