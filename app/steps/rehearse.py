"""Rehearse a prefill: the call that a session would cause, made once, with no session and no trace of what it brought.

Of the partner's answer only the names of variables are told, and what was wrong with them.
"""

from dataclasses import dataclass, field
from time import perf_counter

from app.domain.health import is_paused
from app.domain.inspection import Inspection
from app.domain.prefill import Prefill, PrefillCall, found_in_answer, unavailable
from app.errors import OutsideError
from app.fetch_ports import HealthStore
from app.ports import Clock, PartnerApi
from app.reasons import PrefillReason
from app.steps.fetch import prefill_call

PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of the call; `detail` is a word of ours, `status` that of HTTP where there was one.

    `missing` are the variables of the mapping for which the answer had nothing that could be used.
    """

    prefill: Prefill = field(repr=False)
    duration_ms: float = 0.0
    detail: str | None = None
    status: int | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RehearsePrefill:
    """Makes the call of an inspected token."""

    health: HealthStore
    partners: PartnerApi
    clock: Clock

    def plan(self, inspection: Inspection) -> PrefillCall | Rehearsal | None:
        """Return the call to make, what keeps it from being made, or None where a session would cause none."""
        partner, campaign = inspection.question.partner, inspection.question.campaign
        call = None if inspection.request is None else prefill_call(partner, inspection.request, campaign.id)
        if call is None:
            return None
        health = self.health.load({partner.id})[partner.id]
        if is_paused(health, self.clock.now()):
            return Rehearsal(unavailable(PrefillReason.BREAKER_OPEN), detail=PAUSED)
        return call

    async def __call__(self, call: PrefillCall) -> Rehearsal:
        """Make the call; raise nothing that the partner's side causes."""
        began = perf_counter()
        try:
            answer = await self.partners.fetch(call)
        except OutsideError as error:
            return Rehearsal(unavailable(error.error_class), _since(began), error.detail or None, error.status)
        prefill = found_in_answer(answer)
        return Rehearsal(prefill, _since(began), None, answer.status, _missing(call, prefill))


def rehearsal_view(rehearsal: Rehearsal) -> dict[str, object]:
    """Return the member `dry_run` of an inspection."""
    prefill = rehearsal.prefill
    return {
        "status": prefill.status,
        "reason": prefill.reason,
        "detail": rehearsal.detail,
        "http_status": rehearsal.status,
        "duration_ms": rehearsal.duration_ms,
        "form": list(prefill.form),
        "optin": list(prefill.optin),
        "missing": list(rehearsal.missing),
        "warnings": list(prefill.warnings),
    }


def _missing(call: PrefillCall, prefill: Prefill) -> tuple[str, ...]:
    form = (f"form.{name}" for name in call.form_mapping or {} if name not in prefill.form)
    optin = (f"optin.{name}" for name in call.optin_mapping or {} if name not in prefill.optin)
    return (*form, *optin)


def _since(began: float) -> float:
    return round((perf_counter() - began) * 1000, 1)
