"""When a worker process starts and ends, as Celery tells it: in each child of the prefork pool, or in the main process.

Measured on Celery 5.7 and billiard 4.3: children start before the broker is connected; the warm shutdown waits for
`worker_process_shutdown` in every child; a child ends by itself when its main process is killed.
"""

import logging
import os
import signal
from functools import partial
from mmap import mmap
from threading import Thread
from typing import Any

import structlog
from billiard import pool
from celery import Celery, bootsteps, signals
from celery.concurrency.prefork import TaskPool as PreforkPool

from app.ports import Work
from workers import runtime

_log = structlog.get_logger()

_told_to_stop = mmap(-1, 1)
"""One byte that the main process shares with the children that it forks."""

_CHATTY = ("celery.app.trace", "celery.beat", "celery.worker.strategy")
"""They tell of each hint and tick; our own events tell of each batch."""


class RuntimeStep(bootsteps.StartStopStep):
    """Starts our part once the pool runs, before the broker is connected, and drains it before the pool ends."""

    requires = ("celery.worker.components:Pool",)

    def create(self, parent: Any) -> None:
        """Load what the children of the pool run before it forks them, so that they need not, and share it."""
        del parent
        runtime.composition()

    def start(self, parent: Any) -> None:
        """Start, unless the pool's children do."""
        # Celery ends with status 1 after the first SIGINT and drops its work after the second.
        signal.signal(signal.SIGINT, signal.getsignal(signal.SIGTERM))
        if not isinstance(parent.pool, PreforkPool):
            runtime.start(_roles(parent.app), _is_told_to_stop)

    def stop(self, parent: Any) -> None:
        """Drain, unless the pool's children do."""
        if not isinstance(parent.pool, PreforkPool):
            runtime.drain()


def install(app: Celery) -> None:
    """Make workers of `app` start and end our part."""
    app.steps["worker"].add(RuntimeStep)
    signals.setup_logging.connect(_configure_logs)
    signals.worker_shutting_down.connect(_begin_to_stop)
    signals.worker_process_init.connect(partial(_start_child, app), weak=False)
    signals.worker_process_shutdown.connect(_drain_child)
    signals.beat_init.connect(_let_beat_end)


def _begin_to_stop(**_: Any) -> None:
    """Stop claiming at once: a frozen broker can hold up the rest of the shutdown for a quarter of a minute."""
    _told_to_stop[0] = 1
    Thread(target=runtime.drain, name="drain").start()


def _start_child(app: Celery, **_: Any) -> None:
    # An ending child waits up to 30 s for its results to be taken, after a second SIGTERM in vain; ours gives none.
    pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 0
    try:
        runtime.start(_roles(app), _is_told_to_stop)
    except Exception as error:
        _log.exception("worker.unstartable")
        raise SystemExit(1) from error  # Celery logs a receiver's exception and goes on without it


def _drain_child(**_: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would cut the draining short
    runtime.drain()


def _let_beat_end(**_: Any) -> None:
    """End beat at once when told to: it holds nothing, and an exception within a broker's call can get lost."""
    for told in (signal.SIGTERM, signal.SIGINT):
        signal.signal(told, lambda *_: os._exit(0))


def _is_told_to_stop() -> bool:
    return bool(_told_to_stop[0])


def _roles(app: Celery) -> frozenset[Work]:
    return frozenset(Work(name) for name in app.amqp.queues.consume_from)


def _configure_logs(**_: Any) -> None:
    runtime.configure_logs()
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
