"""What is configured, and who may: partners, campaigns, clients, secrets of the installation, leases, the audit log."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.adapters.database.schema_base import Base, Document
from app.adapters.database.types import COUNTED_ID


class PartnerRow(Base):
    """A partner's document, its secrets apart and sealed.

    A deleted one leaves its row without a document, so that a version is never used for two documents.
    """

    __tablename__ = "partners"

    id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    document: Mapped[Document | None]
    sealed_secrets: Mapped[bytes | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class CampaignRow(Base):
    """A campaign's document; like a partner's."""

    __tablename__ = "campaigns"
    __table_args__ = (Index("ix_campaigns_partner_id", "partner_id", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    partner_id: Mapped[str] = mapped_column(ForeignKey("partners.id"))
    version: Mapped[int]
    document: Mapped[Document | None]
    sealed_secrets: Mapped[bytes | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class OauthClientRow(Base):
    """A management client; the secret is a scrypt hash."""

    __tablename__ = "oauth_clients"

    id: Mapped[str] = mapped_column(primary_key=True)
    secret_hash: Mapped[str]
    scopes: Mapped[list[Any]]
    partner_id: Mapped[str | None]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class InstallationSecretRow(Base):
    """A secret that the installation made for itself, sealed."""

    __tablename__ = "installation_secrets"
    __table_args__ = (PrimaryKeyConstraint("name", "kid"),)

    name: Mapped[str]
    kid: Mapped[str]
    sealed_value: Mapped[bytes]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class ConfigurationMarkRow(Base):
    """One row, whose mark triggers make anew whenever partners, campaigns or the installation's secrets are changed.

    A change and its mark are one commit, whoever made it, and no mark ever returns: the same mark says that nothing was
    changed, also across the loss of commits.
    """

    __tablename__ = "configuration_mark"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    mark: Mapped[str]


class LeaseRow(Base):
    """Who may do a periodic job: nobody else until `held_until`."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(primary_key=True)
    held_until: Mapped[datetime]


class AuditRow(Base):
    """One change: who, what, when; `partner_id` is whose it was, empty where it was nobody's or of several."""

    __tablename__ = "audit_log"
    __table_args__ = (Index("ix_audit_log_at", "at"), Index("ix_audit_log_partner_id", "partner_id", "id"))

    id: Mapped[int] = mapped_column(COUNTED_ID, primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str] = mapped_column("target")
    detail: Mapped[Document]
    partner_id: Mapped[str | None]
    request_id: Mapped[str | None]
