"""The processes below one of ours, read from /proc, and signals to them.

Servers give their children sessions of their own (PostgreSQL does, Erlang does), so a process group does not hold them.
A process is known by its id and its start time together: an id that was given to somebody else since is left alone.
"""

import os
import signal
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Member:
    """One process; `started_at_ticks` counts the clock ticks from boot to its start."""

    pid: int
    parent_pid: int
    started_at_ticks: int


def find_member(pid: int) -> Member | None:
    """Read a process; None when there is none of that id, or only a dead one that nobody has waited for."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, parent, *rest = text.rpartition(")")[2].split()  # the name before it may hold anything
    return None if state in "ZX" else Member(pid, int(parent), int(rest[17]))


def members_of(pid: int, everyone: Iterable[Member] | None = None) -> list[Member]:
    """List the process and everything below it, parents first, among `everyone` (by default who runs now)."""
    below = defaultdict(list)
    tree = []
    for member in list_everyone() if everyone is None else everyone:
        below[member.parent_pid].append(member)
        if member.pid == pid:
            tree.append(member)
    for parent in tree:  # grows while it is walked
        tree.extend(below[parent.pid])
    return tree


def list_everyone() -> list[Member]:
    """List every process of the machine."""
    found = (find_member(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return [member for member in found if member]


def still_running(members: Iterable[Member]) -> list[Member]:
    """Keep those members whose process still runs."""
    return [member for member in members if _is_the_same(member, find_member(member.pid))]


def send(sign: signal.Signals, members: Iterable[Member]) -> None:
    """Send the signal to those members whose process still runs."""
    for member in still_running(members):
        with suppress(ProcessLookupError):
            os.kill(member.pid, sign)


def _is_the_same(member: Member, now: Member | None) -> bool:
    # The parent may have changed: an orphan goes to init.
    return now is not None and now.started_at_ticks == member.started_at_ticks
