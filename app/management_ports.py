"""What management needs of the world, as Protocols like those of `app.ports`: documents, clients, secrets, audit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class DocumentKind(StrEnum):
    """The kinds of configuration documents."""

    PARTNER = "partner"
    CAMPAIGN = "campaign"


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A stored configuration document: canonical, its secrets opened; `version` grows with each change, from 1."""

    kind: DocumentKind
    id: str
    version: int
    document: Mapping[str, object] = field(repr=False)
    created_at: datetime
    updated_at: datetime


class DocumentStore(Protocol):
    """Partners' and campaigns' documents; their secrets are sealed at rest."""

    def put(
        self, kind: DocumentKind, id_: str, document: Mapping[str, object], if_version: int | None, now: datetime
    ) -> StoredDocument:
        """Store `document`; raise PreconditionFailed if `if_version` (0: none) is given and not the stored one."""
        ...

    def find(self, kind: DocumentKind, id_: str) -> StoredDocument | None:
        """Return the document, or None."""
        ...

    def load_page(
        self, kind: DocumentKind, after: str | None, limit: int, partner_id: str | None
    ) -> Sequence[StoredDocument]:
        """Return at most `limit` documents after the id `after`, by id, of one partner if `partner_id` is given."""
        ...

    def delete(self, kind: DocumentKind, id_: str, if_version: int | None) -> bool:
        """Delete the document and tell whether there was one; raise PreconditionFailed or PartnerInUse."""
        ...


@dataclass(frozen=True, slots=True)
class ApiClient:
    """A management client; `secret_hash` is a scrypt hash, `partner_id` binds it to one partner."""

    id: str
    secret_hash: str = field(repr=False)
    scopes: frozenset[str]
    partner_id: str | None
    created_at: datetime
    revoked_at: datetime | None = None


class ClientStore(Protocol):
    """The clients of our Authorization API."""

    def put(self, client: ApiClient) -> None:
        """Store `client`, replacing one of the same id."""
        ...

    def find(self, client_id: str) -> ApiClient | None:
        """Return the client, revoked or not, or None."""
        ...

    def load_all(self) -> Sequence[ApiClient]:
        """Return all clients by id."""
        ...

    def revoke(self, client_id: str, now: datetime) -> bool:
        """Revoke the client; tell whether there was one to revoke."""
        ...


@dataclass(frozen=True, slots=True)
class InstallationSecret:
    """A secret of this installation, sealed at rest: a digest key or a signing key; `retired_at` ends its use."""

    name: str
    kid: str
    value: bytes = field(repr=False)
    created_at: datetime
    retired_at: datetime | None = None


class SecretStore(Protocol):
    """Secrets that the installation makes for itself once and shares between all processes."""

    def load(self, name: str) -> Sequence[InstallationSecret]:
        """Return all secrets of that name, newest first."""
        ...

    def add(self, secret: InstallationSecret) -> bool:
        """Store `secret` if its (name, kid) is new; tell whether it was."""
        ...


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who changed what, and when; `detail` holds names and counts, never a secret or a person."""

    at: datetime
    actor: str
    action: str
    target: str
    detail: Mapping[str, object] = field(default_factory=dict)


class AuditLog(Protocol):
    """The record of all changes."""

    def add(self, entry: AuditEntry) -> None:
        """Append `entry`."""
        ...
