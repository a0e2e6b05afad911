"""What a check-up of a partner finds: checks in order, each well, to be looked at, or failed, with what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class CheckStatus(StrEnum):
    """How a check ended, the better first."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One check; `detail` says what was found, `hint` what to do (empty where there is nothing to do)."""

    name: str
    status: CheckStatus
    detail: str
    hint: str = ""


def well(name: str, detail: str) -> Check:
    """Return a check that found nothing wrong."""
    return Check(name, CheckStatus.OK, detail)


def doubtful(name: str, detail: str, hint: str) -> Check:
    """Return a check that found what somebody should look at."""
    return Check(name, CheckStatus.WARN, detail, hint)


def failed(name: str, detail: str, hint: str) -> Check:
    """Return a check that found what participants will notice."""
    return Check(name, CheckStatus.FAIL, detail, hint)


def verdict(checks: Sequence[Check]) -> CheckStatus:
    """Return the worst that was found."""
    worst_first = sorted((check.status for check in checks), key=list(CheckStatus).index, reverse=True)
    return worst_first[0] if worst_first else CheckStatus.OK


def checkup_view(partner_id: str, checks: Sequence[Check]) -> Mapping[str, object]:
    """Return the checks as the interface and the command line show them."""
    shown = [
        {"name": check.name, "status": check.status, "detail": check.detail, "hint": check.hint} for check in checks
    ]
    return {"partner_id": partner_id, "status": verdict(checks), "checks": shown}
