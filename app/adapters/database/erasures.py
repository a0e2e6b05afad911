"""Deletes what one participant left behind; remembers who is to be forgotten until nothing of it can appear any more.

No index serves the sessions of a participant, since each accepted session would pay for it: whole stretches of the
primary key are read instead, each of them soon over. A row that goes is fenced by that: whoever works on it under a
lease finds nothing to save to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, delete, exists, func, select, tuple_, update

from app.adapters.database.engine import Database
from app.adapters.database.inserting import insert_into
from app.adapters.database.schema import (
    AttemptRow,
    CampaignRow,
    ErasureRow,
    ParticipationRow,
    SessionRow,
    UsedTokenRow,
)
from app.domain.erasure import ErasedPlays, ErasedStretch, Erasure
from app.domain.session import Stage

STRETCH: Final = 2000
"""Sessions that one search looks at."""
COUNTED_AT_MOST: Final = 10_000
_NOBODY = ""
"""Stands in a kept participation, and a kept use of a token, for the session that is gone."""


@dataclass(frozen=True, slots=True)
class SqlErasures:
    """Implements `management_ports.ErasureStore` and `ErasureQueue`."""

    database: Database

    def add(self, erasure: Erasure) -> int:
        """Remember `erasure`, in place of an earlier one; return how many sessions are unjudged, 10,000 at most."""
        row = {
            "partner_id": erasure.partner_id,
            "participant_digest": erasure.digest,
            "asked_at": erasure.asked_at,
            "forgets_plays": erasure.forgets_plays,
        }
        changed = {name: row[name] for name in ("asked_at", "forgets_plays")}
        self.database.write_one(
            lambda connection: connection.execute(
                insert_into(connection, ErasureRow)
                .values(row)
                .on_conflict_do_update(
                    index_elements=[ErasureRow.partner_id, ErasureRow.participant_digest], set_=changed
                )
            )
        )
        waiting = select(SessionRow.id).where(*_unjudged(erasure.partner_id, erasure.asked_at)).limit(COUNTED_AT_MOST)
        counted = select(func.count()).select_from(waiting.subquery())
        return self.database.read(lambda connection: connection.scalar(counted)) or 0

    def erase_plays(self, erasure: Erasure) -> ErasedPlays:
        """Delete what the participant played and used up, or keep of it no more than that it counts."""
        return self.database.write(lambda connection: _erase_plays(connection, erasure))

    def erase_stretch(self, erasures: Sequence[Erasure], after: str | None) -> ErasedStretch:
        """Delete these participants' among the next stretch of sessions by id, and their attempts."""
        found, last = self.database.read(lambda connection: _find(connection, erasures, after))
        if not found:
            return ErasedStretch(after=last)
        sessions, attempts = self.database.write(lambda connection: _delete(connection, found))
        return ErasedStretch(sessions, attempts, len(found) - sessions, last)

    def end(self, erasure: Erasure) -> None:
        """Forget `erasure`, unless another one took its place meanwhile."""
        done = delete(ErasureRow).where(
            ErasureRow.partner_id == erasure.partner_id,
            ErasureRow.participant_digest == erasure.digest,
            ErasureRow.asked_at == erasure.asked_at,
        )
        self.database.write_one(lambda connection: connection.execute(done))

    def load_ripe(self, asked_by: datetime, limit: int) -> Sequence[Erasure]:
        """Return erasures asked for until then whose partner has no unjudged session left from before."""
        columns = (ErasureRow.partner_id, ErasureRow.participant_digest, ErasureRow.asked_at, ErasureRow.forgets_plays)
        waiting = exists().where(*_unjudged(ErasureRow.partner_id, ErasureRow.asked_at))
        ripe = select(*columns).where(ErasureRow.asked_at <= asked_by, ~waiting).order_by(ErasureRow.asked_at)
        rows = self.database.read(lambda connection: connection.execute(ripe.limit(limit)).all())
        return [Erasure(*row) for row in rows]


def _unjudged(partner_id: Any, asked_at: Any) -> tuple[ColumnElement[bool], ...]:
    return (
        SessionRow.stage == Stage.VERIFY.value,
        SessionRow.due_at.is_not(None),
        SessionRow.partner_id == partner_id,
        SessionRow.received_at <= asked_at,
    )


def _find(connection: Connection, erasures: Sequence[Erasure], after: str | None) -> tuple[Sequence[str], str | None]:
    """Return these participants' sessions among the next stretch, and where that ends (None: there is none)."""
    asked_at: dict[tuple[str | None, ...], datetime] = {
        (erasure.partner_id, erasure.digest): erasure.asked_at for erasure in erasures
    }
    whose = (SessionRow.partner_id, SessionRow.participant_digest)
    ids = select(SessionRow.id).where(SessionRow.id > (after or "")).order_by(SessionRow.id).limit(STRETCH)
    last = connection.scalar(select(func.max(ids.subquery().c.id)))
    if last is None:
        return (), None
    theirs = select(SessionRow.id, SessionRow.received_at, *whose).where(
        SessionRow.id > (after or ""), SessionRow.id <= last, tuple_(*whose).in_(list(asked_at))
    )
    rows = connection.execute(theirs).all()
    return [id_ for id_, received_at, *who in rows if received_at <= asked_at[tuple(who)]], last


def _delete(connection: Connection, ids: Sequence[str]) -> tuple[int, int]:
    """Delete sessions but those that are locked just now, since waiting could be a circle; return how many of each."""
    held = connection.scalars(select(SessionRow.id).where(SessionRow.id.in_(ids)).with_for_update(skip_locked=True))
    free = held.all()
    attempts = connection.execute(delete(AttemptRow).where(AttemptRow.session_id.in_(free))).rowcount
    return connection.execute(delete(SessionRow).where(SessionRow.id.in_(free))).rowcount, attempts


def _erase_plays(connection: Connection, erasure: Erasure) -> ErasedPlays:
    plays = (
        ParticipationRow.campaign_id.in_(select(CampaignRow.id)),  # they lead the index that finds a participant
        ParticipationRow.partner_id == erasure.partner_id,
        ParticipationRow.participant_digest == erasure.digest,
        ParticipationRow.created_at <= erasure.asked_at,
    )
    sessions: Select[Any] = select(ParticipationRow.session_id).where(*plays, ParticipationRow.session_id != _NOBODY)
    uses = UsedTokenRow.partner_id == erasure.partner_id, UsedTokenRow.session_id.in_(sessions)
    if erasure.forgets_plays:
        used = connection.execute(delete(UsedTokenRow).where(*uses)).rowcount
        return ErasedPlays(connection.execute(delete(ParticipationRow).where(*plays)).rowcount, used)
    kept = {"session_id": _NOBODY, "repeat_digest": None}
    linked = update(ParticipationRow).where(*plays, ParticipationRow.session_id != _NOBODY).values(kept)
    used = connection.execute(update(UsedTokenRow).where(*uses).values(session_id=_NOBODY)).rowcount
    return ErasedPlays(connection.execute(linked).rowcount, used)
