"""The inspector: every check that a token meets on its journey, the verdict, and what its campaign would do.

Asks the journey's own questions. Makes no session, uses up no token, writes no log; the one thing that it leaves behind
is what a participant's token leaves too: a key set that lacks its key is asked for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.domain.claims import CLAIM_RULES, ClaimsPolicy, check_claims
from app.domain.inspection import Check, Inspection, Question, Trail, shown
from app.domain.keyset import Keyset
from app.domain.participation import TOKEN_REJECTED, Verdict, decide_participation
from app.domain.prefill import Prefill, PrefillRequest
from app.domain.session import Outcome, TokenStatus
from app.domain.token import AcceptedClaims, SignedClaims
from app.domain.token_advice import moment_advice
from app.errors import CampaignUnknown, PartnerUnknown, TokenRejected
from app.ports import (
    Clock,
    ConfigurationSource,
    Digests,
    Hints,
    KeysetStore,
    ParticipantKey,
    ParticipationLedger,
    Work,
)
from app.reasons import TokenReason
from app.steps.authorize import Caller
from app.steps.expectations import expectations
from app.steps.judge import JudgeToken, Waiting
from app.steps.settle import decide_prefill
from app.steps.verify import claims_policy
from app.steps.walk_gate import WalkGate

LOOK_SECONDS = 0.2
"""Between two looks at a key set that has been asked for."""
PATIENCE_SECONDS = 3.0
"""How long an inspection waits for it; the refresh goes on without it."""

_MOMENTS = frozenset({"exp", "nbf", "iat"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller says."""

    partner_id: str
    campaign_id: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class InspectToken:
    """Inspects one token at a time; `load_digests` gives those of the installation."""

    configuration: ConfigurationSource
    keysets: KeysetStore
    ledger: ParticipationLedger
    load_digests: Callable[[], Digests]
    judge: JudgeToken
    hints: Hints
    clock: Clock

    def __call__(self, asked: Asked, caller: Caller) -> Inspection:
        """Return what is found; raise PartnerUnknown, or CampaignUnknown for what is no campaign of that partner."""
        if not caller.sees(asked.partner_id):
            raise PartnerUnknown
        found = self.configuration.load(frozenset({asked.campaign_id}), frozenset({asked.partner_id}))
        partner, campaign = found.partners.get(asked.partner_id), found.campaigns.get(asked.campaign_id)
        if partner is None:
            raise PartnerUnknown
        if campaign is None or campaign.partner_id != partner.id:
            raise CampaignUnknown("This partner has no campaign of that id.")
        question = Question(partner, campaign, asked.token, self.clock.now())
        inspection, waiting = self._inspect(question)
        return replace(inspection, is_fetching=waiting is not None and self._ask_for(waiting))

    def look_again(self, earlier: Inspection) -> Inspection:
        """Return what is found now that the key set may have come; asks for nothing."""
        inspection, waiting = self._inspect(earlier.question)
        return replace(inspection, is_fetching=waiting is not None)

    def _inspect(self, question: Question) -> tuple[Inspection, Waiting | None]:
        partner, campaign = question.partner, question.campaign
        source = partner.signature.jwks_url
        keyset = None if source is None else self._keyset(source)
        trail = Trail(expectations(partner, campaign, keyset, question.received_at))
        walked = WalkGate(self.judge, trail, question, keyset, self.clock.now())()
        policy = claims_policy(partner, campaign)
        if walked.claims is not None:
            _check_claims(trail, walked.claims, policy, question.received_at)
        outcome, request = None, None
        if walked.signed is not None and trail.verdict.status is TokenStatus.ACCEPTED:
            claims = check_claims(walked.signed, policy, question.received_at)
            outcome, request = self._foresee(trail, question, walked.signed, claims)
        verdict = trail.verdict
        if verdict.status is TokenStatus.REJECTED:
            outcome = Outcome(TokenStatus.REJECTED, TOKEN_REJECTED, verdict.reason)
        found = Inspection(question, trail.checks, verdict, outcome, request, walked.claims or {})
        return found, walked.waiting

    def _foresee(
        self, trail: Trail, question: Question, signed: SignedClaims, claims: AcceptedClaims
    ) -> tuple[Outcome | None, PrefillRequest | None]:
        partner, campaign = question.partner, question.campaign
        trail.ask("single_use", lambda: self._refuse_used(question, claims), lambda _: shown(claims.jti))
        if not trail.holds("single_use"):
            return None, None
        used = self._count(question, claims)
        verdict = decide_participation(claims.limit, used)
        prefill, request = decide_prefill(claims, signed, partner, campaign, verdict)
        _note_participation(trail, verdict, used)
        _note_prefill(trail, prefill)
        return Outcome(TokenStatus.ACCEPTED, verdict, None, claims.gift, claims.custom, prefill), request

    def _refuse_used(self, question: Question, claims: AcceptedClaims) -> None:
        if not question.campaign.single_use or claims.jti is None:
            return
        partner_id = question.partner.id
        if self.ledger.find_uses(frozenset({(partner_id, self.load_digests().jti(partner_id, claims.jti))})):
            raise TokenRejected(TokenReason.TOKEN_REUSED, "jti")

    def _count(self, question: Question, claims: AcceptedClaims) -> int:
        partner_id = question.partner.id
        participant = ParticipantKey(
            question.campaign.id, partner_id, self.load_digests().participant(partner_id, claims.sub)
        )
        return self.ledger.count(frozenset({participant})).get(participant, 0)

    def _keyset(self, source: str) -> Keyset | None:
        return self.keysets.load(frozenset({source})).get(source)

    def _ask_for(self, waiting: Waiting) -> bool:
        kids = frozenset({waiting.kid} if waiting.kid else ())
        if waiting.park.wants_refresh and self.keysets.ask({waiting.source: kids}, self.clock.now()):
            self.hints.ring(Work.REFRESH)
        return waiting.park.wants_refresh


def _check_claims(trail: Trail, claims: Mapping[str, object], policy: ClaimsPolicy, received_at: datetime) -> None:
    for rule_name in CLAIM_RULES:
        _check_claim(trail, rule_name, claims, policy, received_at)


def _check_claim(
    trail: Trail, rule_name: str, claims: Mapping[str, object], policy: ClaimsPolicy, received_at: datetime
) -> None:
    check, claim = ("campaign", "campaignId") if rule_name == "campaign" else (f"claims.{rule_name}", rule_name)
    trail.ask(
        check,
        lambda: CLAIM_RULES[rule_name](claims, policy, received_at),
        lambda _: shown(claims[claim]) if claim in claims else None,
    )
    if claim in _MOMENTS:
        trail.remark(check, moment_advice(claims.get(claim)))


def _note_participation(trail: Trail, verdict: Verdict, used: int) -> None:
    left = "" if verdict.remaining is None else f", {verdict.remaining} remaining"
    expected = trail.expected["participation"]
    got = f"{used} recorded{left}"
    trail.note(Check("participation", passed=verdict.allowed, expected=expected, got=got, reason=verdict.reason))


def _note_prefill(trail: Trail, prefill: Prefill) -> None:
    names = [*(f"form.{name}" for name in prefill.form), *(f"optin.{name}" for name in prefill.optin)]
    got = ", ".join(names) or f"{prefill.status}{'' if prefill.source is None else f' from {prefill.source}'}"
    expected = trail.expected["prefill"]
    found = Check("prefill", passed=prefill.reason is None, expected=expected, got=got, reason=prefill.reason)
    trail.note(replace(found, advice=f"Left out: {', '.join(prefill.warnings)}." if prefill.warnings else None))
