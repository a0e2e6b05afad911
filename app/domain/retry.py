"""After a failed prefill call: again, and when, or never? A value, computed without sleeping."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.reasons import PrefillReason

TRIES_WHILE_WAITING = 3
BASE_WHILE_WAITING = timedelta(seconds=0.5)
LATER_DELAYS = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(minutes=30))
MAX_RETRY_AFTER = timedelta(hours=1)
MAX_INTERNAL_TRIES = 3
YOUNG = timedelta(seconds=60)
"""An access token this young may not have reached the partner's own replicas yet, so a 401 is tried once more."""

FINAL_CLASSES = frozenset({PrefillReason.HTTP_4XX, PrefillReason.CONTRACT, PrefillReason.POLICY, PrefillReason.POISON})
"""What a later call with the same token would meet again, unless somebody changes something."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed call: its class, which attempt it was (from 1), and what the session allows.

    One that `was_cut_off` by ourselves says nothing about the next one.
    """

    error_class: PrefillReason
    attempt: int
    received_at: datetime
    deadline_at: datetime
    ends_at: datetime
    retry_after: timedelta | None = None
    was_cut_off: bool = False


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The call is made again at `due_at`; `while_waiting` tells whether the participant may still be at the form."""

    due_at: datetime
    while_waiting: bool


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The session becomes a dead letter of this class."""

    error_class: PrefillReason


RetryDecision = TryAgain | GiveUp


def decide_retry(failure: Failure, now: datetime, jitter: float) -> RetryDecision:
    """Decide by class, attempt and the two schedules; `jitter` in [0, 1) is full jitter. Never past `ends_at`."""
    if not _may_pass(failure, now):
        return GiveUp(failure.error_class)
    retry_after = min(failure.retry_after or timedelta(0), MAX_RETRY_AFTER)
    if failure.attempt < TRIES_WHILE_WAITING:
        soon = now + max(BASE_WHILE_WAITING * 2 ** (failure.attempt - 1) * jitter, retry_after)
        if soon < min(failure.deadline_at, failure.ends_at):
            return TryAgain(soon, while_waiting=True)
    index = max(0, failure.attempt - TRIES_WHILE_WAITING)
    if index >= len(LATER_DELAYS):
        return GiveUp(failure.error_class)
    # Not before the deadline: what full jitter makes short would be one try more while the participant waits.
    later = max(now + max(LATER_DELAYS[index] * jitter, retry_after), failure.deadline_at)
    return TryAgain(later, while_waiting=False) if later < failure.ends_at else GiveUp(failure.error_class)


def _may_pass(failure: Failure, now: datetime) -> bool:
    match failure.error_class:
        case PrefillReason.AUTH:
            return failure.attempt == 1 and now - failure.received_at < YOUNG
        case PrefillReason.INTERNAL:
            return failure.was_cut_off or failure.attempt < MAX_INTERNAL_TRIES
        case error_class:
            return error_class not in FINAL_CLASSES
