"""Single sessions as management looks at them: what happened to one, and what a replay brought it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import or_, select

from app.adapters.database.engine import Database
from app.adapters.database.schema import AttemptRow, SessionRow
from app.adapters.database.session_reads import SqlSessionReads
from app.domain.session import Stage, StoredSession, TokenStatus
from app.domain.timeline import PastAttempt, SessionHistory
from app.ports import Sealing
from app.reasons import PrefillReason, TokenReason

_ATTEMPT = (
    AttemptRow.number,
    AttemptRow.started_at,
    AttemptRow.duration_micros,
    AttemptRow.error_class,
    AttemptRow.status,
)
_PAST = (
    SessionRow.id,
    SessionRow.partner_id,
    SessionRow.campaign_id,
    SessionRow.stage,
    SessionRow.received_at,
    SessionRow.expires_at,
    SessionRow.token_status,
    SessionRow.token_reason,
    SessionRow.error_class,
    SessionRow.verified_at,
    SessionRow.replayed_at,
    SessionRow.replay_id,
    SessionRow.settled_at,
    SessionRow.read_at,
)


@dataclass(frozen=True, slots=True)
class SqlSessionRecords:
    """Implements `management_ports.SessionRecords`."""

    database: Database
    sealing: Sealing

    def find_history(self, session_id: str) -> SessionHistory | None:
        """Return what happened to a session, or None."""
        past = select(*_PAST).where(SessionRow.id == session_id)
        made = select(*_ATTEMPT).where(AttemptRow.session_id == session_id).order_by(AttemptRow.id)
        row = self.database.read(lambda connection: connection.execute(past).first())
        if row is None:
            return None
        attempts = self.database.read(lambda connection: connection.execute(made).all())
        return _history(row._asdict(), tuple(map(_attempt, attempts)))

    def find_replayable(self, session_id: str) -> tuple[str, StoredSession] | None:
        """Return partner id and session if it is a dead letter, or was one and a replay took it up; else None."""
        replayable = select(SessionRow.partner_id).where(
            SessionRow.id == session_id,
            or_(SessionRow.stage == Stage.DEAD.value, SessionRow.replay_id.is_not(None)),
        )
        partner_id = self.database.read(lambda connection: connection.scalar(replayable))
        session = SqlSessionReads(self.database, self.sealing).load([session_id]).get(session_id)
        return None if partner_id is None or session is None else (partner_id, session)


def _history(past: dict[str, Any], attempts: tuple[PastAttempt, ...]) -> SessionHistory:
    return SessionHistory(
        session_id=past.pop("id"),
        stage=Stage(past.pop("stage")),
        token_status=_known(TokenStatus, past.pop("token_status")),
        token_reason=_known(TokenReason, past.pop("token_reason")),
        error_class=_known(PrefillReason, past.pop("error_class")),
        attempts=attempts,
        **past,
    )


def _attempt(row: Sequence[Any]) -> PastAttempt:
    number, started_at, duration_micros, error_class, status = row
    duration = timedelta(microseconds=duration_micros)
    return PastAttempt(number, started_at, duration, _known(PrefillReason, error_class), status)


def _known(kind: Any, stored: str | None) -> Any:
    return None if stored is None else kind(stored)
