"""What all workers know together of a partner's health, and the replays of dead letters."""

from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from app.adapters.database.schema_base import Base, Document, partial_index


class PartnerHealthRow(Base):
    """A partner's breaker, retry budget and pause.

    Nobody reads `version`: an earlier version counted the changes there, hundreds a second, and an integer ends.
    `opened_until` stands beside the rest of the breaker, so that reading a session can tell why it waits.
    `claimed_upto` is the latest due time that was ever claimed, by class: no row due later is under way.
    """

    __tablename__ = "partner_health"

    partner_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    breaker: Mapped[Document]
    budget: Mapped[Document]
    paused_until: Mapped[datetime | None]
    paused_by: Mapped[str | None]
    updated_at: Mapped[datetime]
    opened_until: Mapped[datetime | None]
    claimed_upto: Mapped[list[Any] | None]


class ReplayRow(Base):
    """A replay: which dead letters, how fast, how far; one is active per partner (empty text: several partners).

    `cursor` is the last dead letter that was looked at, `paced_at` the moment up to which the rate is paid.
    """

    __tablename__ = "replays"
    __table_args__ = (
        partial_index("uq_replays_active", "partner_id", unique=True, where="state IN ('running', 'paused')"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    partner_id: Mapped[str]
    filter: Mapped[Document]
    actor: Mapped[str]
    rate_per_second: Mapped[float]
    force: Mapped[bool]
    state: Mapped[str]
    frozen_at: Mapped[datetime]
    cursor: Mapped[str] = mapped_column(server_default=text("''"))
    matched: Mapped[int]
    skipped: Mapped[int]
    moved: Mapped[int] = mapped_column(server_default=text("0"))
    lease_token: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    paced_at: Mapped[datetime | None]
