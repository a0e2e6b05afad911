"""Bring everything that is sealed under the first master key, so that the others can be taken out of the ring."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.domain.resealing import Resealed, in_sum
from app.management_ports import AuditLog, Resealing
from app.ports import Clock
from app.steps.authorize import Caller


@dataclass(frozen=True, slots=True)
class RotateMaster:
    """Seals anew what other keys of the ring have sealed; again changes nothing."""

    resealing: Resealing
    audit: AuditLog
    clock: Clock

    def __call__(self, caller: Caller, tell: Callable[[str, Resealed], None]) -> Mapping[str, Resealed]:
        """Return what came of each sealed column, and `tell` it after each stretch."""
        totals = {}
        for place in self.resealing.places:
            totals[place] = self._reseal(place, tell)
        detail = {place: total.resealed for place, total in totals.items()}
        self.audit.add(caller.did("master_keys.rotated", "master_keys", self.clock.now(), detail))
        return totals

    def _reseal(self, place: str, tell: Callable[[str, Resealed], None]) -> Resealed:
        total = Resealed()
        while True:
            total = in_sum(total, self.resealing.reseal_stretch(place, total.after))
            tell(place, total)
            if total.after is None:
                return total
