"""Stop calling a partner, and begin again, by hand."""

from collections.abc import Callable
from dataclasses import dataclass

from app.domain.health import PartnerHealth, paused, resumed
from app.fetch_ports import DeliveryFigures, HealthStore, PartnerFigures
from app.management_ports import AuditLog, DocumentStore
from app.ports import Clock, Hints, Work
from app.steps.authorize import Caller
from app.steps.partners import find_partner


@dataclass(frozen=True, slots=True)
class ContainPartner:
    """Pauses and resumes the calls to one partner, in all processes; each time is audited."""

    documents: DocumentStore
    health: HealthStore
    figures: DeliveryFigures
    audit: AuditLog
    hints: Hints
    clock: Clock

    def pause(self, partner_id: str, caller: Caller) -> PartnerFigures:
        """Make no more calls until somebody resumes; those under way end. Raise PartnerUnknown."""
        return self._change(partner_id, caller, "partner.paused", lambda health: paused(health, caller.client_id))

    def resume(self, partner_id: str, caller: Caller) -> PartnerFigures:
        """End a pause, whoever made it, and close the breaker; raise PartnerUnknown."""
        changed = self._change(partner_id, caller, "partner.resumed", resumed)
        self.hints.ring(Work.FETCH)
        return changed

    def _change(
        self, partner_id: str, caller: Caller, action: str, change: Callable[[PartnerHealth], PartnerHealth]
    ) -> PartnerFigures:
        find_partner(self.documents, partner_id, caller)
        now = self.clock.now()
        with self.audit.together():
            self.health.change({partner_id: change}, now)
            self.audit.add(caller.did(action, partner_id, now, partner_id=partner_id))
        [figures] = self.figures.load_partners(partner_id, now)
        return figures
