"""What all workers know together of a partner's health, and the replays of dead letters."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from app.adapters.database.schema_base import Base, Document, partial_index


class PartnerHealthRow(Base):
    """A partner's breaker, retry budget and pause; `version` guards the update of one who read an older state."""

    __tablename__ = "partner_health"

    partner_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    breaker: Mapped[Document]
    budget: Mapped[Document]
    paused_until: Mapped[datetime | None]
    paused_by: Mapped[str | None]
    updated_at: Mapped[datetime]


class ReplayRow(Base):
    """A replay: which dead letters, how fast, how far; one is active per partner (empty text: all partners)."""

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
