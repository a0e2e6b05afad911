"""Our key pairs for partners' tokens: made when a partner is configured for them, published, rotated with an overlap.

Of several processes that make the first pairs together one succeeds, and all use what it made.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from app.domain.key_pairs import KeyGeneration, current_jwks, encrypts_by_pairs
from app.domain.partner import Partner
from app.errors import EncryptionKeysUnknown
from app.jose.material import PRIVATE_MEMBERS
from app.jose.signing import generate_key
from app.management_ports import AuditLog, DocumentKind, DocumentStore
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
            made = self.generate(partner_id, known)
            # Refused where another process made this generation meanwhile: it will do as well.
            self.key_pairs.add(made, made.created_at + OVERLAP)

    def follow_up(self, kind: DocumentKind, id_: str, document: Mapping[str, Any] | None) -> None:
        """Make the key pairs that a document asks for that was just stored."""
        if kind is DocumentKind.PARTNER and document is not None and encrypts_by_pairs(_method_of(document)):
            self.ensure(id_)

    def generate(self, partner_id: str, known: Sequence[KeyGeneration]) -> KeyGeneration:
        """Make the key pairs that come after those that are known, which takes a second; they are not stored yet."""
        number = known[0].number + 1 if known else 1
        jwks = tuple(_private_jwk(number, kind, alg) for kind, alg in _KINDS)
        return KeyGeneration(partner_id, number, jwks, self.clock.now())


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
        key_pairs = self.make.key_pairs
        made = self.make.generate(partner_id, key_pairs.load(partner_id))
        detail = {"generation": made.number, "overlap_seconds": int(overlap.total_seconds())}
        with self.audit.together():
            # Refused where another process made this generation meanwhile: it will do as well.
            key_pairs.add(made, made.created_at + overlap)
            self.audit.add(caller.did("partner.keys_rotated", partner_id, made.created_at, detail, partner_id))
        return key_pairs.load(partner_id)[0]


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
