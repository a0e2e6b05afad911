"""Turn a judged token into what its session becomes: refused, settled, or waiting for a partner's answer."""

from datetime import datetime

from app.domain.campaign import Campaign
from app.domain.claims import numeric_date
from app.domain.participation import TOKEN_REJECTED, Ticket, Verdict, decide_participation, may_play
from app.domain.partner import Authorization, AuthorizationSource, Partner
from app.domain.prefill import NO_PREFILL, Prefill, PrefillRequest, PrefillStatus, prefill_from_claims, unavailable
from app.domain.session import ClaimedSession, Outcome, SessionMove, Stage, TokenStatus
from app.domain.strict_json import NotStrictJson, parse_object
from app.domain.token import AcceptedClaims, SignedClaims
from app.jose.base64url import decode
from app.reasons import PrefillReason, TokenReason
from app.values import light_value


@light_value
class Accepted:
    """A session with its accepted claims, and the digests of its participant and of its token's jti."""

    session: ClaimedSession
    campaign: Campaign
    partner: Partner
    signed: SignedClaims
    claims: AcceptedClaims
    participant_digest: str
    jti_digest: str | None = None


def rejected_move(session: ClaimedSession, reason: TokenReason) -> SessionMove:
    """Return the move of a session whose token was refused."""
    outcome = Outcome(TokenStatus.REJECTED, TOKEN_REJECTED, reason)
    return SessionMove(session.id, session.lease_token, Stage.DONE, outcome=outcome)


def accepted_move(accepted: Accepted, used: int, now: datetime) -> SessionMove:
    """Return the move of one whose participant has played `used` times; who may not play costs no partner a call."""
    session, claims = accepted.session, accepted.claims
    verdict = decide_participation(claims.limit, used)
    prefill, request = decide_prefill(claims, accepted.signed, accepted.partner, accepted.campaign, verdict)
    ticket = Ticket(claims.limit, accepted.jti_digest, claims.expires_at)
    outcome = Outcome(TokenStatus.ACCEPTED, verdict, None, claims.gift, claims.custom, prefill, ticket)
    return SessionMove(
        session.id,
        session.lease_token,
        Stage.FETCH if request else Stage.DONE,
        due_at=now if request else None,
        outcome=outcome,
        request=request,
        participant_digest=accepted.participant_digest,
        key_thumbprint=accepted.signed.key_thumbprint,
        keyset_version=accepted.signed.keyset_version,
    )


def decide_prefill(
    claims: AcceptedClaims, signed: SignedClaims, partner: Partner, campaign: Campaign, verdict: Verdict
) -> tuple[Prefill, PrefillRequest | None]:
    """Return the prefill as it is known when a token was accepted, and what its partner is asked, if it is."""
    if not may_play(verdict, campaign.mode):
        return NO_PREFILL, None
    carried = prefill_from_claims(claims.form, claims.optin)
    if carried.status is PrefillStatus.READY or partner.prefill is None:
        return carried, None
    request = _request(claims, signed, partner.prefill.authorization)
    if request is None:
        return unavailable(PrefillReason.AUTH, carried.warnings), None
    return Prefill(PrefillStatus.PENDING, warnings=carried.warnings), request


def _request(claims: AcceptedClaims, signed: SignedClaims, authorization: Authorization) -> PrefillRequest | None:
    """Return what the call needs, or None where the token does not bring the credential that its partner asks for."""
    match authorization.source:
        case AuthorizationSource.NONE | AuthorizationSource.STATIC:
            return PrefillRequest(claims.sub)
        case AuthorizationSource.TOKEN:
            return PrefillRequest(claims.sub, signed.compact, claims.expires_at)
        case AuthorizationSource.CLAIM:
            bearer = claims.claims.get(authorization.name or "access_token")
            if not isinstance(bearer, str) or not bearer:
                return None
            return PrefillRequest(claims.sub, bearer, _bearer_expires_at(bearer))


def _bearer_expires_at(bearer: str) -> datetime | None:
    """Return when an access token that happens to be a JWT says that it ends; believed only to stop trying earlier."""
    parts = bearer.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - a compact JWS has three parts
        return None
    try:
        return numeric_date(parse_object(decode(parts[1])).get("exp"))
    except (NotStrictJson, ValueError):
        return None
