"""The claims of a verified token: each value's type and bounds, then the rules, in a fixed order.

Times are compared with the moment of receipt, so that a burst which waits in the queue expires nobody. Checked here
and not by the JOSE library, which raises TypeError or OverflowError for an `exp` of text, null, list, true, 1e400 or
10**400.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from app.domain.participation import Limit
from app.domain.prefill import MAX_CUSTOM_BYTES
from app.domain.token import AcceptedClaims, Gift, SignedClaims
from app.errors import TokenRejected
from app.reasons import TokenReason

MAX_NAME_CHARACTERS = 256
MAX_PARTICIPATIONS = 2**31 - 1
"""What a database integer holds; a larger `nb` is no limit in practice."""
Claims = Mapping[str, object]
_LATEST = datetime(9999, 12, 31, tzinfo=UTC)
_LATEST_SECONDS = _LATEST.timestamp()


@dataclass(frozen=True, slots=True)
class ClaimsPolicy:
    """What a partner and a campaign demand of a token's claims; without `campaign_names` any campaign will do."""

    campaign_names: frozenset[str] | None
    issuer: str | None = None
    audience: str | None = None
    require_exp: bool = True
    leeway: timedelta = timedelta(seconds=60)
    max_age: timedelta | None = None
    require_jti: bool = False


ClaimRule = Callable[[Claims, ClaimsPolicy, datetime], object]
"""Returns what one claim says, judged; raises TokenRejected."""


def check_claims(signed: SignedClaims, policy: ClaimsPolicy, received_at: datetime) -> AcceptedClaims:
    """Return the claims as accepted; raise TokenRejected with the first rule that they break (RFC 7519 section 4.1)."""
    claims = signed.claims
    sub = _sub(claims, policy, received_at)
    _campaign_id(claims, policy, received_at)
    expires_at = _expiry(claims, policy, received_at)
    _not_before(claims, policy, received_at)
    _issued_at(claims, policy, received_at)
    _issuer(claims, policy, received_at)
    _audience(claims, policy, received_at)
    _campaign(claims, policy, received_at)
    return AcceptedClaims(
        sub=sub,
        limit=_limit(claims, policy, received_at),
        gift=_gift(claims, policy, received_at),
        jti=_jti(claims, policy, received_at),
        custom=_custom(claims, policy, received_at),
        expires_at=expires_at,
        form=claims.get("form"),
        optin=claims.get("optin"),
        claims=claims,
    )


def numeric_date(value: object) -> datetime | None:
    """Return the moment that a NumericDate names, or None if `value` is none (RFC 7519 section 2)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value < 0:
        return datetime.fromtimestamp(0, UTC)
    return _LATEST if value >= _LATEST_SECONDS else datetime.fromtimestamp(value, UTC)


def _sub(claims: Claims, _: ClaimsPolicy, __: datetime) -> str:
    return _identifier(claims, "sub")


def _campaign_id(claims: Claims, _: ClaimsPolicy, __: datetime) -> str:
    return _identifier(claims, "campaignId")


def _campaign(claims: Claims, policy: ClaimsPolicy, _: datetime) -> None:
    if policy.campaign_names is not None and _identifier(claims, "campaignId") not in policy.campaign_names:
        raise TokenRejected(TokenReason.CAMPAIGN_MISMATCH, "campaignId")


def _identifier(claims: Claims, name: str) -> str:
    value = claims.get(name)
    if value is None:
        raise TokenRejected(TokenReason.CLAIM_MISSING if name not in claims else TokenReason.CLAIM_INVALID, name)
    match value:
        case bool():
            text = ""
        case str():
            text = value
        case int() if abs(value) < 10**MAX_NAME_CHARACTERS:
            text = str(value)
        case _:
            text = ""
    if not 1 <= len(text) <= MAX_NAME_CHARACTERS or "\0" in text:
        raise TokenRejected(TokenReason.CLAIM_INVALID, name)
    return text


def _expiry(claims: Claims, policy: ClaimsPolicy, received_at: datetime) -> datetime | None:
    expires_at = _moment(claims, "exp")
    if expires_at is None and policy.require_exp:
        raise TokenRejected(TokenReason.CLAIM_MISSING, "exp")
    if expires_at is not None and received_at - policy.leeway >= expires_at:
        raise TokenRejected(TokenReason.TOKEN_EXPIRED, "exp")
    return expires_at


def _not_before(claims: Claims, policy: ClaimsPolicy, received_at: datetime) -> None:
    not_before = _moment(claims, "nbf")
    if not_before is not None and not_before > received_at + policy.leeway:
        raise TokenRejected(TokenReason.TOKEN_NOT_YET_VALID, "nbf")


def _issued_at(claims: Claims, policy: ClaimsPolicy, received_at: datetime) -> None:
    issued_at = _moment(claims, "iat")
    if issued_at is not None and issued_at > received_at + policy.leeway:
        raise TokenRejected(TokenReason.TOKEN_NOT_YET_VALID, "iat")
    if policy.max_age is not None:
        if issued_at is None:
            raise TokenRejected(TokenReason.CLAIM_MISSING, "iat")
        if received_at - policy.leeway >= issued_at + policy.max_age:
            raise TokenRejected(TokenReason.TOKEN_TOO_OLD, "iat")


def _moment(claims: Claims, name: str) -> datetime | None:
    if name not in claims:
        return None
    moment = numeric_date(claims[name])
    if moment is None:
        raise TokenRejected(TokenReason.CLAIM_INVALID, name)
    return moment


def _issuer(claims: Claims, policy: ClaimsPolicy, _: datetime) -> None:
    if policy.issuer is not None and claims.get("iss") != policy.issuer:
        raise TokenRejected(TokenReason.ISSUER_MISMATCH, "iss")


def _audience(claims: Claims, policy: ClaimsPolicy, _: datetime) -> None:
    if policy.audience is not None:
        audience = claims.get("aud")
        if policy.audience not in (audience if isinstance(audience, list) else [audience]):
            raise TokenRejected(TokenReason.AUDIENCE_MISMATCH, "aud")


def _limit(claims: Claims, _: ClaimsPolicy, __: datetime) -> Limit:
    if "limit" not in claims:
        return Limit()
    value = claims["limit"]
    if not isinstance(value, dict):
        raise TokenRejected(TokenReason.CLAIM_INVALID, "limit")
    nb, can_play = value.get("nb"), value.get("canPlay")
    if "nb" in value and (isinstance(nb, bool) or not isinstance(nb, int) or nb < 0):
        raise TokenRejected(TokenReason.CLAIM_INVALID, "limit.nb")
    if "canPlay" in value and not isinstance(can_play, bool):
        raise TokenRejected(TokenReason.CLAIM_INVALID, "limit.canPlay")
    return Limit(None if nb is None else min(nb, MAX_PARTICIPATIONS), can_play)


def _gift(claims: Claims, _: ClaimsPolicy, __: datetime) -> Gift | None:
    if "gift" not in claims:
        return None
    value = claims["gift"]
    if not isinstance(value, dict):
        raise TokenRejected(TokenReason.CLAIM_INVALID, "gift")
    label, can_win = value.get("label"), value.get("cw")
    if "label" in value and not isinstance(label, str):
        raise TokenRejected(TokenReason.CLAIM_INVALID, "gift.label")
    if "cw" in value and not isinstance(can_win, bool):
        raise TokenRejected(TokenReason.CLAIM_INVALID, "gift.cw")
    return Gift(label, can_win)


def _custom(claims: Claims, _: ClaimsPolicy, __: datetime) -> Mapping[str, object]:
    if "custom" not in claims:
        return {}
    value = claims["custom"]
    if not isinstance(value, dict) or _json_bytes(value) > MAX_CUSTOM_BYTES:
        raise TokenRejected(TokenReason.CLAIM_INVALID, "custom")
    return value


def _json_bytes(value: dict[str, object]) -> float:
    """Return the size of `value` as JSON; infinite where it holds a number that JSON has no spelling for (1e400)."""
    try:
        return len(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode())
    except ValueError:
        return math.inf


def _jti(claims: Claims, policy: ClaimsPolicy, _: datetime) -> str | None:
    value = claims.get("jti")
    if isinstance(value, str) and 1 <= len(value) <= MAX_NAME_CHARACTERS:
        return value
    if policy.require_jti:
        reason = TokenReason.CLAIM_INVALID if "jti" in claims else TokenReason.CLAIM_MISSING
        raise TokenRejected(reason, "jti")
    return None


CLAIM_RULES: Final[Mapping[str, ClaimRule]] = {
    "sub": _sub,
    "campaignId": _campaign_id,
    "exp": _expiry,
    "nbf": _not_before,
    "iat": _issued_at,
    "iss": _issuer,
    "aud": _audience,
    "campaign": _campaign,
    "limit": _limit,
    "gift": _gift,
    "jti": _jti,
    "custom": _custom,
}
"""Each rule by itself, in the order of `check_claims`, for who wants to know of all that are broken."""
