"""Sends hints: `ring` notes, one thread sends. A dead or frozen broker costs a counter, never a caller's time.

Rows are the truth, so a hint may be lost and is never sent again; the sweeps find what it announced. Knows no row.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any
from weakref import WeakMethod

import structlog
from celery import Celery
from kombu import Connection
from kombu.exceptions import KombuError

from app.adapters.broker import TASKS
from app.ports import Work

_log = structlog.get_logger()

LEAST_PAUSE_SECONDS = 0.050
"""Between two bursts; what is rung meanwhile goes out together."""
LINGERED_PAUSE_SECONDS: Mapping[Work, float] = {Work.VERIFY: 0.250}
"""Between two hints for work that whoever was woken goes on to look for, unless enough for one more comes sooner."""
LINGERED_CLAIMS = 4
"""Claims of such work that are worth one more hint, which costs as much as verifying forty; of other work one is."""
MOST_WAITING = 32
"""Hints in a queue: with so many waiting, every worker will look anyway. Keeps a broker without workers small."""
FIRST_BACKOFF_SECONDS = 0.2
LONGEST_BACKOFF_SECONDS = 2.0


class HintPublisher:
    """Announces work over the broker; one daemon thread per process, started by the first `ring`."""

    def __init__(self, configuration: Mapping[str, object], claim_rows: int) -> None:
        self.sent = 0
        """Hints that the broker took."""
        self.dropped = 0
        """Hints that a broker in trouble cost."""
        self._app = Celery("hints", set_as_current=False, fixups=[])
        self._app.conf.update(configuration)
        _ = self._app.amqp.queues  # what Celery imports late is not imported beside the first requests
        self._claim_rows = claim_rows
        self._thread: threading.Thread | None = None
        self._forget_thread()
        os.register_at_fork(after_in_child=_weakly(self._forget_thread))

    def ring(self, work: Work, rows: int = 1) -> None:
        """Note that about `rows` rows of `work` are due."""
        with self._changed:
            noted = self._noted[work]
            self._noted[work] += rows
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="hints", daemon=True)
                self._thread.start()
            elif not noted or noted < self._rows_per_hint(work) <= noted + rows:
                self._changed.notify()

    def close(self, timeout: float) -> None:
        """Send what is noted and end; give up after `timeout` seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def _forget_thread(self) -> None:
        """Begin anew: a thread does not survive a fork, and a lock may be held by one that did not."""
        self._changed = threading.Condition()
        self._noted: Counter[Work] = Counter()
        self._sent_at: dict[Work, float] = {}
        self._closing = False
        self._thread = None

    def _run(self) -> None:
        line = _Line(self._app)
        backoff = FIRST_BACKOFF_SECONDS
        while noted := self._take():
            hints = {work: -(-rows // self._rows_per_hint(work)) for work, rows in noted.items()}
            began = monotonic()
            try:
                self.sent += line.send(hints)
            except Exception as error:  # noqa: BLE001 - whatever it is: without this thread nobody is woken any more
                self.dropped += sum(min(count, MOST_WAITING) for count in hints.values())
                if not isinstance(error, line.errors):
                    _log.exception("hints.crashed", dropped=self.dropped)
                elif backoff == FIRST_BACKOFF_SECONDS:
                    _log.warning("hints.dropped", error=type(error).__name__, dropped=self.dropped)
                line.hang_up()
                self._pause(backoff)
                backoff = min(backoff * 2, LONGEST_BACKOFF_SECONDS)
            else:
                self._sent_at |= dict.fromkeys(hints, began)
                backoff = FIRST_BACKOFF_SECONDS
                self._pause(LEAST_PAUSE_SECONDS - (monotonic() - began))
        line.hang_up()

    def _take(self) -> Counter[Work]:
        """Wait for notes whose hints may be sent, and take them; none means that the end has come."""
        with self._changed:
            while not self._closing:
                now = monotonic()
                sent_from = {work: self._may_send_from(work, rows) for work, rows in self._noted.items()}
                due = Counter({work: self._noted[work] for work, moment in sent_from.items() if moment <= now})
                if due:
                    self._noted -= due
                    return due
                self._changed.wait(min(sent_from.values()) - now if sent_from else None)
            noted, self._noted = self._noted, Counter()
            return noted

    def _may_send_from(self, work: Work, rows: int) -> float:
        """Return the moment from which that many rows may be announced."""
        pause = LINGERED_PAUSE_SECONDS.get(work, 0.0) if rows < self._rows_per_hint(work) else 0.0
        return self._sent_at.get(work, 0.0) + pause

    def _rows_per_hint(self, work: Work) -> int:
        """Return how many rows are worth one hint."""
        return self._claim_rows * (LINGERED_CLAIMS if work in LINGERED_PAUSE_SECONDS else 1)

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing, max(0.0, seconds))


@dataclass(slots=True)
class _Line:
    """The connection of the publishing thread, made when needed and thrown away after an error."""

    app: Celery
    connection: Connection | None = None

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What a broker in trouble raises."""
        return (KombuError, OSError, *_errors_of(self.connection))

    def send(self, hints: Mapping[Work, int]) -> int:
        """Send hints, given as how many by kind, unless enough wait already; return how many were sent."""
        if self.connection is None:
            self.connection = self.app.connection_for_write(heartbeat=0)
            self.connection.ensure_connection(max_retries=0)
        sent = 0
        with self.connection.Producer() as producer:
            for work, wanted in hints.items():
                waiting = declare(producer.channel, work)
                for _ in range(min(wanted, MOST_WAITING - waiting)):
                    self.app.send_task(TASKS[work], queue=work.value, producer=producer, retry=False)
                    sent += 1
        return sent

    def hang_up(self) -> None:
        """Drop the connection without waiting for a polite goodbye."""
        connection, self.connection = self.connection, None
        if connection is not None:
            with suppress(KombuError, OSError, *_errors_of(connection)):
                connection.collect(socket_timeout=0.1)


def declare(channel: Any, work: Work) -> int:
    """Make sure of the queue of `work`, also after the broker came back empty; return how many hints wait in it."""
    return int(channel.queue_declare(queue=work.value, durable=True, auto_delete=False).message_count)


def _errors_of(connection: Connection | None) -> tuple[type[Exception], ...]:
    errors = (*connection.connection_errors, *connection.channel_errors) if connection else ()
    return tuple(error for error in errors if issubclass(error, Exception))


def _weakly(method: Callable[[], None]) -> Callable[[], None]:
    """Wrap `method` so that a hook, which cannot be taken back, does not keep its object alive."""
    reference = WeakMethod(method)

    def call() -> None:
        alive = reference()
        if alive is not None:
            alive()

    return call
