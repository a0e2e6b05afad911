"""What Prometheus may know of the web process: counts and durations by route pattern, never an id.

Children are looked up once and kept, since a lookup costs more than the count.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class WebMetrics:
    """The figures of one web process, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "vestibule_requests", "Requests answered.", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "vestibule_request_seconds", "Their duration.", ["route"], buckets=_SECONDS, registry=self._registry
        )
        self._batch_rows = Histogram(
            "vestibule_batch_rows", "Rows of a batch.", ["batch"], buckets=_ROWS, registry=self._registry
        )
        self._batch_seconds = Histogram(
            "vestibule_batch_seconds", "Its duration.", ["batch"], buckets=_SECONDS, registry=self._registry
        )
        self._gauges = Gauge("vestibule_held", "What is held in memory.", ["what"], registry=self._registry)
        self._counted: dict[tuple[str, str, int], Counter] = {}
        self._timed: dict[str, Histogram] = {}

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request, and how long it took."""
        counter = self._counted.get((method, route, status))
        if counter is None:
            counter = self._counted[method, route, status] = self._requests.labels(method, route, str(status))
        counter.inc()
        timer = self._timed.get(route)
        if timer is None:
            timer = self._timed[route] = self._seconds.labels(route)
        timer.observe(seconds)

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

    def render(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self._registry)


@dataclass(frozen=True)
class _Counted(Collector):
    name: str
    text: str
    measure: Callable[[], float]

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the count of now."""
        yield CounterMetricFamily(self.name, self.text, self.measure())
