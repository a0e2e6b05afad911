"""The operation of the inspector."""

from typing import Any, Final

from pydantic import Field

from app import errors
from app.documents.orders import InspectionOrder
from app.domain.campaign import Mode
from app.domain.prefill import PrefillSource, PrefillStatus
from app.domain.scopes import Scope
from app.domain.session import TokenStatus
from app.reasons import ParticipationReason, PrefillReason, TokenReason
from app.web.openapi import parameters
from app.web.openapi.operation import ManagementOperation, Tag, json_answer, json_content
from app.web.openapi.sessions import VerdictShape
from app.web.openapi.shapes import Moment, ScreenShape, Shape


class TokenCheckShape(Shape):
    """One rule; `passed` is null where it could not be judged."""

    name: str
    passed: bool | None
    expected: str
    got: str | None
    hint: str | None
    reason: TokenReason | ParticipationReason | PrefillReason | None
    docs: str | None = Field(description="Where the reason is explained.")


class TokenVerdictShape(Shape):
    """What the token's session would say of it."""

    status: TokenStatus
    reason: TokenReason | None


class MappingShape(Shape):
    """How the partner's answer would be mapped: expressions by name, or that a member is taken as it is."""

    form: dict[str, str] | str
    optin: dict[str, str] | str


class PlannedPrefillShape(Shape):
    """What the prefill would be; names of fields, no values."""

    status: PrefillStatus
    source: PrefillSource | None
    reason: PrefillReason | None
    form: list[str]
    optin: list[str]
    warnings: list[str]
    empty_fields: list[str]
    mapping: MappingShape | None


class EffectShape(Shape):
    """What the campaign would do with the token."""

    campaign_id: str
    partner_id: str
    mode: Mode
    participation: VerdictShape | None
    anonymous: bool
    screen: ScreenShape | None
    prefill: PlannedPrefillShape | None


class ComparedShape(Shape):
    """A moment that the token names, by our clock."""

    at: Moment
    seconds_from_now: float


class ClocksShape(Shape):
    """The moments of the token compared with our clock."""

    now: Moment
    leeway_seconds: int
    iat: ComparedShape | None
    nbf: ComparedShape | None
    exp: ComparedShape | None


class DryRunShape(Shape):
    """What the partner's API answered to a call that was made for the inspection."""

    status: PrefillStatus
    reason: PrefillReason | None
    detail: str | None
    http_status: int | None
    duration_ms: float | None
    form: list[str]
    optin: list[str]
    missing: list[str]
    warnings: list[str]


class InspectionShape(Shape):
    """Every check in the order of the journey, the verdict, and what would follow."""

    checks: list[TokenCheckShape]
    verdict: TokenVerdictShape
    campaign: EffectShape
    clocks: ClocksShape
    dry_run: DryRunShape | None


_INSPECTION: Final[dict[str, Any]] = {
    "checks": [
        {
            "name": "claims.exp",
            "passed": False,
            "expected": "a number of seconds, after 2027-03-01T11:59:00.123Z",
            "got": "1803898800",
            "hint": "At fault: exp. Mint tokens when the page is served, with `exp` in seconds; compare your clock.",
            "reason": "token_expired",
            "docs": "docs/reasons.md#token_expired",
        }
    ],
    "verdict": {"status": "rejected", "reason": "token_expired"},
    "campaign": {
        "campaign_id": parameters.CAMPAIGN,
        "partner_id": parameters.PARTNER,
        "mode": "required",
        "participation": {"allowed": False, "reason": "token_rejected", "remaining": None},
        "anonymous": False,
        "screen": {"title": "You cannot take part", "message": "Come back by your link.", "return_url": None},
        "prefill": {
            "status": "none",
            "source": None,
            "reason": None,
            "form": [],
            "optin": [],
            "warnings": [],
            "empty_fields": ["firstname"],
            "mapping": None,
        },
    },
    "clocks": {
        "now": parameters.MOMENT,
        "leeway_seconds": 60,
        "iat": None,
        "nbf": None,
        "exp": {"at": "2027-03-01T11:00:00.000Z", "seconds_from_now": -3600.123},
    },
    "dry_run": None,
}
_ASKED: Final = {
    "partner_id": parameters.PARTNER,
    "campaign_id": parameters.CAMPAIGN,
    "token": parameters.JWS,
    "dry_run_prefill": False,
}

INSPECT_TOKEN: Final = ManagementOperation(
    method="POST",
    path="/v1/inspect",
    id="inspectToken",
    tag=Tag.INSPECTOR,
    summary="Inspect a token",
    description=(
        "What would become of a token, check by check, and what its campaign would do. Opens no session, consumes "
        "nothing, stores nothing. With `dry_run_prefill` the partner's API is called once."
    ),
    scope=Scope.TOKENS_INSPECT,
    body=json_content(InspectionOrder, _ASKED),
    answers=(json_answer(200, "What was found.", InspectionShape, _INSPECTION),),
    errors=(errors.PartnerUnknown, errors.CampaignUnknown, errors.RateLimited),
)
