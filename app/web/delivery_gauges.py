"""What Prometheus may know of the delivery: what waits and since when, dead letters, what becomes of tokens.

Read from the database when it asks, so every web process shows the same figures: take the greatest over the processes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.domain.session import Priority, Stage
from app.fetch_ports import DeliveryFigures, TokenVerdict
from app.ports import Clock
from app.steps.accept import first_session_id
from app.steps.stats import RECENT


@dataclass(frozen=True, slots=True)
class DeliveryGauges:
    """Shows the figures of the delivery."""

    figures: DeliveryFigures
    clock: Clock

    def render(self) -> bytes:
        """Return them in Prometheus' text format; asks the database."""
        now = self.clock.now()
        figures = self.figures
        tokens = figures.count_tokens(first_session_id(now - RECENT))
        return generate_latest(_Collected(figures.count_stages(), figures.find_longest_due(), tokens, now))


@dataclass(frozen=True)
class _Collected(Collector):
    stages: Mapping[Stage, Mapping[Priority, int]]
    longest_due: Mapping[Stage, Mapping[Priority, datetime]]
    tokens: Mapping[str, Mapping[TokenVerdict, int]]
    now: datetime

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield one family after the other."""
        backlog = _gauge("vestibule_backlog", "Sessions in the stage, 10,000 at most.", "stage", "class")
        overdue = _gauge("vestibule_backlog_overdue_seconds", "Since the first of them was due.", "stage", "class")
        for stage in (Stage.VERIFY, Stage.FETCH):
            for priority in Priority:
                labels = [stage, priority.name.lower()]
                due_at = self.longest_due[stage].get(priority, self.now)
                backlog.add_metric(labels, self.stages[stage][priority])
                overdue.add_metric(labels, max(0.0, (self.now - due_at).total_seconds()))
        dead = GaugeMetricFamily(
            "vestibule_dead_letters",
            "Sessions whose prefill was given up, 10,000 at most.",
            sum(self.stages[Stage.DEAD].values()),
        )
        tokens = _gauge(
            "vestibule_recent_tokens",
            "Tokens of the last five minutes, the newest 10,000 at most.",
            "partner",
            "verdict",
        )
        for partner_id, verdicts in sorted(self.tokens.items()):
            for verdict, number in sorted(verdicts.items()):
                tokens.add_metric([partner_id, verdict], number)
        yield from (backlog, overdue, dead, tokens)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=labels)
