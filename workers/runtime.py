"""What runs in this worker process: its settings, its priority, and the parts that are composed for its roles."""

import os
from collections.abc import Callable
from functools import cache

from app import logs
from app.adapters.memory import collect_seldom, uncollected
from app.adapters.open_files import allow_many
from app.adapters.processor import interrupt_nobody
from app.ports import Work
from app.settings import Settings, load_settings
from workers.process import WorkerProcess

NICENESS = 5
"""Of processes that nobody waits for as for a web process: on a full machine requests and the database go first."""

_current: list[WorkerProcess] = []


Compose = Callable[[Settings, frozenset[Work], Callable[[], bool]], WorkerProcess]
"""Builds the parts that roles need, which begin nothing new once they are told to stop."""


def composition() -> Compose:
    """Return what composes a worker.

    It is imported only here, for it imports half of the program: the main process of a pool does so before it forks,
    and beat, which composes nothing, never.
    """
    with uncollected():
        from workers.composition import compose  # noqa: PLC0415
    return compose


@cache
def settings() -> Settings:
    """Return the settings of this process, read once; raise ConfigurationError."""
    return load_settings()


def configure_logs() -> None:
    """Send all logs the way of `app.logs`."""
    logs.configure(settings().log_level, settings().log_format)


def start(roles: frozenset[Work], is_told_to_stop: Callable[[], bool]) -> None:
    """Compose and start what `roles` need in this process; it begins nothing new once `is_told_to_stop`."""
    allow_many()
    yield_to_others(roles)
    collect_seldom()
    process = composition()(settings(), roles, is_told_to_stop)
    _current[:] = [process]
    process.start()


def yield_to_others(roles: frozenset[Work]) -> None:
    """Let the web process and the database go first, and interrupt nobody, unless outside calls are made here.

    These have a deadline.
    """
    if roles <= {Work.VERIFY, Work.UPKEEP}:
        os.setpriority(os.PRIO_PROCESS, 0, max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
        interrupt_nobody()


def current() -> WorkerProcess:
    """Return what runs in this process; raise LookupError before `start`."""
    if not _current:
        raise LookupError("nothing was started in this process")
    return _current[0]


def drain() -> None:
    """End what runs in this process, if anything does."""
    for process in _current:
        process.drain()
