"""The load client: a process of its own, so that its cost can be told from the servers'.

`send` starts one (`python -m bench.load JOB RESULT`) and returns what came of it.
"""

import gc
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time
from typing import Any

from bench.crowd import Crowd, Job, Record


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of latencies, in milliseconds; all 0 where there were none."""

    p50: float
    p99: float
    highest: float


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a job: `late` are arrivals that the client itself began more than 10 ms late."""

    seconds: float
    arrived: int
    late: int
    statuses: Mapping[str, int]
    accepted: int
    ready: int
    unfinished: int
    reads: int
    accepted_ms: Percentiles
    refused_ms: Percentiles
    ready_ms: Percentiles
    client_cpu_seconds: float

    @property
    def ready_per_second(self) -> float:
        """Return the throughput of whole journeys."""
        return self.ready / self.seconds

    @property
    def accepted_per_second(self) -> float:
        """Return the throughput of first answers."""
        return self.accepted / self.seconds

    @property
    def lost(self) -> int:
        """Return how many were accepted and never read as ready."""
        return self.accepted - self.ready


def send(job: Job) -> Result:
    """Play `job` in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        job_path, result_path = Path(folder) / "job", Path(folder) / "result"
        job_path.write_text(json.dumps(asdict(job)))
        subprocess.run([sys.executable, "-m", "bench.load", str(job_path), str(result_path)], check=True)
        told: dict[str, Any] = json.loads(result_path.read_text())
    for name in ("accepted_ms", "refused_ms", "ready_ms"):
        told[name] = Percentiles(**told[name])
    return Result(**told)


def _result(record: Record) -> Result:
    return Result(
        max(record.ended_at - record.began_at, 1e-9),
        record.arrived,
        record.late,
        dict(record.statuses),
        len(record.accepted_after),
        len(record.ready_after),
        record.unfinished,
        record.reads,
        _percentiles(record.accepted_after),
        _percentiles(record.refused_after),
        _percentiles(record.ready_after),
        process_time(),
    )


def _percentiles(seconds: Sequence[float]) -> Percentiles:
    if not seconds:
        return Percentiles(0.0, 0.0, 0.0)
    ordered = sorted(seconds)
    return Percentiles(*(ordered[min(int(len(ordered) * q), len(ordered) - 1)] * 1000 for q in (0.5, 0.99, 1.0)))


if __name__ == "__main__":
    gc.disable()  # a collection in the client would be counted as the servers' latency
    job_file, result_file = (Path(name) for name in sys.argv[1:])
    result_file.write_text(json.dumps(asdict(_result(Crowd(Job(**json.loads(job_file.read_text()))).run()))))
