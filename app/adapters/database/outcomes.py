"""Outcomes and prefill requests as bytes, to be sealed, and back.

Members that say nothing are left out. What these functions wrote once must be read forever: add members, rename none.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from app.compact_json import decode, encode
from app.domain.participation import NO_TICKET, Limit, Ticket, Verdict
from app.domain.prefill import NO_PREFILL, Prefill, PrefillRequest, PrefillSource, PrefillStatus
from app.domain.session import Outcome, TokenStatus
from app.domain.token import Gift
from app.reasons import ParticipationReason, PrefillReason, TokenReason

_TOKEN_STATUSES: Final[Mapping[str, TokenStatus]] = {one.value: one for one in TokenStatus}
_PREFILL_STATUSES: Final[Mapping[str, PrefillStatus]] = {one.value: one for one in PrefillStatus}
_PREFILL_SOURCES: Final[Mapping[str, PrefillSource]] = {one.value: one for one in PrefillSource}


def encode_outcome(outcome: Outcome) -> bytes:
    """Return `outcome` as JSON."""
    verdict = outcome.verdict
    document: dict[str, object] = {
        "token": [outcome.token_status, outcome.token_reason],
        "verdict": [verdict.allowed, verdict.reason, verdict.remaining],
    }
    if outcome.gift is not None:
        document["gift"] = [outcome.gift.label, outcome.gift.can_win]
    if outcome.custom:
        document["custom"] = dict(outcome.custom)
    if outcome.prefill != NO_PREFILL:
        prefill = outcome.prefill
        document["prefill"] = [prefill.status, prefill.source, prefill.reason, prefill.warnings]
        document["form"] = dict(prefill.form)
        document["optin"] = dict(prefill.optin)
    if outcome.ticket != NO_TICKET:
        limit, ends_at = outcome.ticket.limit, outcome.ticket.expires_at
        document["ticket"] = [limit.nb, limit.can_play, outcome.ticket.jti_digest, ends_at and ends_at.isoformat()]
    return encode(document)


def decode_outcome(encoded: bytes) -> Outcome:
    """Return the outcome that `encode_outcome` wrote."""
    document = decode(encoded)
    status, token_reason = document["token"]
    allowed, reason, remaining = document["verdict"]
    return Outcome(
        token_status=_TOKEN_STATUSES[status],
        verdict=Verdict(allowed, reason and ParticipationReason(reason), remaining),
        token_reason=token_reason and TokenReason(token_reason),
        gift=Gift(*document["gift"]) if "gift" in document else None,
        custom=document.get("custom", {}),
        prefill=_decode_prefill(document) if "prefill" in document else NO_PREFILL,
        ticket=_decode_ticket(document),
    )


def encode_request(request: PrefillRequest) -> bytes:
    """Return `request` as JSON."""
    ends_at = request.bearer_expires_at
    return encode({"sub": request.sub, "bearer": request.bearer, "ends_at": ends_at and ends_at.isoformat()})


def decode_request(encoded: bytes) -> PrefillRequest:
    """Return the request that `encode_request` wrote."""
    document = decode(encoded)
    ends_at = document["ends_at"]
    return PrefillRequest(document["sub"], document["bearer"], ends_at and datetime.fromisoformat(ends_at))


def _decode_prefill(document: dict[str, Any]) -> Prefill:
    status, source, reason, warnings = document["prefill"]
    return Prefill(
        status=_PREFILL_STATUSES[status],
        source=source and _PREFILL_SOURCES[source],
        reason=reason and PrefillReason(reason),
        form=document["form"],
        optin=document["optin"],
        warnings=tuple(warnings),
    )


def _decode_ticket(document: dict[str, Any]) -> Ticket:
    if "ticket" in document:
        nb, can_play, jti_digest, ends_at = document["ticket"]
        return Ticket(Limit(nb, can_play), jti_digest, ends_at and datetime.fromisoformat(ends_at))
    # Written when nobody could play yet: what remained then was the whole limit.
    _, reason, remaining = document["verdict"]
    return Ticket(Limit(remaining, False if reason == ParticipationReason.NOT_ELIGIBLE else None))
