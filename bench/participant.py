"""The participant: what a whole journey costs at saturation, how fast it is below it, what an overload does to it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from bench.cpu import busy_seconds, spent_since
from bench.crowd import Job
from bench.figures import Figure
from bench.floors import Floors
from bench.installation import Installation, Running
from bench.load import Result, send
from bench.scale import Scale

USERS: Final = 1_024
"""Participants under way in the closed loop: half as many reach four fifths of its rate, twice as many hardly more."""
_OPEN_SHARE: Final = 0.7
_HALF_SHARE: Final = 0.5
_OVERLOAD: Final = 10
_HALF_OVERLOAD: Final = 5
_OVERLOAD_GRACE_SECONDS: Final = 180.0
"""Until everybody has an answer: what is still under way then counts as lost."""
_MOST_CONNECTIONS: Final = 4_000


@dataclass(frozen=True, slots=True)
class Saturation:
    """What the closed loop finds: the result, and the CPU seconds of each role and of the machine meanwhile."""

    result: Result
    cpu: Mapping[str, float]
    busy_seconds: float = 0.0

    @property
    def cores_of_others(self) -> float:
        """Return how many cores others used meanwhile: where those are many, rates and times say little."""
        ours = sum(self.cpu.values()) + self.result.client_cpu_seconds
        return max(0.0, self.busy_seconds - ours) / self.result.seconds

    @property
    def cpu_micros(self) -> float:
        """Return the CPU microseconds of all roles for one participant."""
        return sum(self.cpu.values()) / self.result.ready * 1e6

    def micros_by_role(self) -> dict[str, float]:
        """Return the CPU microseconds of each role for one participant."""
        return {role: seconds / self.result.ready * 1e6 for role, seconds in self.cpu.items()}


def saturate(running: Running, job: Job, warm_seconds: float) -> Saturation:
    """Wait until nobody works, then do as `saturate_now`."""
    running.wait_until_calm()
    return saturate_now(running, job, warm_seconds)


def saturate_now(running: Running, job: Job, warm_seconds: float) -> Saturation:
    """Warm up, then play `job` as a closed loop; raise RuntimeError if a participant was lost."""
    send(replace(job, seconds=warm_seconds))
    before, busy = running.cpu(), busy_seconds()
    result = send(job)
    spent, busy = spent_since(before, running.cpu()), busy_seconds() - busy
    if result.lost or not result.ready:
        raise RuntimeError(f"{result.lost} of {result.accepted} participants were lost: {result.statuses}")
    return Saturation(result, spent, busy)


def cost_figures(saturation: Saturation, floors: Floors) -> list[Figure]:
    """Return the figures of the closed loop."""
    parts = [
        Figure(f"CPU per participant: {role}", micros, "µs CPU") for role, micros in saturation.micros_by_role().items()
    ]
    return [
        Figure("CPU per participant ÷ floor", saturation.cpu_micros / floors.participant, "ratio", 2.5, at_most=True),
        Figure("CPU per participant", saturation.cpu_micros, "µs CPU"),
        *parts,
        Figure("participants per second", saturation.result.ready_per_second, "1/s"),
        Figure("CPU of the load client, per participant (not counted)", _client_micros(saturation.result), "µs CPU"),
        Figure("used by others on this machine meanwhile", saturation.cores_of_others, "cores"),
    ]


def crowded_floor_figures(saturation: Saturation, floors: Floors, constant_micros: float) -> list[Figure]:
    """Return how the cost stands to a floor whose constants, of so many CPU µs, had as many participants under way."""
    floor = constant_micros + floors.verify + floors.rows
    name = f"{USERS:,} under way"
    return [
        Figure(f"floor of a participant, {name}", floor, "µs CPU"),
        Figure(f"CPU per participant ÷ floor, {name}", saturation.cpu_micros / floor, "ratio"),
    ]


def open_loop(port: int, scale: Scale, job: Job, rate: float, share: float = _OPEN_SHARE) -> Result:
    """Let participants arrive at that share of `rate`, waiting for nothing."""
    return send(
        replace(
            job,
            port=port,
            users=_MOST_CONNECTIONS,
            rate=rate * share,
            warm_seconds=scale.warm_seconds,
            seconds=scale.open_seconds,
        )
    )


def latency_figures(result: Result) -> list[Figure]:
    """Return the figures of the open loop."""
    accepted, ready = result.accepted_ms, result.ready_ms
    return [
        Figure("POST 202, p50, at 70 % of saturation", accepted.p50, "ms"),
        Figure("POST 202, p99, at 70 % of saturation", accepted.p99, "ms", 25, at_most=True),
        Figure("POST → ready, p50, same load", ready.p50, "ms", 30, at_most=True),
        Figure("POST → ready, p99, same load", ready.p99, "ms", 100, at_most=True),
        Figure("arrivals that the client itself began late", result.late, "participants"),
        Figure("same load: not 202, or lost", result.arrived - result.ready, "participants", 0, at_most=True),
    ]


def half_loaded(port: int, scale: Scale, job: Job, rate: float) -> list[Figure]:
    """Return the latencies at half of `rate`: what an installation is sized for that nobody is to wait in."""
    result = open_loop(port, scale, job, rate, _HALF_SHARE)
    return [
        Figure("POST 202, p99, at 50 % of saturation", result.accepted_ms.p99, "ms"),
        Figure("POST → ready, p50, at 50 % of saturation", result.ready_ms.p50, "ms"),
        Figure("POST → ready, p99, at 50 % of saturation", result.ready_ms.p99, "ms"),
    ]


def overload(installation: Installation, scale: Scale, job: Job, rate: float) -> Result:
    """Let ten times as many arrive as are ever served."""
    return send(
        replace(
            job,
            port=installation.port,
            users=_MOST_CONNECTIONS,
            rate=rate * _OVERLOAD,
            warm_seconds=0.0,
            seconds=scale.overload_seconds,
            grace_seconds=_OVERLOAD_GRACE_SECONDS,
        )
    )


def half_overload_figures(port: int, scale: Scale, job: Job, rate: float, calm: Result) -> list[Figure]:
    """Return what half of that overload does once it has begun: the queue that its beginning fills is not counted."""
    result = open_loop(port, replace(scale, open_seconds=scale.overload_seconds), job, rate, _HALF_OVERLOAD)
    ratio, answered = result.accepted_ms.p99 / calm.accepted_ms.p99, result.accepted_per_second
    return [
        Figure("5-fold overload that lasts: p99 of the 202s ÷ p99 at 70 %", ratio, "ratio"),
        Figure("5-fold overload that lasts: p99 of the 202s", result.accepted_ms.p99, "ms"),
        Figure("5-fold overload that lasts: p99 of the 429s", result.refused_ms.p99, "ms"),
        Figure("5-fold overload that lasts: answered 202", answered, "1/s"),
        Figure("5-fold overload that lasts: 202s lost", result.lost, "participants", 0, at_most=True),
    ]


def own_connections_figures(running: Running, scale: Scale, job: Job) -> list[Figure]:
    """Return what participants cost who come over a connection each, as browsers do where nothing stands between."""
    own = saturate(running, replace(job, own_connections=True, seconds=scale.peer_seconds), scale.warm_seconds)
    return [
        Figure("participants per second, each over its own connection", own.result.ready_per_second, "1/s"),
        Figure("CPU per participant, each over its own connection", own.cpu_micros, "µs CPU"),
    ]


def overload_figures(result: Result, calm: Result) -> list[Figure]:
    """Return the figures of the overload beside those of the calm before."""
    others = result.arrived - result.accepted - result.statuses.get("429", 0)
    return [
        Figure(
            "10-fold overload: p99 of the 202s ÷ p99 at 70 %",
            result.accepted_ms.p99 / calm.accepted_ms.p99,
            "ratio",
            3,
            at_most=True,
        ),
        Figure("10-fold overload: p99 of the 202s", result.accepted_ms.p99, "ms"),
        Figure("10-fold overload: p99 of the 429s", result.refused_ms.p99, "ms"),
        Figure("10-fold overload: answered 202", result.accepted, "participants"),
        Figure("10-fold overload: answered 429", result.statuses.get("429", 0), "participants"),
        Figure("10-fold overload: answered otherwise", others, "participants", 0, at_most=True),
        Figure("10-fold overload: 202s lost", result.lost, "participants", 0, at_most=True),
    ]


def _client_micros(result: Result) -> float:
    return result.client_cpu_seconds / result.ready * 1e6
