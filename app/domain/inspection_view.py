"""What an inspection looks like to its caller: checks with hints, the verdict, what follows, clocks compared."""

from collections.abc import Mapping
from datetime import datetime

from app.domain.campaign import Mode
from app.domain.claims import numeric_date
from app.domain.inspection import Check, Inspection
from app.domain.prefill import Prefill
from app.domain.reason_guide import explain, guide_link
from app.domain.session import TokenStatus, participation_view, rfc3339, screen_view

_MOMENTS = ("iat", "nbf", "exp")


def inspection_view(inspection: Inspection, now: datetime) -> dict[str, object]:
    """Return the body of `POST /v1/inspect`, but for a dry run."""
    verdict = inspection.verdict
    return {
        "checks": [_check(check, is_fetching=inspection.is_fetching) for check in inspection.checks],
        "verdict": {"status": verdict.status, "reason": verdict.reason},
        "campaign": _campaign(inspection),
        "clocks": _clocks(inspection, now),
    }


def _check(check: Check, *, is_fetching: bool) -> dict[str, object]:
    return {
        "name": check.name,
        "passed": check.passed,
        "expected": check.expected,
        "got": check.got,
        "hint": _hint(check, is_fetching=is_fetching),
        "reason": check.reason,
        "docs": None if check.reason is None else guide_link(check.reason),
    }


def _hint(check: Check, *, is_fetching: bool) -> str | None:
    if check.reason is None:
        return check.advice if check.passed else "Not judged: an earlier check did not pass."
    parts = [explain(check.reason).cure]
    if check.passed is None:
        asked = "It has been asked for; inspect again in a moment." if is_fetching else "It was asked for a moment ago."
        parts.insert(0, f"Not decided: a participant's session waits for this key. {asked}")
    if check.advice:
        parts.insert(0, check.advice)
    if check.detail:
        parts.insert(0, f"At fault: {check.detail}.")
    return " ".join(parts)


def _campaign(inspection: Inspection) -> dict[str, object]:
    campaign, outcome = inspection.question.campaign, inspection.outcome
    plays_anonymously = (
        outcome is not None and outcome.token_status is TokenStatus.REJECTED and campaign.mode is Mode.OPTIONAL
    )
    return {
        "campaign_id": campaign.id,
        "partner_id": campaign.partner_id,
        "mode": campaign.mode,
        "participation": None if outcome is None else participation_view(outcome.verdict, campaign.mode),
        "anonymous": plays_anonymously,
        "screen": screen_view(outcome, campaign, ()),
        "prefill": None if outcome is None else _prefill(outcome.prefill, inspection),
    }


def _prefill(prefill: Prefill, inspection: Inspection) -> dict[str, object]:
    fields = [field.name for field in inspection.question.campaign.form]
    filled = prefill.form.keys() | prefill.optin.keys()
    return {
        "status": prefill.status,
        "source": "partner" if inspection.request is not None else prefill.source,
        "reason": prefill.reason,
        "form": list(prefill.form),
        "optin": list(prefill.optin),
        "warnings": list(prefill.warnings),
        "empty_fields": [name for name in fields if name not in filled],
        "mapping": _mapping(inspection) if inspection.request is not None else None,
    }


def _mapping(inspection: Inspection) -> dict[str, object]:
    config = inspection.question.partner.prefill
    form, optin = (None, None) if config is None else (config.form_mapping, config.optin_mapping)
    return {"form": _expressions(form, "form"), "optin": _expressions(optin, "optin")}


def _expressions(mapping: Mapping[str, str] | None, member: str) -> dict[str, str] | str:
    return f"the member {member} of the answer, as it is" if mapping is None else dict(mapping)


def _clocks(inspection: Inspection, now: datetime) -> dict[str, object]:
    claims = inspection.claims
    return {
        "now": rfc3339(now),
        "leeway_seconds": int(inspection.question.partner.leeway.total_seconds()),
        **{name: _moment(claims.get(name), now) for name in _MOMENTS},
    }


def _moment(value: object, now: datetime) -> dict[str, object] | None:
    moment = numeric_date(value)
    if moment is None:
        return None
    return {"at": rfc3339(moment), "seconds_from_now": round((moment - now).total_seconds(), 3)}
