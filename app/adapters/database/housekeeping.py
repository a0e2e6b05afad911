"""Deletes what has outlived its purpose, a chunk at a time, and counts what is due.

Only settled sessions go: one that still waits for its work is kept however late it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    and_,
    delete,
    func,
    literal_column,
    not_,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import InstrumentedAttribute

from app.adapters.database.engine import Database
from app.adapters.database.schema import (
    AttemptRow,
    AuditRow,
    KeysetRow,
    ParticipationRow,
    RepeatRow,
    ReplayRow,
    SessionRow,
    UsedTokenRow,
)
from app.adapters.database.session_intake import REPEAT_WINDOW
from app.domain.keyset import KeysetMode
from app.domain.replay import ACTIVE_STATES
from app.domain.retention import Retention
from app.domain.session import Stage
from app.ports import Work

COUNTED_AT_MOST = 10_000
"""More due rows than this are not counted: the answer is the same, and a backlog of millions must not cost a scan."""


@dataclass(frozen=True, slots=True)
class SqlHousekeeping:
    """Implements `ports.Housekeeping`.

    What a replay made of a dead letter is kept as long as that one would have been.
    """

    database: Database
    retention: Retention = field(default_factory=Retention)

    def purge(self, now: datetime, chunk: int) -> Mapping[str, int]:
        """Delete at most `chunk` expired rows of each table, and the attempts of the sessions; return how many."""
        kept = self.retention
        dead_until = now - kept.dead_letters
        dead = _expired_sessions(Stage.DEAD, dead_until, chunk)
        was_dead = and_(SessionRow.replay_id.is_not(None), SessionRow.expires_at >= dead_until)
        done = _expired_sessions(Stage.DONE, now - kept.sessions, chunk).where(not_(was_dead))
        ages = {
            "old_attempts": (AttemptRow.id, AttemptRow.started_at, kept.attempts),
            "audit_log": (AuditRow.id, AuditRow.at, kept.audit),
            "participations": (ParticipationRow.id, ParticipationRow.created_at, kept.participations),
        }
        return {
            **self.database.write(lambda connection: _purge_sessions(connection, done, dead)),
            **{
                name: self._purge_old(id_, at, now - age, chunk)
                for name, (id_, at, age) in ages.items()
                if age is not None
            },
            **({"replays": self._purge_replays(now - kept.audit, chunk)} if kept.audit else {}),
            "repeats": self.database.write(lambda connection: _purge_repeats(connection, now, chunk)),
            "used_tokens": self.database.write(lambda connection: _purge_used_tokens(connection, now, chunk)),
        }

    def _purge_old(
        self, id_: InstrumentedAttribute[Any], at: InstrumentedAttribute[datetime], end: datetime, chunk: int
    ) -> int:
        """Delete what was written before `end`: ids grow with time, so that it is found at their beginning."""
        first = select(id_.label("id"), at.label("at")).order_by(id_).limit(chunk).subquery()
        old = delete(id_.class_).where(id_.in_(select(first.c.id).where(first.c.at < end)))
        return self.database.write(lambda connection: connection.execute(old).rowcount)

    def _purge_replays(self, end: datetime, chunk: int) -> int:
        """Delete the replays that were over before `end`: they are part of the record of changes."""
        over = select(ReplayRow.id).where(ReplayRow.state.not_in(ACTIVE_STATES), ReplayRow.updated_at < end)
        old = delete(ReplayRow).where(ReplayRow.id.in_(over.limit(chunk)))
        return self.database.write(lambda connection: connection.execute(old).rowcount)

    def count_due(self, now: datetime) -> Mapping[Work, int]:
        """Return how many rows are due and unleased, by kind of work; at most 10,000 each."""
        due = {
            Work.VERIFY: _due_sessions(Stage.VERIFY, now),
            Work.FETCH: _due_sessions(Stage.FETCH, now),
            Work.REFRESH: select(KeysetRow.source).where(
                KeysetRow.mode == KeysetMode.REMOTE,
                KeysetRow.refresh_at <= now,
                or_(KeysetRow.lease_until.is_(None), KeysetRow.lease_until < now),
            ),
        }
        counts = [
            select(func.count()).select_from(rows.limit(COUNTED_AT_MOST).subquery()).scalar_subquery()
            for rows in due.values()
        ]
        counted = self.database.read(lambda connection: connection.execute(select(*counts)).one())
        return dict(zip(due, counted, strict=True))


def _due_sessions(stage: Stage, now: datetime) -> Select[str]:
    return select(SessionRow.id).where(
        SessionRow.stage == stage,
        SessionRow.due_at <= now,
        or_(SessionRow.lease_until.is_(None), SessionRow.lease_until < now),
    )


def _expired_sessions(stage: Stage, end: datetime, chunk: int) -> Select[str]:
    return (
        select(SessionRow.id)
        # Spelled out and not bound, so that the planner knows the partial index of this stage.
        .where(SessionRow.stage == literal_column(f"'{stage.value}'"), SessionRow.expires_at < end)
        .order_by(SessionRow.expires_at)
        .limit(chunk)
        .with_for_update(skip_locked=True)
    )


def _purge_sessions(connection: Connection, *expired: Select[str]) -> Mapping[str, int]:
    ids = [id_ for chosen in expired for id_ in connection.scalars(chosen)]
    if not ids:
        return {"sessions": 0, "attempts": 0}
    attempts = connection.execute(delete(AttemptRow).where(AttemptRow.session_id.in_(ids))).rowcount
    return {
        "sessions": connection.execute(delete(SessionRow).where(SessionRow.id.in_(ids))).rowcount,
        "attempts": attempts,
    }


def _purge_repeats(connection: Connection, now: datetime, chunk: int) -> int:
    old = select(RepeatRow.digest).where(RepeatRow.made_at <= now - REPEAT_WINDOW).order_by(RepeatRow.made_at)
    digests = connection.scalars(old.limit(chunk).with_for_update(skip_locked=True)).all()
    return connection.execute(delete(RepeatRow).where(RepeatRow.digest.in_(digests))).rowcount if digests else 0


def _purge_used_tokens(connection: Connection, now: datetime, chunk: int) -> int:
    which = (UsedTokenRow.partner_id, UsedTokenRow.jti_digest)
    over = select(*which).where(UsedTokenRow.expires_at < now).order_by(UsedTokenRow.expires_at)
    keys = [tuple(row) for row in connection.execute(over.limit(chunk).with_for_update(skip_locked=True))]
    return connection.execute(delete(UsedTokenRow).where(tuple_(*which).in_(keys))).rowcount if keys else 0
