"""Configuration in memory: what the journey loads, the documents behind it, and who may change them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.documents.campaign import to_campaign
from app.documents.partner import to_partner
from app.domain.campaign import Campaign
from app.domain.key_pairs import encrypts_by_pairs, with_key_pairs
from app.domain.partner import Partner
from app.errors import PartnerInUse, PartnerUnknown, PreconditionFailed
from app.management_ports import ApiClient, DocumentKind, Put, StoredDocument
from app.ports import Configuration, KeyPairStore


@dataclass(slots=True)
class MemoryConfiguration:
    """The twin of MarkedConfiguration; what is in `unreadable` exists and cannot be read."""

    campaigns: dict[str, Campaign] = field(default_factory=dict)
    partners: dict[str, Partner] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    mark: str | None = None
    """Nobody marks changes, unless a test does."""

    @classmethod
    def of(cls, *entries: Campaign | Partner) -> "MemoryConfiguration":
        """Return a configuration of these campaigns and partners."""
        return cls(
            {entry.id: entry for entry in entries if isinstance(entry, Campaign)},
            {entry.id: entry for entry in entries if isinstance(entry, Partner)},
        )

    def load(self, campaign_ids: frozenset[str], partner_ids: frozenset[str]) -> Configuration:
        return Configuration(
            {id_: self.campaigns[id_] for id_ in campaign_ids - self.unreadable if id_ in self.campaigns},
            {id_: self.partners[id_] for id_ in partner_ids - self.unreadable if id_ in self.partners},
            campaign_ids & self.unreadable,
            partner_ids & self.unreadable,
            self.mark,
        )

    def read_mark(self) -> str | None:
        return self.mark


@dataclass(slots=True)
class ConfiguredByDocuments:
    """A ConfigurationSource of what the documents say and which key pairs there are, as the real one is."""

    documents: "MemoryDocuments"
    key_pairs: KeyPairStore

    def load(self, campaign_ids: frozenset[str], partner_ids: frozenset[str]) -> Configuration:
        campaigns = {row.id: to_campaign(row.id, row.version, row.document) for row in self._rows(campaign_ids)}
        partners = {row.id: self._partner(row) for row in self._rows(partner_ids, DocumentKind.PARTNER)}
        return Configuration(campaigns, partners)

    def _rows(self, ids: frozenset[str], kind: DocumentKind = DocumentKind.CAMPAIGN) -> Sequence[StoredDocument]:
        return [row for id_ in ids if (row := self.documents.find(kind, id_)) is not None]

    def _partner(self, row: StoredDocument) -> Partner:
        partner = to_partner(row.id, row.version, row.document)
        encryption = partner.encryption
        is_paired = encryption is not None and encrypts_by_pairs(encryption.method)
        return with_key_pairs(partner, self.key_pairs.load(row.id)) if is_paired else partner


@dataclass(slots=True)
class MemoryDocuments:
    """The twin of DocumentStore; `versions` outlive their documents."""

    rows: dict[tuple[DocumentKind, str], StoredDocument] = field(default_factory=dict)
    versions: dict[tuple[DocumentKind, str], int] = field(default_factory=dict)

    def put(
        self, kind: DocumentKind, id_: str, document: Mapping[str, object], if_version: int | None, now: datetime
    ) -> Put:
        if kind is DocumentKind.CAMPAIGN and (DocumentKind.PARTNER, document["partner_id"]) not in self.rows:
            raise PartnerUnknown
        earlier = self.rows.get((kind, id_))
        self._check(kind, id_, if_version)
        version = self.versions.get((kind, id_), 0) + 1
        created_at = earlier.created_at if earlier else now
        self.versions[kind, id_] = version
        self.rows[kind, id_] = StoredDocument(kind, id_, version, dict(document), created_at, now)
        return Put(self.rows[kind, id_], earlier is None)

    def find(self, kind: DocumentKind, id_: str) -> StoredDocument | None:
        return self.rows.get((kind, id_))

    def load_page(
        self, kind: DocumentKind, after: str | None, limit: int, partner_id: str | None
    ) -> Sequence[StoredDocument]:
        chosen = [
            row
            for (of_kind, id_), row in sorted(self.rows.items())
            if of_kind is kind and id_ > (after or "") and partner_id in (None, _partner_of(row))
        ]
        return chosen[:limit]

    def delete(self, kind: DocumentKind, id_: str, if_version: int | None) -> bool:
        self._check(kind, id_, if_version)
        if (kind, id_) not in self.rows:
            return False
        campaigns = [row for (of_kind, _), row in self.rows.items() if of_kind is DocumentKind.CAMPAIGN]
        if kind is DocumentKind.PARTNER and any(_partner_of(row) == id_ for row in campaigns):
            raise PartnerInUse
        del self.rows[kind, id_]
        self.versions[kind, id_] += 1
        return True

    def _check(self, kind: DocumentKind, id_: str, if_version: int | None) -> None:
        stored = self.rows.get((kind, id_))
        if if_version is not None and if_version != (stored.version if stored else 0):
            raise PreconditionFailed


@dataclass(slots=True)
class MemoryClients:
    """The twin of ClientStore."""

    rows: dict[str, ApiClient] = field(default_factory=dict)

    def put(self, client: ApiClient) -> None:
        self.rows[client.id] = client

    def find(self, client_id: str) -> ApiClient | None:
        if "\0" in client_id:
            raise ValueError("PostgreSQL knows no text with this character")
        return self.rows.get(client_id)

    def load_all(self) -> Sequence[ApiClient]:
        return [self.rows[id_] for id_ in sorted(self.rows)]

    def revoke(self, client_id: str, now: datetime) -> bool:
        client = self.rows.get(client_id)
        if client is None or client.revoked_at is not None:
            return False
        self.rows[client_id] = replace(client, revoked_at=now)
        return True


def _partner_of(row: StoredDocument) -> object:
    return row.id if row.kind is DocumentKind.PARTNER else row.document["partner_id"]
