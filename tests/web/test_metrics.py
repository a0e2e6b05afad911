"""What Prometheus is told of the requests: as its own library would say it."""

from collections.abc import Mapping, Sequence
from typing import Final

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from app.web.metrics import _SECONDS, WebMetrics

OPEN: Final = "/v1/campaigns/{campaign_id}/sessions"
READ: Final = "/v1/sessions/{session_id}"
REQUESTS: Final = "vestibule_requests"
DURATIONS: Final = "vestibule_request_seconds"


def _lines(text: bytes, *names: str) -> list[str]:
    """Return the lines about these, but for when counting began, which we do not tell."""
    lines = text.decode().splitlines()
    return [line for line in lines if any(name in line for name in names) and "_created" not in line]


def _said_by_the_library(seconds: Mapping[str, Sequence[float]]) -> list[str]:
    registry = CollectorRegistry()
    answered = Counter(REQUESTS, "Requests answered.", ["method", "route", "status"], registry=registry)
    durations = Histogram(DURATIONS, "Their duration.", ["route"], buckets=_SECONDS, registry=registry)
    for route, taken in seconds.items():
        for one in taken:
            answered.labels("GET", route, 200).inc()
            durations.labels(route).observe(one)
    return _lines(generate_latest(registry), REQUESTS, DURATIONS)


def test_requests_of_two_routes_are_told_whole() -> None:
    metrics = WebMetrics()
    for method, route, status, seconds in (
        ("POST", OPEN, 202, 0.0005),
        ("POST", OPEN, 202, 0.0025),
        ("POST", OPEN, 429, 0.75),
        ("GET", READ, 200, 31.0),
    ):
        metrics.observe_request(method, route, status, seconds)

    told = _lines(metrics.render(), REQUESTS, DURATIONS)

    bounds = ["0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "30.0"]
    within = [1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3]
    assert told == [
        "# HELP vestibule_requests_total Requests answered.",
        "# TYPE vestibule_requests_total counter",
        f'vestibule_requests_total{{method="POST",route="{OPEN}",status="202"}} 2.0',
        f'vestibule_requests_total{{method="POST",route="{OPEN}",status="429"}} 1.0',
        f'vestibule_requests_total{{method="GET",route="{READ}",status="200"}} 1.0',
        "# HELP vestibule_request_seconds Their duration.",
        "# TYPE vestibule_request_seconds histogram",
        *(
            f'vestibule_request_seconds_bucket{{le="{bound}",route="{OPEN}"}} {count}.0'
            for bound, count in zip(bounds, within, strict=True)
        ),
        f'vestibule_request_seconds_bucket{{le="+Inf",route="{OPEN}"}} 3.0',
        f'vestibule_request_seconds_count{{route="{OPEN}"}} 3.0',
        f'vestibule_request_seconds_sum{{route="{OPEN}"}} 0.753',
        *(f'vestibule_request_seconds_bucket{{le="{bound}",route="{READ}"}} 0.0' for bound in bounds),
        f'vestibule_request_seconds_bucket{{le="+Inf",route="{READ}"}} 1.0',
        f'vestibule_request_seconds_count{{route="{READ}"}} 1.0',
        f'vestibule_request_seconds_sum{{route="{READ}"}} 31.0',
    ]


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param({}, id="nothing-yet"),
        pytest.param({OPEN: [0.0]}, id="no-time"),
        pytest.param({OPEN: _SECONDS}, id="on-the-bounds"),
        pytest.param({OPEN: [bound * 1.0001 for bound in _SECONDS]}, id="just-beyond-the-bounds"),
        pytest.param({READ: [1e-9, 1e9, 0.1, 0.2, 0.3]}, id="very-short-and-very-long"),
        pytest.param({OPEN: [0.1] * 1000, READ: [0.001, 60.0]}, id="two-routes"),
    ],
)
def test_requests_are_told_as_the_library_tells_them(seconds: Mapping[str, Sequence[float]]) -> None:
    metrics = WebMetrics()
    for route, taken in seconds.items():
        for one in taken:
            metrics.observe_request("GET", route, 200, one)

    assert _lines(metrics.render(), REQUESTS, DURATIONS) == _said_by_the_library(seconds)


def test_figures_grow_between_two_looks() -> None:
    metrics = WebMetrics()
    metrics.observe_request("GET", READ, 200, 0.2)
    first = metrics.render()
    metrics.observe_request("GET", READ, 200, 0.2)

    last = metrics.render()

    count = f'vestibule_request_seconds_count{{route="{READ}"}}'
    assert _lines(first, count) == [f"{count} 1.0"]
    assert _lines(last, count) == [f"{count} 2.0"]
