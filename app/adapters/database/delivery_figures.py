"""How much waits where, for people and for Prometheus; counts are bounded, so that a backlog costs no scan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, literal_column, select

from app.adapters.database import fetch_postgres, fetch_sqlite
from app.adapters.database.engine import Database
from app.adapters.database.health_rows import load_healths
from app.adapters.database.schema import PartnerHealthRow, SessionRow
from app.domain.admission import limits_of
from app.domain.session import Priority, Stage
from app.fetch_ports import COUNTED_AT_MOST, PartnerFigures, WaitingRows
from app.ports import ConfigurationSource


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


def _count_stage(connection: Connection, stage: Stage) -> Mapping[Priority, int]:
    """Count through the index that each stage has: by class where there is work to do, else in one figure."""
    # Spelled out and not bound, so that the planner knows the partial index of this stage.
    of_stage = select(SessionRow.id).where(SessionRow.stage == literal_column(f"'{stage.value}'"))
    if stage in (Stage.DONE, Stage.DEAD):
        return {Priority.FRESH: _count(connection, of_stage)}
    waiting = of_stage.where(SessionRow.due_at.is_not(None))
    return {priority: _count(connection, waiting.where(SessionRow.priority == priority.value)) for priority in Priority}


def _count(connection: Connection, rows: Select[Any]) -> int:
    return connection.scalar(select(func.count()).select_from(rows.limit(COUNTED_AT_MOST).subquery())) or 0
