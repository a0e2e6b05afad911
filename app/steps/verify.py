"""Verify a batch of claimed sessions: judge each token, then save all moves in one transaction.

A batch costs one query for configuration, one for key sets, one for participations and one for used tokens (each only
where a token of the batch needs it), and one update. One in which sessions were parked looks once more whether their
keys came while they were being parked; one in which published keys accepted some, whether such a key was revoked.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter

import structlog

from app.domain.campaign import Campaign
from app.domain.claims import ClaimsPolicy, check_claims
from app.domain.keyset import Keyset, KeysetState, keyset_state, may_ask
from app.domain.partner import Partner
from app.domain.patience import LEAST_POSTPONED, MOST_POSTPONED, look_again_at
from app.domain.session import ClaimedSession, SessionMove, Stage
from app.errors import TokenRejected
from app.keyset_ports import AcceptedSessions
from app.ports import (
    Clock,
    Configuration,
    ConfigurationSource,
    Digests,
    Hints,
    KeysetStore,
    ParticipantKey,
    ParticipationLedger,
    SessionQueue,
    Work,
)
from app.reasons import TokenReason
from app.steps.judge import JudgeToken, Waiting
from app.steps.settle import Accepted, accepted_move, rejected_move
from app.steps.void import void_each

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What became of a batch: how many sessions by outcome.

    An outcome is a token reason, `accepted`, `fetch` (accepted, a call is to be made), `parked`, `postponed` (its
    configuration cannot be read), or `lost` (to another worker, because the lease ran out).
    """

    outcomes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class VerifyTokens:
    """Judges claimed sessions of the stage `verify` and saves what they become."""

    queue: SessionQueue
    configuration: ConfigurationSource
    keysets: KeysetStore
    ledger: ParticipationLedger
    digests: Digests
    judge: JudgeToken
    accepted: AcceptedSessions
    hints: Hints
    clock: Clock

    def __call__(self, sessions: Sequence[ClaimedSession]) -> VerifyReport:
        """Verify and save `sessions`; one whose lease was lost meanwhile changes nothing."""
        began = perf_counter()
        now = self.clock.now()
        judged = self._judge_all(sessions, now)
        moves = [*judged.moves, *self._settle(judged.accepted, now)]
        moved = self.queue.finish(moves, now)
        self._void_revoked(judged, now)
        self._announce(moves, judged, now)
        report = VerifyReport(Counter(_outcome(move) if move.id in moved else "lost" for move in moves))
        duration_ms = round((perf_counter() - began) * 1000, 2)
        _log.info(
            "batch.verified",
            sessions=len(sessions),
            outcomes=dict(report.outcomes),
            by_stale_keys=judged.count_stale(now),
            duration_ms=duration_ms,
        )
        return report

    def _judge_all(self, sessions: Sequence[ClaimedSession], now: datetime) -> "_Judged":
        pairs = {(session.campaign_id, session.partner_id) for session in sessions}
        configuration = self.configuration.load(
            frozenset(campaign_id for campaign_id, _ in pairs), frozenset(partner_id for _, partner_id in pairs)
        )
        sources = frozenset(url for partner in configuration.partners.values() if (url := partner.signature.jwks_url))
        keysets = self.keysets.load(sources) if sources else {}
        rules = {pair: _rules(*pair, configuration, keysets) for pair in pairs if not configuration.cannot_read(*pair)}
        judged = _Judged(keysets)
        for session in sessions:
            pair = (session.campaign_id, session.partner_id)
            if pair not in rules:
                judged.moves.append(_postponed(session, now))
                continue
            try:
                judged.add(self._judge(session, rules[pair], now))
            except TokenRejected as rejection:
                _log_rejection(session, rejection)
                judged.moves.append(rejected_move(session, rejection.reason))
                if rejection.reason is TokenReason.KEY_REVOKED:
                    self._look_for_successor(judged, rules[pair], now)
        return judged

    def _look_for_successor(self, judged: "_Judged", rules: "_Rules | None", now: datetime) -> None:
        """Ask for a key set whose revoked key is still used: its partner may have put another under the same kid."""
        keyset = rules.keyset if rules else None
        if keyset is not None and may_ask(keyset, now, self.judge.policy):
            kids = self.judge.revoked_kids(keyset)
            judged.missing[keyset.source] = judged.missing.get(keyset.source, frozenset()) | kids

    def _judge(self, session: ClaimedSession, rules: "_Rules | None", now: datetime) -> "Accepted | _Parked":
        if rules is None:
            raise TokenRejected(TokenReason.CAMPAIGN_MISMATCH, "the campaign or its partner was deleted")
        partner, token = rules.partner, session.token or ""
        is_first = session.attempts - session.crash_count == 1  # claims whose process died looked at nothing
        verdict = self.judge(token, partner, rules.keyset, session.received_at, now, is_first_look=is_first)
        if isinstance(verdict, Waiting):
            return _Parked(session, verdict)
        claims = check_claims(verdict, rules.policy, session.received_at)
        participant = self.digests.participant(partner.id, claims.sub)
        jti = self.digests.jti(partner.id, claims.jti) if claims.jti else None
        return Accepted(session, rules.campaign, partner, verdict, claims, participant, jti)

    def _settle(self, accepted: Sequence[Accepted], now: datetime) -> Sequence[SessionMove]:
        limited = frozenset(_participant(one) for one in accepted if one.claims.limit.nb is not None)
        counts = self.ledger.count(limited) if limited else {}
        jtis = {
            one.session.id: (one.partner.id, one.jti_digest)
            for one in accepted
            if one.campaign.single_use and one.jti_digest
        }
        uses = self.ledger.find_uses(frozenset(jtis.values())) if jtis else {}
        moves = []
        for one in accepted:
            jti = jtis.get(one.session.id)
            if jti is not None and uses.get(jti, one.session.id) != one.session.id:
                rejection = TokenRejected(TokenReason.TOKEN_REUSED, "jti")
                _log_rejection(one.session, rejection)
                moves.append(rejected_move(one.session, rejection.reason))
            else:
                used = counts.get(_participant(one), 0) if counts else 0
                moves.append(accepted_move(one, used, now))
        return moves

    def _void_revoked(self, judged: "_Judged", now: datetime) -> None:
        """Void what a key accepted while it was being revoked: whoever searches now cannot have seen these sessions."""
        published = [one for one in judged.accepted if one.signed.keyset_version is not None]
        keysets = self.keysets.load(frozenset(_source(one) for one in published)) if published else {}
        revoked = [
            one.session.id
            for one in published
            if _source(one) in keysets and one.signed.key_thumbprint in keysets[_source(one)].revoked
        ]
        if revoked:
            _log.warning("sessions.voided", sessions=void_each(self.accepted, revoked, now))

    def _announce(self, moves: Sequence[SessionMove], judged: "_Judged", now: datetime) -> None:
        to_fetch = sum(move.stage is Stage.FETCH for move in moves)
        if to_fetch:
            self.hints.ring(Work.FETCH, to_fetch)
        if judged.missing and self.keysets.ask(judged.missing, now):
            self.hints.ring(Work.REFRESH, len(judged.missing))
        # A key set saved between our reading it and our parking woke nobody: those sessions would sleep on.
        judged_by = {source: judged.keysets.get(source) for source in judged.parked_on}
        if judged_by and self.keysets.wake_if_renewed(judged_by, now):
            self.hints.ring(Work.VERIFY, len(judged.moves))


@dataclass(frozen=True, slots=True)
class _Rules:
    """What the tokens of one campaign and partner are judged by: the same for the whole batch."""

    campaign: Campaign
    partner: Partner
    keyset: Keyset | None
    policy: ClaimsPolicy


@dataclass(frozen=True, slots=True)
class _Parked:
    session: ClaimedSession
    waiting: Waiting


@dataclass(frozen=True, slots=True)
class _Judged:
    """A batch after judging by `keysets`: what is accepted, the moves that need nothing more, what is to be asked for.

    `parked_on` are the sources that sessions wait for, `missing` the kids to ask for, by source.
    """

    keysets: Mapping[str, Keyset]
    accepted: list[Accepted] = field(default_factory=list)
    moves: list[SessionMove] = field(default_factory=list)
    parked_on: set[str] = field(default_factory=set)
    missing: dict[str, frozenset[str]] = field(default_factory=dict)

    def add(self, judged: Accepted | _Parked) -> None:
        if isinstance(judged, Accepted):
            self.accepted.append(judged)
            return
        session, waiting = judged.session, judged.waiting
        self.moves.append(
            SessionMove(
                session.id, session.lease_token, Stage.VERIFY, due_at=waiting.park.until, parked_on=waiting.source
            )
        )
        self.parked_on.add(waiting.source)
        if waiting.park.wants_refresh:
            kids = frozenset({waiting.kid} if waiting.kid else ())
            self.missing[waiting.source] = self.missing.get(waiting.source, frozenset()) | kids

    def count_stale(self, now: datetime) -> int:
        """Count the tokens that were accepted by keys whose refresh is overdue."""
        stale = {source for source, keyset in self.keysets.items() if keyset_state(keyset, now) is KeysetState.STALE}
        return sum(one.partner.signature.jwks_url in stale for one in self.accepted) if stale else 0


def claims_policy(partner: Partner, campaign: Campaign) -> ClaimsPolicy:
    """Return what both demand of a token's claims."""
    return ClaimsPolicy(
        campaign_names=campaign.names,
        issuer=partner.issuer,
        audience=partner.audience,
        require_exp=partner.require_exp,
        leeway=partner.leeway,
        max_age=partner.max_age,
        require_jti=campaign.single_use,
    )


def _rules(
    campaign_id: str, partner_id: str, configuration: Configuration, keysets: Mapping[str, Keyset]
) -> _Rules | None:
    """Return what a batch's tokens of that campaign and partner are judged by, or None where either was deleted."""
    campaign, partner = configuration.campaigns.get(campaign_id), configuration.partners.get(partner_id)
    if campaign is None or partner is None:
        return None
    return _Rules(campaign, partner, keysets.get(partner.signature.jwks_url or ""), claims_policy(partner, campaign))


def _postponed(session: ClaimedSession, now: datetime) -> SessionMove:
    """Return the move of one whose configuration cannot be read just now, which is no fault of its token's."""
    again_at = look_again_at(session.received_at, now, LEAST_POSTPONED, MOST_POSTPONED)
    return SessionMove(session.id, session.lease_token, Stage.VERIFY, due_at=again_at)


def _source(accepted: Accepted) -> str:
    return accepted.partner.signature.jwks_url or ""


def _participant(accepted: Accepted) -> ParticipantKey:
    return ParticipantKey(accepted.campaign.id, accepted.partner.id, accepted.participant_digest)


def _outcome(move: SessionMove) -> str:
    match move.stage:
        case Stage.VERIFY:
            return "parked" if move.parked_on else "postponed"
        case Stage.FETCH:
            return "fetch"
        case _:
            reason = move.outcome.token_reason if move.outcome else None
            return str(reason or "accepted")


def _log_rejection(session: ClaimedSession, rejection: TokenRejected) -> None:
    _log.info(
        "token.rejected",
        session_id=session.id,
        campaign_id=session.campaign_id,
        partner_id=session.partner_id,
        reason=rejection.reason,
        detail=rejection.detail,
    )
