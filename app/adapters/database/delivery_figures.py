"""How much waits where, for people and for Prometheus; counts are bounded, so that a backlog costs no scan."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, literal_column, select

from app.adapters.database import fetch_postgres, fetch_sqlite
from app.adapters.database.engine import Database
from app.adapters.database.health_rows import load_healths
from app.adapters.database.schema import PartnerHealthRow, SessionRow
from app.domain.admission import limits_of
from app.domain.session import Priority, Stage, TokenStatus
from app.fetch_ports import COUNTED_AT_MOST, PartnerFigures, TokenVerdict, WaitingRows
from app.ports import ConfigurationSource
from app.reasons import TokenReason


@dataclass(frozen=True, slots=True)
class SqlDeliveryFigures:
    """Implements `fetch_ports.DeliveryFigures`."""

    database: Database
    configuration: ConfigurationSource

    def count_stages(self) -> Mapping[Stage, Mapping[Priority, int]]:
        """Return how many sessions are in each stage, by class."""
        return self.database.read(lambda connection: {stage: _count_stage(connection, stage) for stage in Stage})

    def load_partners(self, partner_id: str | None, now: datetime) -> Sequence[PartnerFigures]:
        """Return the figures of one partner or of all that have any, by id."""
        statements = fetch_sqlite if self.database.is_sqlite else fetch_postgres

        def load_ids(connection: Connection) -> Sequence[str]:
            known = connection.scalars(select(PartnerHealthRow.partner_id)).all()
            return sorted({*known, *statements.list_waiting(connection)})

        ids = [partner_id] if partner_id else self.database.read(load_ids)
        partners = self.configuration.load(frozenset(), frozenset(ids)).partners

        def load(connection: Connection) -> Sequence[PartnerFigures]:
            healths = load_healths(connection, ids)
            return [
                PartnerFigures(
                    id_,
                    healths[id_],
                    limits_of(partners.get(id_)),
                    {
                        Priority(priority): WaitingRows(in_flight, due, later)
                        for priority, in_flight, due, later in statements.count_waiting(
                            connection, id_, COUNTED_AT_MOST, now
                        )
                    },
                )
                for id_ in ids
            ]

        return self.database.read(load)

    def find_longest_due(self) -> Mapping[Stage, Mapping[Priority, datetime]]:
        """Return when the session that is due first was due, of each stage and class in which one waits."""

        def find(connection: Connection) -> Mapping[Stage, Mapping[Priority, datetime]]:
            return {stage: dict(_first_due(connection, stage)) for stage in (Stage.VERIFY, Stage.FETCH)}

        return self.database.read(find)

    def count_tokens(self, from_id: str) -> Mapping[str, Mapping[TokenVerdict, int]]:
        """Return the verdicts on the newest COUNTED_AT_MOST tokens by partner, but of no session in front of the id."""
        newest = (
            select(SessionRow.partner_id, SessionRow.token_status, SessionRow.token_reason)
            .where(SessionRow.id >= from_id)
            .order_by(SessionRow.id.desc())
            .limit(COUNTED_AT_MOST)
            .subquery()
        )
        columns = newest.c.partner_id, newest.c.token_status, newest.c.token_reason
        grouped = select(*columns, func.count()).group_by(*columns)
        found = self.database.read(lambda connection: connection.execute(grouped).all())
        counts: defaultdict[str, dict[TokenVerdict, int]] = defaultdict(dict)
        for partner_id, status, reason, number in found:
            counts[partner_id][TokenReason(reason) if reason else TokenStatus(status or TokenStatus.PENDING)] = number
        return counts


def _first_due(connection: Connection, stage: Stage) -> Iterator[tuple[Priority, datetime]]:
    """Yield when the first of each class is due: one look into the index each."""
    for priority in Priority:
        waiting = _waiting(select(SessionRow.due_at), stage).where(SessionRow.priority == priority.value)
        due_at = connection.scalar(waiting.order_by(SessionRow.due_at).limit(1))
        if due_at is not None:
            yield priority, due_at


def _count_stage(connection: Connection, stage: Stage) -> Mapping[Priority, int]:
    """Count through the index that each stage has: by class where there is work to do, else in one figure."""
    if stage in (Stage.DONE, Stage.DEAD):
        return {Priority.FRESH: _count(connection, _of_stage(select(SessionRow.id), stage))}
    waiting = _waiting(select(SessionRow.id), stage)
    return {priority: _count(connection, waiting.where(SessionRow.priority == priority.value)) for priority in Priority}


def _count(connection: Connection, rows: Select[Any]) -> int:
    return connection.scalar(select(func.count()).select_from(rows.limit(COUNTED_AT_MOST).subquery())) or 0


def _waiting(rows: Select[Any], stage: Stage) -> Select[Any]:
    return _of_stage(rows, stage).where(SessionRow.due_at.is_not(None))


def _of_stage(rows: Select[Any], stage: Stage) -> Select[Any]:
    # Spelled out and not bound, so that the planner knows the partial index of this stage.
    return rows.where(SessionRow.stage == literal_column(f"'{stage.value}'"))
