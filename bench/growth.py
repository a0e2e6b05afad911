"""Whether memory grows: the resident memory of each process after a few participants and after many."""

from dataclasses import replace
from typing import Final

from bench.cpu import resident_mib
from bench.crowd import Job
from bench.figures import Figure
from bench.installation import Running
from bench.load import send
from bench.scale import Scale

_OURS: Final = ("web", "verify", "fetch", "upkeep", "beat")
_HOUR: Final = 3600.0


def growth_figures(running: Running, job: Job, scale: Scale) -> list[Figure]:
    """Return the largest growth of all processes, and where each role ends."""
    few, many = scale.crowd_few, scale.crowd_many
    running.wait_until_calm()
    counted = replace(job, seconds=_HOUR)
    send(replace(counted, most=few))
    before = _memory(running)
    result = send(replace(counted, most=many - few))
    after = _memory(running)
    if result.lost:
        raise RuntimeError(f"{result.lost} participants were lost: {result.statuses}")
    growth = max(after[role] / before[role] for role in after)
    name = f"resident memory per process after {many:,} participants ÷ after {few:,}"
    return [
        Figure(name, growth, "ratio", 1.2, at_most=True),
        *(Figure(f"resident memory: {role}", mib, "MiB") for role, mib in after.items()),
    ]


def _memory(running: Running) -> dict[str, float]:
    return {role: max(map(resident_mib, running.pids[role])) for role in _OURS if role in running.pids}
