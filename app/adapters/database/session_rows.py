"""Sessions as rows: which columns go in and out, in which order, and what is sealed on the way.

Rows here are plain tuples with aware times; how a database spells
them is for `sessions_postgres` and `sessions_sqlite`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import structlog

from app.adapters.database.outcomes import decode_outcome, decode_request, encode_outcome, encode_request
from app.domain.prefill import PrefillRequest
from app.domain.session import (
    MAX_CRASHES_IN_COMPANY,
    ClaimedSession,
    NewSession,
    Outcome,
    Priority,
    SessionMove,
    Stage,
    StoredSession,
)
from app.errors import SealBroken
from app.ports import Attempt, Sealing
from app.reasons import PrefillReason

Row = tuple[Any, ...]
Contents = tuple[str | None, PrefillRequest | None, Outcome | None]
Opened = TypeVar("Opened")

NEW_COLUMNS = {
    "id": "text",
    "campaign_id": "text",
    "partner_id": "text",
    "stage": "text",
    "encrypted": "boolean",
    "received_at": "timestamptz",
    "deadline_at": "timestamptz",
    "expires_at": "timestamptz",
    "due_at": "timestamptz",
    "token": "bytea",
    "result": "bytea",
    "token_status": "text",
    "token_reason": "text",
    "participation_reason": "text",
    "settled_at": "timestamptz",
}
MOVE_COLUMNS = {
    "id": "text",
    "lease_token": "text",
    "stage": "text",
    "due_at": "timestamptz",
    "priority": "smallint",
    "result": "bytea",
    "token_status": "text",
    "token_reason": "text",
    "participation_reason": "text",
    "request": "bytea",
    "bearer_expires_at": "timestamptz",
    "error_class": "text",
    "participant_digest": "text",
    "key_thumbprint": "text",
    "keyset_version": "integer",
    "parked_on": "text",
}
ATTEMPT_COLUMNS = {
    "session_id": "text",
    "partner_id": "text",
    "number": "integer",
    "started_at": "timestamptz",
    "duration_micros": "bigint",
    "error_class": "text",
    "status": "integer",
}
CLAIMED_COLUMNS = (
    "id",
    "campaign_id",
    "partner_id",
    "stage",
    "received_at",
    "deadline_at",
    "expires_at",
    "lease_token",
    "attempts",
    "crash_count",
    "token",
    "prefill_request",
    "result",
    "priority",
    "due_at",
)
STORED_COLUMNS = (
    "id",
    "campaign_id",
    "partner_id",
    "stage",
    "encrypted",
    "received_at",
    "deadline_at",
    "expires_at",
    "participant_digest",
    "result",
    "error_class",
)
STORED_EXPRESSIONS = (
    *STORED_COLUMNS[:-1],
    # Why a session that nobody has called for yet still waits; asked for where it is, since thousands wait together.
    """CASE WHEN error_class IS NULL AND stage = 'fetch' AND EXISTS (
        SELECT 1 FROM partner_health h
        WHERE h.partner_id = sessions.partner_id AND (h.opened_until IS NOT NULL OR h.paused_by IS NOT NULL)
    ) THEN 'breaker_open' ELSE error_class END AS error_class""",
)
_STAGES = {stage.value: stage for stage in Stage}
_PRIORITIES = {priority.value: priority for priority in Priority}
_log = structlog.get_logger()
_DOTS_OF_JWE = 4
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class SessionRows:
    """Turns sessions into rows and back; token, request and result are sealed for their row and column."""

    sealing: Sealing

    def from_new(self, session: NewSession) -> Row:
        """Return the row of NEW_COLUMNS."""
        token, outcome = session.token, session.outcome
        is_settled = session.stage in (Stage.DONE, Stage.DEAD)
        return (
            session.id,
            session.campaign_id,
            session.partner_id,
            session.stage.value,
            token is not None and token.count(".") == _DOTS_OF_JWE,
            session.received_at,
            session.deadline_at,
            session.expires_at,
            None if is_settled else session.received_at,
            None if token is None else self.sealing.seal(token.encode(), f"sessions.token:{session.id}"),
            *self._from_outcome(session.id, outcome),
            session.received_at if is_settled else None,
        )

    def from_move(self, move: SessionMove) -> Row:
        """Return the row of MOVE_COLUMNS."""
        return (
            move.id,
            move.lease_token,
            move.stage.value,
            move.due_at,
            move.priority.value,
            *self._from_outcome(move.id, move.outcome),
            self._from_request(move.id, move.request),
            move.request and move.request.bearer_expires_at,
            move.error_class and move.error_class.value,
            move.participant_digest,
            move.key_thumbprint,
            move.keyset_version,
            move.parked_on,
        )

    def to_claimed(self, row: Row) -> ClaimedSession:
        """Return the session that a row of CLAIMED_COLUMNS holds; raise SealBroken."""
        id_, campaign_id, partner_id, stage, received_at, deadline_at, expires_at = row[:7]
        lease_token, attempts, crash_count, *contents = row[7:13]
        return ClaimedSession(
            id_,
            campaign_id,
            partner_id,
            _STAGES[stage],
            received_at,
            deadline_at,
            expires_at,
            lease_token,
            attempts,
            crash_count,
            *self._to_contents(id_, contents, crash_count),
            priority=_PRIORITIES[row[13]],
        )

    def to_stored(self, row: Row) -> StoredSession:
        """Return the session that a row of STORED_COLUMNS holds; raise SealBroken."""
        id_, campaign_id, partner_id, stage, encrypted, received_at, deadline_at, expires_at = row[:8]
        participant_digest, result, error_class = row[8:]
        return StoredSession(
            id_,
            campaign_id,
            partner_id,
            _STAGES[stage],
            bool(encrypted),
            received_at,
            deadline_at,
            expires_at,
            self._to_outcome(id_, result),
            error_class and PrefillReason(error_class),
            participant_digest,
        )

    def _to_contents(self, id_: str, contents: Sequence[bytes | None], crash_count: int) -> Contents:
        """Return token, request and outcome; nothing of a row to be ended because it cannot be opened."""
        token, request, result = contents
        try:
            return (
                None if token is None else self.sealing.open(token, f"sessions.token:{id_}").decode(),
                self._to_request(id_, request),
                self._to_outcome(id_, result),
            )
        except SealBroken:
            if crash_count <= MAX_CRASHES_IN_COMPANY:
                raise
            return None, None, None

    def _from_outcome(
        self, id_: str, outcome: Outcome | None
    ) -> tuple[bytes | None, str | None, str | None, str | None]:
        if outcome is None:
            return None, None, None, None
        reason, refusal = outcome.token_reason, outcome.verdict.reason
        return (
            self.sealing.seal(encode_outcome(outcome), f"sessions.result:{id_}"),
            outcome.token_status.value,
            reason and reason.value,
            refusal and refusal.value,
        )

    def _from_request(self, id_: str, request: PrefillRequest | None) -> bytes | None:
        if request is None:
            return None
        return self.sealing.seal(encode_request(request), f"sessions.prefill_request:{id_}")

    def _to_request(self, id_: str, sealed: bytes | None) -> PrefillRequest | None:
        if sealed is None:
            return None
        return decode_request(self.sealing.open(sealed, f"sessions.prefill_request:{id_}"))

    def _to_outcome(self, id_: str, sealed: bytes | None) -> Outcome | None:
        if sealed is None:
            return None
        return decode_outcome(self.sealing.open(sealed, f"sessions.result:{id_}"))


def from_attempt(attempt: Attempt) -> Row:
    """Return the row of ATTEMPT_COLUMNS."""
    return (
        attempt.session_id,
        attempt.partner_id,
        attempt.number,
        attempt.started_at,
        round(attempt.duration.total_seconds() * _MICROSECONDS),
        attempt.error_class and attempt.error_class.value,
        attempt.status,
    )


def open_each(rows: Sequence[Row], to_session: Callable[[Row], Opened]) -> list[Opened]:
    """Return the sessions of `rows`; one that does not open is left out, so that it harms none but itself.

    Raise SealBroken where none opens: then it may be the master key that is wrong.
    """
    opened: list[Opened] = []
    broken: SealBroken | None = None
    for row in rows:
        try:
            opened.append(to_session(row))
        except SealBroken as error:
            broken = error
            _log.error("session.seal_broken", session_id=row[0])
    if broken is not None and not opened:
        raise broken
    return opened


def in_queue_order(rows: Sequence[Row]) -> list[Row]:
    """Return rows of CLAIMED_COLUMNS with the most urgent and oldest first."""
    return sorted(rows, key=_urgency)


def _urgency(row: Row) -> tuple[Priority, datetime]:
    return row[13], row[14]
