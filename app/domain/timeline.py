"""What happened to one session, and when: its events in the order in which they happened; nothing of a person."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.session import Stage, TokenStatus, rfc3339
from app.reasons import PrefillReason, TokenReason

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """One outside call that was made; `number` begins anew with a replay."""

    number: int
    started_at: datetime
    duration: timedelta
    error_class: PrefillReason | None
    status: int | None


@dataclass(frozen=True, slots=True)
class SessionHistory:
    """What is known of a session's past.

    `settled_at` is when it last came into a terminal stage, `read_at` when its participant was first shown it settled.
    """

    session_id: str
    partner_id: str
    campaign_id: str
    stage: Stage
    received_at: datetime
    expires_at: datetime
    token_status: TokenStatus | None
    token_reason: TokenReason | None
    error_class: PrefillReason | None
    verified_at: datetime | None
    replayed_at: datetime | None
    replay_id: str | None
    settled_at: datetime | None
    read_at: datetime | None
    attempts: Sequence[PastAttempt]


def timeline(history: SessionHistory) -> list[dict[str, object]]:
    """Return the events, each with `at` and `event` and what belongs to it, the earliest first."""
    return [
        {"at": rfc3339(at), **event} for at, event in sorted(_events(history), key=lambda at_and_event: at_and_event[0])
    ]


def _events(history: SessionHistory) -> Iterator[tuple[datetime, dict[str, object]]]:
    yield history.received_at, {"event": "received"}
    if history.verified_at is not None:
        judged = {"token_status": history.token_status, "reason": history.token_reason}
        yield history.verified_at, {"event": "verified", **judged}
    for attempt in history.attempts:
        yield attempt.started_at, _attempted(attempt)
    if history.replayed_at is not None:
        yield history.replayed_at, {"event": "replayed", "replay_id": history.replay_id}
    if history.settled_at is not None:
        yield history.settled_at, {"event": "saved", "stage": history.stage, "error_class": history.error_class}
    if history.read_at is not None:
        yield history.read_at, {"event": "read"}


def _attempted(attempt: PastAttempt) -> dict[str, object]:
    return {
        "event": "attempted",
        "attempt": attempt.number,
        "error_class": attempt.error_class,
        "status": attempt.status,
        "duration_ms": round(attempt.duration / _MILLISECOND, 1),
    }
