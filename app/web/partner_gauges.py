"""What Prometheus may know of partners, read from the database when it asks; nothing of their sessions but counts.

Every web process shows the same figures, since the database is the truth: take the greatest over the processes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.domain.breaker import state_of
from app.domain.budget import current_bank
from app.domain.health import is_paused
from app.fetch_ports import DeliveryFigures, PartnerFigures
from app.ports import Clock


@dataclass(frozen=True, slots=True)
class PartnerGauges:
    """Shows the figures of partners."""

    figures: DeliveryFigures
    clock: Clock

    def render(self) -> bytes:
        """Return them in Prometheus' text format; asks the database."""
        now = self.clock.now()
        return generate_latest(_Collected(self.figures.load_partners(None, now), now))


@dataclass(frozen=True)
class _Collected(Collector):
    partners: Sequence[PartnerFigures]
    now: datetime

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield one family after the other."""
        breaker = _gauge("vestibule_partner_breaker", "1 for the state it is in.", "state")
        paused = _gauge("vestibule_partner_paused", "Whether its calls are paused.")
        bank = _gauge("vestibule_partner_retry_bank", "Retries that it can pay for at once.")
        in_flight = _gauge("vestibule_partner_in_flight", "Calls under way, in all processes.")
        due = _gauge("vestibule_partner_due", "Sessions whose call is due, 10,000 at most.", "class")
        for partner in self.partners:
            name, health = partner.partner_id, partner.health
            breaker.add_metric([name, state_of(health.breaker, self.now)], 1)
            paused.add_metric([name], is_paused(health, self.now))
            bank.add_metric([name], current_bank(health.bank, self.now))
            in_flight.add_metric([name], sum(rows.in_flight for rows in partner.waiting.values()))
            for priority, rows in sorted(partner.waiting.items()):
                due.add_metric([name, priority.name.lower()], rows.due)
        yield from (breaker, paused, bank, in_flight, due)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=["partner", *labels])
