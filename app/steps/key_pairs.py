"""Our key pairs for partners' tokens: made when a partner is configured for them, published, rotated with an overlap.

Of several processes that make the first pairs together one succeeds, and all use what it made.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from app.domain.key_pairs import KeyGeneration, current_jwks, encrypts_by_pairs
from app.domain.partner import Partner
from app.errors import EncryptionKeysUnknown
from app.jose.material import PRIVATE_MEMBERS
from app.jose.signing import generate_key
from app.management_ports import AuditLog, DocumentKind, DocumentStore, StoredDocument
from app.ports import Clock, ConfigurationSource, KeyPairStore
from app.steps.authorize import Caller
from app.steps.judge import KEY_ALGORITHMS_OF
from app.steps.partners import find_partner

OVERLAP: Final = timedelta(days=7)
"""How long the keys before go on decrypting: tokens that were handed out live on, and so do copies of the JWK Set."""

_KINDS: Final = (
    ("RSA-OAEP-256", "RSA-OAEP-256"),
    ("ECDH-ES", "ECDH-ES"),
    ("ECDH-ES+A256KW", "ECDH-ES+A256KW"),
    ("X25519", "ECDH-ES"),
    ("X25519", "ECDH-ES+A256KW"),
)
"""What a generation holds, as kind of key and algorithm: a library that is strict finds a key for each algorithm."""


@dataclass(frozen=True, slots=True)
class MakeKeyPairs:
    """Makes key pairs where they are missing or to be replaced."""

    key_pairs: KeyPairStore
    clock: Clock

    def ensure(self, partner_id: str) -> None:
        """Make the partner's key pairs if it has none that tokens may be encrypted for."""
        known = self.key_pairs.load(partner_id)
        if not any(generation.is_current for generation in known):
            self._add(partner_id, known, OVERLAP)

    def renew(self, partner_id: str, overlap: timedelta) -> KeyGeneration:
        """Make new key pairs; those before go on decrypting for `overlap`. Return the newest generation."""
        self._add(partner_id, self.key_pairs.load(partner_id), overlap)
        return self.key_pairs.load(partner_id)[0]

    def _add(self, partner_id: str, known: Sequence[KeyGeneration], overlap: timedelta) -> None:
        now = self.clock.now()
        number = known[0].number + 1 if known else 1
        jwks = tuple(_private_jwk(number, kind, alg) for kind, alg in _KINDS)
        # Refused where another process made this generation meanwhile: it will do as well.
        self.key_pairs.add(KeyGeneration(partner_id, number, jwks, now), now + overlap)


@dataclass(frozen=True, slots=True)
class RotateKeyPairs:
    """Replaces a partner's key pairs on an operator's word."""

    documents: DocumentStore
    make: MakeKeyPairs
    audit: AuditLog
    clock: Clock

    def __call__(self, partner_id: str, overlap: timedelta, caller: Caller) -> KeyGeneration:
        """Make new key pairs and return them; raise PartnerUnknown or EncryptionKeysUnknown."""
        stored = find_partner(self.documents, partner_id, caller)
        if not encrypts_by_pairs(_method_of(stored.document)):
            raise EncryptionKeysUnknown
        made = self.make.renew(partner_id, overlap)
        detail = {"generation": made.number, "overlap_seconds": int(overlap.total_seconds())}
        now = self.clock.now()
        self.audit.add(caller.did("partner.keys_rotated", partner_id, now, detail, partner_id))
        return made


@dataclass(frozen=True, slots=True)
class PublishKeyPairs:
    """Gives the public halves of a partner's key pairs to whoever asks."""

    configuration: ConfigurationSource
    make: MakeKeyPairs

    def __call__(self, partner_id: str) -> Sequence[Mapping[str, object]]:
        """Return the public JWKs that its tokens may be encrypted with; raise EncryptionKeysUnknown."""
        return [public_half(jwk) for jwk in usable_jwks(self.find(partner_id))]

    def find(self, partner_id: str) -> Partner:
        """Return a partner that has key pairs; raise EncryptionKeysUnknown, whether it exists or not."""
        partner = self._load(partner_id)
        if partner is not None and not current_jwks(partner) and _may_have(partner):
            self.make.ensure(partner_id)  # configured before there were key pairs, or the making was cut short
            partner = self._load(partner_id)
        if partner is None or not current_jwks(partner):
            raise EncryptionKeysUnknown
        return partner

    def _load(self, partner_id: str) -> Partner | None:
        return self.configuration.load(frozenset(), frozenset({partner_id})).partners.get(partner_id)


@dataclass(frozen=True, slots=True)
class DocumentsWithKeyPairs:
    """A DocumentStore that makes key pairs for the partners that are configured for them."""

    store: DocumentStore
    make: MakeKeyPairs

    def put(
        self, kind: DocumentKind, id_: str, document: Mapping[str, object], if_version: int | None, now: datetime
    ) -> StoredDocument:
        """Store the document, and make the key pairs that it asks for."""
        stored = self.store.put(kind, id_, document, if_version, now)
        if kind is DocumentKind.PARTNER and encrypts_by_pairs(_method_of(document)):
            self.make.ensure(id_)
        return stored

    def find(self, kind: DocumentKind, id_: str) -> StoredDocument | None:
        """Return the document, or None."""
        return self.store.find(kind, id_)

    def load_page(
        self, kind: DocumentKind, after: str | None, limit: int, partner_id: str | None
    ) -> Sequence[StoredDocument]:
        """Return a page of documents."""
        return self.store.load_page(kind, after, limit, partner_id)

    def delete(self, kind: DocumentKind, id_: str, if_version: int | None) -> bool:
        """Delete the document and tell whether there was one."""
        return self.store.delete(kind, id_, if_version)


def usable_jwks(partner: Partner) -> Sequence[Mapping[str, object]]:
    """Return the private JWKs that tokens may be encrypted for by the partner's method."""
    allowed = KEY_ALGORITHMS_OF[partner.encryption.method] if partner.encryption else frozenset()
    return [jwk for jwk in current_jwks(partner) if jwk["alg"] in allowed]


def public_half(jwk: Mapping[str, object]) -> Mapping[str, object]:
    """Return the public members of a private JWK."""
    return {name: value for name, value in jwk.items() if name not in PRIVATE_MEMBERS}


def _may_have(partner: Partner) -> bool:
    return partner.encryption is not None and encrypts_by_pairs(partner.encryption.method)


def _method_of(document: Mapping[str, Any]) -> str | None:
    encryption = document["encryption"]
    return None if encryption is None else encryption["method"]


def _private_jwk(number: int, kind: str, alg: str) -> Mapping[str, str]:
    private, _ = generate_key(kind, f"enc-{number}-{secrets.token_hex(8)}")
    return {**private, "alg": alg}
