"""Prefill calls: how many one fetch process keeps in flight, and what a slow partner costs the others."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.request import urlopen

from bench.crowd import Job
from bench.figures import Figure
from bench.installation import Installation, Running
from bench.load import send
from bench.scale import Scale
from bench.servers import Servers, process, wait_until_it_answers
from bench.tokens import Signer, post_requests
from tests.servers.process import free_port

CONCURRENCY: Final = 1_200
"""Of the fetch process under test; the default, of one partner; the goal counts what is really under way."""
_LATENCY_MS: Final = 1_000
_FAST_MS: Final = 50
_SLOW_MS: Final = 100 * _FAST_MS
_FILL_USERS: Final = 128
_FAST_USERS: Final = 64
_CALLS_OF_ONE: Final = 200
"""At once, to a partner; those of the slow one end 40 times a second."""
_LAST_SECONDS: Final = 5.0
"""Beyond the measurement that the slow partner's calls last: what it takes to warm up and to begin."""
_SETTLE_SECONDS: Final = 2.0
_WAIT_SECONDS: Final = 120.0
_SAMPLE_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Double:
    """The partner's API that answers late."""

    port: int
    pid: int

    def figures(self) -> Mapping[str, int]:
        """Return its counts."""
        told: dict[str, int] = json.loads(self._get("figures"))
        return told

    def hurry(self, milliseconds: int) -> None:
        """Let calls that take so long be answered at once from now on."""
        self._get(f"hurry/{milliseconds}")

    def _get(self, path: str) -> bytes:
        with urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=5) as answer:
            read: bytes = answer.read()
            return read


def partner_with_api(signer: Signer, double_port: int, milliseconds: int) -> dict[str, object]:
    """Return the document of a partner whose API answers after so long."""
    prefill = {
        "url": f"http://127.0.0.1:{double_port}/{milliseconds}/{{sub}}",
        "authorization": {"from": "none"},
        "timeout_seconds": 30,
        "max_concurrency": 10_000 if milliseconds == _LATENCY_MS else _CALLS_OF_ONE,
    }
    signature = {"method": "public_key", "keys": [{"jwk": signer.public}], "algorithms": ["RS256"]}
    return {"name": "Partner", "signature": signature, "prefill": prefill}


@contextmanager
def double(servers: Servers) -> Iterator[Double]:
    """Run the partner's API."""
    port = free_port()
    with process([sys.executable, "-m", "bench.partner_double", str(port)], {}, servers.folder / "double.log") as pid:
        wait_until_it_answers(f"http://127.0.0.1:{port}/figures")
        yield Double(port, pid)


def prefill_figures(installation: Installation, scale: Scale, signer: Signer, partner: Double) -> list[Figure]:
    """Fill the queue, start one fetch process, and measure what it does."""
    for name, milliseconds in (("patient", _LATENCY_MS), ("swift", _FAST_MS), ("slow", _SLOW_MS)):
        configure(installation, name, partner_with_api(signer, partner.port, milliseconds))
    with installation.running("verify"):
        fill(installation, signer, "patient", round(CONCURRENCY * (scale.fetch_seconds + _SETTLE_SECONDS + 2)))
        with installation.running("fetch", web=0) as running:
            in_flight = _in_flight_figures(running, scale, partner)
            _wait_until(lambda: not _left(installation, "patient"))
            return [*in_flight, *_slow_partner_figures(installation, running, scale, signer, partner)]


def _in_flight_figures(running: Running, scale: Scale, partner: Double) -> list[Figure]:
    """Look at what is in flight at the partner."""
    _wait_until(lambda: partner.figures()["in_flight"] > CONCURRENCY // 2)
    time.sleep(_SETTLE_SECONDS)
    before, began = partner.figures(), time.monotonic()
    cpu = running.cpu()
    samples = [_in_flight(partner) for _ in range(round(scale.fetch_seconds / _SAMPLE_SECONDS))]
    after, seconds = partner.figures(), time.monotonic() - began
    spent = running.cpu()["fetch"] - cpu["fetch"]
    calls = after["answered"] - before["answered"]
    per_second = calls / seconds
    return [
        Figure("prefill calls in flight in one fetch process", sum(samples) / len(samples), "calls", 1_000),
        Figure(
            "prefill calls per second ÷ (concurrency ÷ latency)",
            per_second / (CONCURRENCY * 1000 / _LATENCY_MS),
            "ratio",
            0.9,
        ),
        Figure("prefill calls per second, one fetch process", per_second, "1/s"),
        Figure("CPU per prefill call: fetch", spent / calls * 1e6, "µs CPU"),
    ]


def _slow_partner_figures(
    installation: Installation, running: Running, scale: Scale, signer: Signer, partner: Double
) -> list[Figure]:
    """Measure one partner's participants beside one that is a hundred times slower, and alone before and after."""
    posts = post_requests(signer.tokens("swift", with_form=False), "swift")
    job = Job(installation.port, posts, _FAST_USERS, scale.fetch_seconds)
    running.wait_until_calm()
    before = _throughput(job)
    fill(installation, signer, "slow", _backlog(scale.fetch_seconds))
    beside = _throughput(job)
    left = _left(installation, "slow")
    partner.hurry(_SLOW_MS)  # so that the second calm need not wait for what is left
    _wait_until(lambda: not _left(installation, "slow"))
    running.wait_until_calm()
    calm = (before + _throughput(job)) / 2
    if not left:
        raise RuntimeError("the slow partner was not called to the end of the measurement")
    return [
        Figure("a partner 100 x slower: throughput of the others ÷ calm", beside / calm, "ratio", 0.9),
        Figure("participants with a call, calm", calm, "1/s"),
    ]


def configure(installation: Installation, name: str, partner: Mapping[str, object]) -> None:
    """Store a partner and its campaign, both of that name."""
    installation.put(name, partner, name, {"name": name, "prefill_deadline_seconds": 300})


def fill(installation: Installation, signer: Signer, name: str, count: int) -> None:
    """Bring `count` tokens without data to a campaign, and wait until they are verified."""
    posts = post_requests(signer.tokens(name, with_form=False), name)
    made = send(Job(installation.port, posts, _FILL_USERS, _WAIT_SECONDS, most=count, reads=False))
    if made.accepted < count:
        raise RuntimeError(f"{made.accepted} of {count} tokens were taken in: {made.statuses}")
    _wait_until(lambda: not installation.query("SELECT count(*) FROM sessions WHERE stage = 'verify'"))


def _backlog(seconds: float) -> int:
    """Return how many of the slow partner's participants keep it busy for so long, and the calls at once beside."""
    return round(_CALLS_OF_ONE * (1 + (seconds + _LAST_SECONDS) * 1000 / _SLOW_MS))


def _left(installation: Installation, partner_id: str) -> int:
    """Return how many of a partner's participants wait for a call or its end."""
    waiting = "SELECT count(*) FROM sessions WHERE partner_id = %s AND stage = 'fetch'"
    return int(installation.query(waiting, partner_id))


def _throughput(job: Job) -> float:
    send(Job(job.port, job.firsts, job.users, 1.0))
    return send(job).ready_per_second


def _in_flight(partner: Double) -> int:
    time.sleep(_SAMPLE_SECONDS)
    return partner.figures()["in_flight"]


def _wait_until(is_so: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + _WAIT_SECONDS
    while not is_so():
        if time.monotonic() > give_up_at:
            raise TimeoutError("what was waited for did not come")
        time.sleep(_SAMPLE_SECONDS)
