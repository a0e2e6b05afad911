"""CPU seconds and memory of processes, read from /proc: each with everything below it, dead children included."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers.tree import list_everyone, members_of

_TICKS = os.sysconf("SC_CLK_TCK")
_KIB_PER_MIB = 1024


def cpu_seconds(pid: int) -> float:
    """Return what a process, everything below it, and their children that ended have used so far, user and system."""
    return cpu_seconds_by_role({"": [pid]})[""]


def cpu_seconds_by_role(pids: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """Return the same for the processes of each role, all of them read at once."""
    everyone = list_everyone()
    return {
        role: sum(_own_seconds(member.pid) for pid in of_role for member in members_of(pid, everyone))
        for role, of_role in pids.items()
    }


def busy_seconds() -> float:
    """Return the CPU seconds that everybody on this machine has used since it started."""
    user, nice, system, _, _, irq, soft_irq, *_ = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:])
    return (user + nice + system + irq + soft_irq) / _TICKS


def spent_since(before: Mapping[str, float], now: Mapping[str, float]) -> dict[str, float]:
    """Return the CPU seconds by role between two readings."""
    return {role: now[role] - before.get(role, 0.0) for role in now}


def resident_mib(pid: int) -> float:
    """Return the resident memory of the largest process of a tree, in MiB."""
    return max((_resident_mib(member.pid) for member in members_of(pid)), default=0.0)


def _own_seconds(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # it ended meanwhile: its parent has its time
    fields = text.rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def _resident_mib(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return int(lines.get("VmRSS", "0 kB").split()[0]) / _KIB_PER_MIB
