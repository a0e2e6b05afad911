"""What Prometheus may know of key sets: by source, read from the database when it asks. Never a key, never a kid.

Every web process shows the same figures, since the database is the truth: take the greatest over the processes.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from app.domain.keyset import is_served, keyset_state, source_label
from app.domain.keyset_history import thumbprint_of
from app.keyset_ports import KeysetFigures, SourceFigures
from app.ports import Clock

Family = GaugeMetricFamily | CounterMetricFamily


@dataclass(frozen=True, slots=True)
class KeysetGauges:
    """Shows the figures of key sets."""

    figures: KeysetFigures
    clock: Clock

    def render(self) -> bytes:
        """Return them in Prometheus' text format; asks the database."""
        return generate_latest(_Collected(self.figures.load_figures(), self.clock.now()))


@dataclass(frozen=True)
class _Collected(Collector):
    sources: Sequence[SourceFigures]
    now: datetime

    def collect(self) -> Iterator[Family]:
        """Yield one family after the other."""
        named = [(source_label(one.keyset.source), one) for one in self.sources]
        fetches = CounterMetricFamily("vestibule_keyset_fetches", "Fetches by outcome.", labels=["source", "outcome"])
        states = GaugeMetricFamily("vestibule_keyset_state", "1 for the state it is in.", labels=["source", "state"])
        served = _gauge("vestibule_keyset_served", "Whether tokens are verified by it.")
        keys = _gauge("vestibule_keyset_keys", "Keys that tokens are verified with.")
        dropped = GaugeMetricFamily(
            "vestibule_keyset_dropped_keys", "Published keys that are not used.", labels=["source", "reason"]
        )
        parked = _gauge("vestibule_keyset_parked_sessions", "Sessions that wait for its keys.")
        for name, one in named:
            for outcome, count in sorted(one.fetches.items()):
                fetches.add_metric([name, outcome], count)
            states.add_metric([name, keyset_state(one.keyset, self.now)], 1)
            served.add_metric([name], is_served(one.keyset, self.now))
            reasons = _dropped(one)
            keys.add_metric([name], len(one.keyset.keys) - reasons["key_revoked"])
            for reason, count in sorted(reasons.items()):
                dropped.add_metric([name, reason], count)
            parked.add_metric([name], one.parked)
        yield from (fetches, states, served, keys, dropped, parked)
        yield from self._times(named)

    def _times(self, named: Sequence[tuple[str, SourceFigures]]) -> Iterator[Family]:
        age = _gauge("vestibule_keyset_age_seconds", "Since the last good fetch.")
        to_stale = _gauge("vestibule_keyset_seconds_to_stale", "Until its ttl is over; negative since.")
        to_expiry = _gauge("vestibule_keyset_seconds_to_expiry", "Until it is served no more; negative since.")
        failures = _gauge("vestibule_keyset_failures", "Failed fetches since the last good one.")
        for name, one in named:
            keyset = one.keyset
            failures.add_metric([name], keyset.failures)
            if keyset.fetched_at and keyset.fresh_until and keyset.stale_until:
                age.add_metric([name], (self.now - keyset.fetched_at).total_seconds())
                to_stale.add_metric([name], (keyset.fresh_until - self.now).total_seconds())
                to_expiry.add_metric([name], (keyset.stale_until - self.now).total_seconds())
        yield from (age, to_stale, to_expiry, failures)


def _gauge(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=["source"])


def _dropped(one: SourceFigures) -> Counter[str]:
    keyset = one.keyset
    reasons = Counter(key.reason for key in keyset.dropped)
    revoked = sum(thumbprint_of(key) in keyset.revoked for key in keyset.keys) if keyset.revoked else 0
    return reasons + Counter({"key_revoked": revoked})
