"""Show how the delivery is: what waits in which stage, and how each partner is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.domain.breaker import state_of
from app.domain.budget import current_bank
from app.domain.health import is_paused, recent_errors
from app.domain.session import Priority, Stage, rfc3339
from app.fetch_ports import COUNTED_AT_MOST, DeliveryFigures, PartnerFigures
from app.ports import Clock
from app.steps.accept import first_session_id
from app.steps.authorize import Caller

RECENT: Final = timedelta(minutes=5)
"""The tokens whose verdicts are counted; errors of partners are remembered as long."""


@dataclass(frozen=True, slots=True)
class ShowStats:
    """Returns what a caller may see of the delivery."""

    figures: DeliveryFigures
    clock: Clock

    def __call__(self, caller: Caller) -> dict[str, object]:
        """Return the body of `GET /v1/stats`; a client of one partner sees that partner, and no stages."""
        now = self.clock.now()
        partners = self.figures.load_partners(caller.partner_id, now)
        return {
            "at": rfc3339(now),
            "counted_at_most": COUNTED_AT_MOST,
            "stages": _stages(self.figures.count_stages()) if caller.partner_id is None else None,
            "partners": [partner_view(partner, now) for partner in partners],
            "tokens": [
                {"partner_id": partner_id, "verdicts": {str(word): times for word, times in sorted(verdicts.items())}}
                for partner_id, verdicts in sorted(self.figures.count_tokens(first_session_id(now - RECENT)).items())
                if caller.partner_id in (None, partner_id)
            ],
        }


def partner_view(partner: PartnerFigures, now: datetime) -> dict[str, object]:
    """Return how a partner is, as every interface shows it."""
    health, waiting = partner.health, partner.waiting
    pause = health.pause if is_paused(health, now) else None
    until = health.breaker.opened_until
    return {
        "partner_id": partner.partner_id,
        "in_flight": sum(rows.in_flight for rows in waiting.values()),
        "max_concurrency": partner.limits.max_concurrency,
        "rate_per_second": partner.limits.rate_per_second,
        "due": {_name(priority): rows.due for priority, rows in sorted(waiting.items())},
        "later": {_name(priority): rows.later for priority, rows in sorted(waiting.items())},
        "breaker": {
            "state": state_of(health.breaker, now),
            "opened_until": until and rfc3339(until),
            "openings": health.breaker.openings,
        },
        "retry_bank": round(current_bank(health.bank, now), 1),
        "paused": pause is not None,
        "paused_until": rfc3339(pause.until) if pause and pause.until else None,
        "paused_by": pause and pause.by,
        "errors": {str(error): times for error, times in sorted(recent_errors(health, now).items())},
    }


def _stages(stages: Mapping[Stage, Mapping[Priority, int]]) -> dict[str, object]:
    shown: dict[str, object] = {}
    for stage, counts in stages.items():
        match stage:
            case Stage.VERIFY | Stage.FETCH:
                shown[stage] = {_name(priority): count for priority, count in sorted(counts.items())}
            case Stage.DONE | Stage.DEAD:
                shown[stage] = sum(counts.values())
    return shown


def _name(priority: Priority) -> str:
    return priority.name.lower()
