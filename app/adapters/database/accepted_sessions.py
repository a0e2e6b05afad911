"""The sessions that a published key had accepted: looked for a stretch of ids at a time, and voided.

No index serves this: each accepted session would pay for it, and a revocation is rare. A search reads whole stretches
of the primary key instead, each of them soon over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, select, update

from app.adapters.database.engine import Database
from app.adapters.database.outcomes import encode_outcome
from app.adapters.database.schema import SessionRow
from app.domain.session import Outcome, Stage, TokenStatus
from app.keyset_ports import AcceptedPage, AcceptedSession
from app.ports import Sealing

STRETCH: Final = 2000
"""Sessions that one search looks at."""


@dataclass(frozen=True, slots=True)
class SqlAcceptedSessions:
    """Implements `keyset_ports.AcceptedSessions`."""

    database: Database
    sealing: Sealing

    def search(self, partner_id: str, thumbprints: frozenset[str], after: str | None) -> AcceptedPage:
        """Return those among the next stretch of sessions by id that one of `thumbprints` accepted."""
        ids = select(SessionRow.id).where(SessionRow.id > (after or "")).order_by(SessionRow.id).limit(STRETCH)
        end = select(func.max(ids.subquery().c.id))
        columns = (
            SessionRow.id,
            SessionRow.campaign_id,
            SessionRow.key_thumbprint,
            SessionRow.keyset_version,
            SessionRow.verified_at,
        )

        def look(connection: Connection) -> AcceptedPage:
            last = connection.scalar(end)
            if last is None:
                return AcceptedPage((), None)
            accepted = select(*columns).where(
                SessionRow.id > (after or ""),
                SessionRow.id <= last,
                SessionRow.partner_id == partner_id,
                SessionRow.token_status == TokenStatus.ACCEPTED,
                SessionRow.keyset_version.is_not(None),
                SessionRow.key_thumbprint.in_(thumbprints),
            )
            rows = connection.execute(accepted.order_by(SessionRow.id))
            found = [AcceptedSession(row[0], row[1], row[2] or "", row[3] or 0, row[4]) for row in rows]
            return AcceptedPage(found, last)

        return self.database.read(look)

    def void(self, ids: Sequence[str], outcome: Outcome, now: datetime) -> frozenset[str]:
        """Give accepted sessions another, final outcome; return the ids, without those that are locked just now."""
        encoded = encode_outcome(outcome)
        accepted = (
            select(SessionRow.id)
            .where(SessionRow.id.in_(ids), SessionRow.token_status == TokenStatus.ACCEPTED)
            .with_for_update(skip_locked=True, key_share=True)
        )

        def void_each(connection: Connection) -> frozenset[str]:
            held = connection.scalars(accepted).all()
            rows = [{"of": id_, "sealed": self.sealing.seal(encoded, f"sessions.result:{id_}")} for id_ in held]
            if rows:
                voided = {**_ended(outcome), "result": bindparam("sealed"), "settled_at": _settled_at(now)}
                end = update(SessionRow).where(SessionRow.id == bindparam("of")).values(voided)
                connection.execute(end, rows)
            return frozenset(held)

        return self.database.write(void_each) if ids else frozenset()


def _ended(outcome: Outcome) -> Mapping[str, Any]:
    """Return what a session holds once it is over; a call that is under way loses its lease, and so its answer."""
    reason, refusal = outcome.token_reason, outcome.verdict.reason
    return {
        "stage": Stage.DONE.value,
        "due_at": None,
        "lease_until": None,
        "lease_token": None,
        "parked_on": None,
        "token": None,
        "prefill_request": None,
        "error_class": None,
        "token_status": outcome.token_status.value,
        "token_reason": None if reason is None else reason.value,
        "participation_reason": None if refusal is None else refusal.value,
    }


def _settled_at(now: datetime) -> Any:
    return func.coalesce(SessionRow.settled_at, bindparam("now", now, type_=SessionRow.settled_at.type))
