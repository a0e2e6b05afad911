"""An inspector and a verify worker side by side on the same twins, so that a test can compare what they say."""

from dataclasses import dataclass, replace
from typing import Any

from app.domain.inspection import Check, Inspection
from app.domain.keyset import KeysetMode, KeysetPolicy
from app.domain.partner import EncryptionConfig, EncryptionMethod, KeyMaterial, Partner
from app.domain.scopes import ALL_SCOPES
from app.domain.session import Outcome, Stage
from app.jose.encryption import encrypt
from app.jose.keys import import_keys, import_secret
from app.jose.signing import sign
from app.reasons import TokenReason
from app.steps.authorize import Caller
from app.steps.inspect import Asked, InspectToken
from app.steps.judge import JudgeToken
from app.steps.keyring import Keyring
from tests.builders import NOW, SOURCE, campaign, keyset
from tests.fakes import MemoryConfiguration
from tests.steps.verifying import SIGNING, Verification, key_pair, mint, pinned_partner, published_partner

ADMIN = Caller("admin", ALL_SCOPES)
SECRET = "0123456789abcdef0123456789abcdef"
SHARED = EncryptionConfig(EncryptionMethod.SHARED_SECRET, required=True, keys=(KeyMaterial(secret=SECRET),))


@dataclass(frozen=True, slots=True)
class Bench:
    """One installation, asked both ways."""

    verification: Verification

    @classmethod
    def of(cls, partner: Partner | None = None, **campaign_changes: Any) -> "Bench":
        return cls(Verification(partner or pinned_partner(), campaign(**campaign_changes)))

    @property
    def inspector(self) -> InspectToken:
        twins = self.verification
        return InspectToken(
            configuration=MemoryConfiguration.of(twins.partner, twins.campaign),
            keysets=twins.keysets,
            ledger=twins.ledger,
            load_digests=lambda: twins.digests,
            judge=JudgeToken(Keyring(), KeysetPolicy()),
            hints=twins.hints,
            clock=twins.clock,
        )

    def inspect(self, token: str) -> Inspection:
        return self.inspector(Asked("acme", "945645", token), ADMIN)

    def journey(self, token: str) -> tuple[Stage, Outcome | None]:
        """Return what the verify step makes of a session with that token."""
        [id_] = self.verification.take_in(token)
        self.verification.work()
        session = self.verification.stored(id_)
        return session.stage, session.outcome


@dataclass(frozen=True, slots=True)
class Case:
    """A token that is refused, and where; `check` is the name of the check that refuses it."""

    bench: Bench
    token: str
    check: str


def check(inspection: Inspection, name: str) -> Check:
    return next(one for one in inspection.checks if one.name == name)


def nested(token: str, secret: str = SECRET) -> str:
    return encrypt(token, import_secret(secret, "text"), "dir", "A256GCM", None)


def signed(payload: bytes) -> str:
    return sign(payload, import_keys(key_pair("k1")[0]).keys[0], SIGNING, {"kid": "k1"})


def published(**changes: Any) -> Bench:
    bench = Bench.of(published_partner())
    bench.verification.keysets.rows[SOURCE] = keyset(**{"keys": (key_pair("k1")[1],), **changes})
    return bench


def refusals() -> dict[TokenReason, Case]:
    """Return one token for each reason there is."""
    strict = pinned_partner(issuer="acme", audience="here", max_age=NOW - NOW.replace(hour=11))
    other_algorithm = replace(pinned_partner().signature, algorithms=frozenset({"RS256"}))
    seconds = int(NOW.timestamp())
    reused = Bench.of(single_use=True)
    reused.verification.ledger.uses["acme", reused.verification.digests.jti("acme", "one")] = "ses_another"
    thumbprint = import_keys(key_pair("k1")[1]).keys[0].thumbprint
    return {
        TokenReason.TOKEN_MALFORMED: Case(Bench.of(), "e30.e30.AAAA", "header_members"),
        TokenReason.TOKEN_TOO_LARGE: Case(Bench.of(), mint(form={"story": "x" * 16_000}), "shape"),
        TokenReason.TOKEN_NOT_ENCRYPTED: Case(Bench.of(pinned_partner(encryption=SHARED)), mint(), "encryption"),
        TokenReason.TOKEN_UNEXPECTEDLY_ENCRYPTED: Case(Bench.of(), nested(mint()), "encryption"),
        TokenReason.DECRYPTION_FAILED: Case(
            Bench.of(pinned_partner(encryption=SHARED)), nested(mint(), SECRET[::-1]), "decryption"
        ),
        TokenReason.ALG_NOT_ALLOWED: Case(Bench.of(pinned_partner(signature=other_algorithm)), mint(), "algorithm"),
        TokenReason.KID_MISSING: Case(published(), mint(named=""), "key"),
        TokenReason.KID_UNKNOWN: Case(published(fetched_at=NOW), mint("k2"), "key"),
        TokenReason.KEY_REVOKED: Case(published(revoked=frozenset({thumbprint})), mint(), "key"),
        TokenReason.KEYS_UNAVAILABLE: Case(published(mode=KeysetMode.DISABLED), mint(), "key"),
        TokenReason.SIGNATURE_INVALID: Case(Bench.of(), mint("k2"), "signature"),
        TokenReason.CLAIMS_MALFORMED: Case(Bench.of(), signed(b'{"sub":"a","sub":"b"}'), "claims"),
        TokenReason.CLAIM_MISSING: Case(Bench.of(), mint(sub=None), "claims.sub"),
        TokenReason.CLAIM_INVALID: Case(Bench.of(), mint(exp="soon"), "claims.exp"),
        TokenReason.TOKEN_EXPIRED: Case(Bench.of(), mint(exp=seconds - 61), "claims.exp"),
        TokenReason.TOKEN_NOT_YET_VALID: Case(Bench.of(), mint(nbf=seconds + 90), "claims.nbf"),
        TokenReason.TOKEN_TOO_OLD: Case(
            Bench.of(strict), mint(iat=seconds - 3700, iss="acme", aud=["here"]), "claims.iat"
        ),
        TokenReason.ISSUER_MISMATCH: Case(Bench.of(strict), mint(iss="other"), "claims.iss"),
        TokenReason.AUDIENCE_MISMATCH: Case(Bench.of(strict), mint(iss="acme", aud=["there"]), "claims.aud"),
        TokenReason.CAMPAIGN_MISMATCH: Case(Bench.of(), mint(campaignId="1"), "campaign"),
        TokenReason.TOKEN_REUSED: Case(reused, mint(jti="one"), "single_use"),
    }
