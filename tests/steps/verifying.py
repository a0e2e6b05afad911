"""A verification with in-memory twins and real keys: sessions are accepted, claimed and judged as a worker does it."""

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from typing import Any

from app.adapters.digests import KeyedDigests
from app.domain.campaign import Campaign
from app.domain.keyset import KeysetPolicy
from app.domain.partner import KeyMaterial, Partner, SignatureConfig, SignatureMethod
from app.domain.session import Stage, StoredSession
from app.jose.keys import import_keys
from app.jose.signing import generate_key, sign
from app.ports import Claim
from app.steps.judge import JudgeToken
from app.steps.keyring import Keyring
from app.steps.verify import VerifyReport, VerifyTokens
from tests.builders import NOW, SOURCE, campaign, new_session, partner
from tests.fakes import (
    FixedClock,
    MemoryAcceptedSessions,
    MemoryConfiguration,
    MemoryKeysets,
    MemoryLedger,
    MemorySessions,
    RecordingHints,
)

SIGNING = "ES256"


@cache
def key_pair(kid: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the private and the public JWK of that name, made once per run."""
    return generate_key(SIGNING, kid)


def mint(kid: str = "k1", named: str | None = None, **claims: Any) -> str:
    """Return a token that holds for the builders' partner and campaign, its claims changed; None takes one away."""
    seconds = int(NOW.timestamp())
    whole = {"sub": "ada", "campaignId": "945645", "iat": seconds, "exp": seconds + 300, **claims}
    kept = {name: value for name, value in whole.items() if value is not None}
    return sign(
        json.dumps(kept).encode(),
        import_keys(key_pair(kid)[0]).keys[0],
        SIGNING,
        {"kid": kid if named is None else named},
    )


def pinned_partner(**changes: Any) -> Partner:
    """Return a partner that is configured with the public key `k1`."""
    signature = SignatureConfig(
        SignatureMethod.PUBLIC_KEY, frozenset({SIGNING}), keys=(KeyMaterial(jwk=key_pair("k1")[1]),)
    )
    return replace(partner(signature=signature), **changes)


def published_partner(**changes: Any) -> Partner:
    """Return a partner whose keys stand at SOURCE."""
    signature = SignatureConfig(SignatureMethod.JWKS, frozenset({SIGNING}), jwks_url=SOURCE)
    return replace(partner(signature=signature), **changes)


@dataclass(frozen=True, slots=True)
class Verification:
    """The twins around one VerifyTokens; `sessions` holds what became of them."""

    partner: Partner = field(default_factory=pinned_partner)
    campaign: Campaign = field(default_factory=campaign)
    clock: FixedClock = field(default_factory=FixedClock)
    sessions: MemorySessions = field(default_factory=MemorySessions)
    hints: RecordingHints = field(default_factory=RecordingHints)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    digests: KeyedDigests = field(default_factory=lambda: KeyedDigests(b"d" * 32))
    keysets: MemoryKeysets = field(default_factory=MemoryKeysets)
    unreadable: set[str] = field(default_factory=set)

    def take_in(self, *tokens: str) -> list[str]:
        """Store one session for each token and return their ids."""
        new = [new_session(token=token, received_at=self.clock.now()) for token in tokens]
        self.sessions.add(new, self.clock.now())
        return [session.id for session in new]

    def work(self) -> VerifyReport:
        """Claim what is due and verify it."""
        now = self.clock.now()
        claimed = self.sessions.claim(Claim(Stage.VERIFY, 256, now, now + timedelta(seconds=30)))
        return self.step()(claimed)

    def step(self) -> VerifyTokens:
        """Return the step over the twins."""
        return VerifyTokens(
            queue=self.sessions,
            configuration=replace(MemoryConfiguration.of(self.partner, self.campaign), unreadable=self.unreadable),
            keysets=self.keysets,
            ledger=self.ledger,
            digests=self.digests,
            judge=JudgeToken(Keyring(), KeysetPolicy()),
            accepted=MemoryAcceptedSessions(self.sessions),
            hints=self.hints,
            clock=self.clock,
        )

    def stored(self, id_: str) -> StoredSession:
        """Return the session as it would be read."""
        return self.sessions.load([id_])[id_]
