"""Judge a partner's signed token for the partner itself: no campaign is asked, no session made, nothing consumed.

Never calls anybody: a key that is not known here is asked for, and the token refused until it has come.
"""

from dataclasses import dataclass
from datetime import datetime

from app.domain.claims import ClaimsPolicy, check_claims
from app.domain.keyset import Keyset
from app.domain.partner import Partner
from app.domain.token import AcceptedClaims
from app.errors import TokenRejected
from app.jose.gate import open_token
from app.ports import Clock, Hints, KeysetStore, Work
from app.reasons import TokenReason
from app.steps.judge import JudgeToken, Waiting

_ASKED_FOR = "its keys have been asked for, try again in a few seconds"


@dataclass(frozen=True, slots=True)
class VouchForToken:
    """Judges a JWS against one partner's configuration, as far as that goes without a campaign."""

    keysets: KeysetStore
    judge: JudgeToken
    hints: Hints
    clock: Clock

    def __call__(self, text: str, partner: Partner) -> AcceptedClaims:
        """Return the claims; raise TokenRejected. Any campaign will do, as long as one is named."""
        now = self.clock.now()
        keyset = self._keyset(partner)
        signed = self.judge.judge_signed(open_token(text), partner, keyset, now, now)
        if isinstance(signed, Waiting):
            self._ask(signed, now)
            raise TokenRejected(TokenReason.KID_UNKNOWN if signed.kid else TokenReason.KEYS_UNAVAILABLE, _ASKED_FOR)
        return check_claims(signed, _claims_policy(partner), now)

    def _keyset(self, partner: Partner) -> Keyset | None:
        source = partner.signature.jwks_url
        return None if source is None else self.keysets.load(frozenset({source})).get(source)

    def _ask(self, waiting: Waiting, now: datetime) -> None:
        kids = frozenset({waiting.kid} if waiting.kid else ())
        if waiting.park.wants_refresh and self.keysets.ask({waiting.source: kids}, now):
            self.hints.ring(Work.REFRESH)


def _claims_policy(partner: Partner) -> ClaimsPolicy:
    return ClaimsPolicy(
        campaign_names=None,
        issuer=partner.issuer,
        audience=partner.audience,
        require_exp=partner.require_exp,
        leeway=partner.leeway,
        max_age=partner.max_age,
    )
