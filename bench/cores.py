"""Which cores the load client has to itself: what it uses must not be missing from what it measures."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tests.servers.tree import members_of

ALL: Final = tuple(sorted(os.sched_getaffinity(0)))
CLIENT: Final = ALL[-1:]
SERVICE: Final = ALL[:-1] or ALL
"""All others; with a single core there is nothing to divide."""


@contextmanager
def client_apart(pids: Iterable[int]) -> Iterator[None]:
    """Keep these processes, all below them and all that is started meanwhile off the client's core until the end."""
    started = tuple(pids)
    _keep_to(SERVICE, started)
    try:
        yield
    finally:
        _keep_to(ALL, started)


def client_cores() -> tuple[int, ...]:
    """Return the cores for a load client that is started now: those that we keep off, or all."""
    return tuple(sorted(set(ALL) - os.sched_getaffinity(0))) or ALL


def _keep_to(cores: Iterable[int], pids: Iterable[int]) -> None:
    os.sched_setaffinity(0, cores)  # of this thread, which starts everything else
    for pid in pids:
        for member in members_of(pid):
            for task in Path(f"/proc/{member.pid}/task").glob("*"):
                with suppress(ProcessLookupError):  # it ended meanwhile
                    os.sched_setaffinity(int(task.name), cores)
