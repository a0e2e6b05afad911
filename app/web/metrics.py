"""What Prometheus may know of the web process: counts and durations by route pattern, never an id.

Requests are counted without the locks and copies of the library's own counters, since only the event loop counts them.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class WebMetrics:
    """The figures of one web process, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = _Requests()
        self._registry.register(self._requests)
        self._batch_rows = Histogram(
            "vestibule_batch_rows", "Rows of a batch.", ["batch"], buckets=_ROWS, registry=self._registry
        )
        self._batch_seconds = Histogram(
            "vestibule_batch_seconds", "Its duration.", ["batch"], buckets=_SECONDS, registry=self._registry
        )
        self._gauges = Gauge("vestibule_held", "What is held in memory.", ["what"], registry=self._registry)

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request, and how long it took; called by the event loop alone."""
        self._requests.count(method, route, status, seconds)

    def batch_observer(self, batch: str) -> Callable[[int, float], None]:
        """Return what records the batches of that name."""
        rows, seconds = self._batch_rows.labels(batch), self._batch_seconds.labels(batch)

        def observe(size: int, duration: float) -> None:
            rows.observe(size)
            seconds.observe(duration)

        return observe

    def watch(self, what: str, measure: Callable[[], float]) -> None:
        """Show what `measure` returns whenever somebody looks."""
        self._gauges.labels(what).set_function(measure)

    def count(self, name: str, text: str, measure: Callable[[], float]) -> None:
        """Show what `measure` returns whenever somebody looks, as a counter: it never falls."""
        self._registry.register(_Counted(name, text, measure))

    def add(self, figures: Collector) -> None:
        """Show what `figures` collects whenever somebody looks."""
        self._registry.register(figures)

    def render(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self._registry)


@dataclass(slots=True)
class _Durations:
    """How many requests of a route took how long: by the bound that they were within, the last for those beyond all."""

    within: list[int] = field(default_factory=lambda: [0] * (len(_SECONDS) + 1))
    seconds: float = 0.0


class _Requests(Collector):
    """The requests answered, and their duration."""

    def __init__(self) -> None:
        self._answered: dict[tuple[str, str, int], int] = {}
        self._durations: dict[str, _Durations] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        answered = (method, route, status)
        self._answered[answered] = self._answered.get(answered, 0) + 1
        durations = self._durations.get(route)
        if durations is None:
            durations = self._durations[route] = _Durations()
        durations.within[bisect_left(_SECONDS, seconds)] += 1
        durations.seconds += seconds

    def collect(self) -> Iterator[CounterMetricFamily | HistogramMetricFamily]:
        """Yield the figures of now."""
        requests = CounterMetricFamily("vestibule_requests", "Requests answered.", labels=["method", "route", "status"])
        for (method, route, status), count in self._answered.items():
            requests.add_metric([method, route, str(status)], count)
        yield requests
        timed = HistogramMetricFamily("vestibule_request_seconds", "Their duration.", labels=["route"])
        bounds = [*(str(bound) for bound in _SECONDS), "+Inf"]
        for route, durations in self._durations.items():
            cumulated = list(zip(bounds, accumulate(durations.within), strict=True))
            timed.add_metric([route], cumulated, durations.seconds)
        yield timed


@dataclass(frozen=True)
class _Counted(Collector):
    name: str
    text: str
    measure: Callable[[], float]

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the count of now."""
        yield CounterMetricFamily(self.name, self.text, self.measure())
