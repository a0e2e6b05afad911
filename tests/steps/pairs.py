"""A partner with key pairs of ours, and what its tests share: documents, stores in memory, real keys."""

import json
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwe
from joserfc.jwk import ECKey, OKPKey, RSAKey

from app.domain.keyset import KeysetPolicy
from app.domain.outside import OutboundPolicy
from app.domain.partner import Partner
from app.domain.scopes import ALL_SCOPES
from app.management_ports import DocumentKind
from app.steps.authorize import Caller
from app.steps.configure import ConfigureDocuments
from app.steps.judge import JudgeToken
from app.steps.key_pairs import MakeKeyPairs, PublishKeyPairs, RotateKeyPairs
from app.steps.keyring import Keyring
from tests.fakes import ConfiguredByDocuments, FixedClock, MemoryAudit, MemoryDocuments, MemoryKeyPairs
from tests.steps.verifying import SIGNING, key_pair, mint

ADMIN = Caller("admin", ALL_SCOPES)
KEY_TYPES: dict[str, Any] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


def paired_body(method: str = "key_pair", **changes: Any) -> dict[str, Any]:
    """Return a partner that signs with the public key `k1` and encrypts for key pairs of ours."""
    signature = {"method": "public_key", "keys": [{"jwk": key_pair("k1")[1]}], "algorithms": [SIGNING]}
    return {"name": "ACME", "signature": signature, "encryption": {"method": method}, **changes}


def encrypted_by_joserfc(jwk: dict[str, Any], enc: str = "A256GCM", *, kid: str | None = "own", token: str = "") -> str:
    """Return a nested JWT as a partner would make it with joserfc for a published key; kid `own` is the key's."""
    named = {} if kid is None else {"kid": jwk["kid"] if kid == "own" else kid}
    header = {"alg": jwk["alg"], "enc": enc, "cty": "JWT", **named}
    key = KEY_TYPES[jwk["kty"]].import_key(jwk)
    return jwe.encrypt_compact(header, token or mint(), key, algorithms=[jwk["alg"], enc])


@dataclass(slots=True)
class Pairs:
    """One installation with stores in memory."""

    documents: MemoryDocuments = field(default_factory=MemoryDocuments)
    key_pairs: MemoryKeyPairs = field(default_factory=MemoryKeyPairs)
    audit: MemoryAudit = field(default_factory=MemoryAudit)
    clock: FixedClock = field(default_factory=FixedClock)
    keyring: Keyring = field(default_factory=Keyring)

    @property
    def make(self) -> MakeKeyPairs:
        return MakeKeyPairs(self.key_pairs, self.clock)

    @property
    def configuration(self) -> ConfiguredByDocuments:
        return ConfiguredByDocuments(self.documents, self.key_pairs)

    @property
    def rotate(self) -> RotateKeyPairs:
        return RotateKeyPairs(self.documents, self.make, self.audit, self.clock)

    def configure(self, partner_id: str = "acme", **body: Any) -> None:
        follow_ups = (self.make.follow_up,)
        configure = ConfigureDocuments(self.documents, self.audit, self.clock, OutboundPolicy(), follow_ups)
        configure.put(DocumentKind.PARTNER, partner_id, paired_body(**body), ADMIN)

    def published(self, partner_id: str = "acme") -> list[dict[str, Any]]:
        keys = PublishKeyPairs(self.configuration, self.make)(partner_id)
        return [json.loads(json.dumps(key)) for key in keys]

    def partner(self, partner_id: str = "acme") -> Partner:
        return self.configuration.load(frozenset(), frozenset({partner_id})).partners[partner_id]

    def judge(self, token: str) -> Any:
        now = self.clock.now()
        return JudgeToken(self.keyring, KeysetPolicy())(token, self.partner(), None, now, now)
