"""Key sets and their history; public keys only, so nothing here is sealed."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, PrimaryKeyConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.adapters.database.schema_base import Base, Document
from app.adapters.database.types import COUNTED_ID


class KeysetRow(Base):
    """One source; never deleted, since its version must not begin anew.

    `saves` counts every change but questions, so that a process knows whether what it keeps is still what is here.
    `fetches` counts the outcomes of all attempts.
    """

    __tablename__ = "keysets"
    __table_args__ = (Index("ix_keysets_refresh_at", "refresh_at"),)

    source: Mapped[str] = mapped_column(primary_key=True)
    mode: Mapped[str]
    version: Mapped[int]
    revoked_epoch: Mapped[int]
    saves: Mapped[int] = mapped_column(server_default=text("0"))
    keys: Mapped[list[Any]]
    dropped: Mapped[list[Any]]
    revoked: Mapped[list[Any]]
    negative_kids: Mapped[Document]
    asked_kids: Mapped[Document]
    asked_at: Mapped[list[Any]]
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    fetched_at: Mapped[datetime | None]
    fresh_until: Mapped[datetime | None]
    stale_until: Mapped[datetime | None]
    refresh_at: Mapped[datetime | None]
    attempted_at: Mapped[datetime | None]
    paused_until: Mapped[datetime | None]
    failures: Mapped[int]
    last_error: Mapped[str | None]
    fetches: Mapped[Document]
    lease_token: Mapped[str | None]
    lease_until: Mapped[datetime | None]


class KeysetEventRow(Base):
    """One change of one key: added, removed, returned, or the same kid with other material."""

    __tablename__ = "keyset_events"
    __table_args__ = (Index("ix_keyset_events_source", "source", "id"),)

    id: Mapped[int] = mapped_column(COUNTED_ID, primary_key=True)
    source: Mapped[str]
    at: Mapped[datetime]
    event: Mapped[str]
    kid: Mapped[str]
    thumbprint: Mapped[str]
    version: Mapped[int]


class VoidOrderRow(Base):
    """Sessions to be rejected since a key was revoked; kept until upkeep has looked for them too."""

    __tablename__ = "void_orders"
    __table_args__ = (PrimaryKeyConstraint("partner_id", "kid"),)

    partner_id: Mapped[str]
    kid: Mapped[str]
    thumbprints: Mapped[list[Any]]
    asked_at: Mapped[datetime]
    actor: Mapped[str]
    request_id: Mapped[str | None]
