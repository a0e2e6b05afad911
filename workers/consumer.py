"""Celery's consumer, changed in one point: children that are killed before its event loop runs are replaced.

Celery looks after its prefork pool on the event loop, which runs only while there is a broker. Without one, killed
children stayed dead (measured on 5.7) and with them the sweeps that are to go on without hints; and one that was killed
while the worker started ended the whole worker.
"""

from collections.abc import Callable
from typing import Any

from celery.concurrency.prefork import TaskPool as PreforkPool
from celery.worker.consumer import Consumer


class PatientConsumer(Consumer):
    """Looks after the pool between two attempts to connect."""

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, however long it takes; return the connection."""
        watched: Any = _Watched(conn, self._look_after_pool)
        return super().ensure_connected(watched)

    def loop_args(self) -> Any:
        """Return what the event loop takes, which replaces children that were killed meanwhile."""
        consumer: Any = self
        if isinstance(self.pool, PreforkPool) and not _has_unstartable_child(self.pool):
            consumer.restart_count = max(1, consumer.restart_count)  # at 0 a dead child would end the worker
        return super().loop_args()

    def _look_after_pool(self) -> None:
        consumer: Any = self
        if isinstance(self.pool, PreforkPool):
            # A pool that never saw a broker has not yet been told how to replace a child.
            if not consumer.pool._pool._registered_with_event_loop:  # noqa: SLF001 - Celery keeps it nowhere else
                consumer.pool.register_with_event_loop(consumer.hub)
            consumer.pool.maintain_pool()


def _has_unstartable_child(pool: Any) -> bool:
    """Tell whether a child ended by itself: the next one would do the same."""
    return any((child.exitcode or 0) > 0 for child in pool._pool._pool)  # noqa: SLF001 - as above


class _Watched:
    """A connection that calls `between` every second while it waits; once connected it is the connection itself."""

    def __init__(self, connection: Any, between: Callable[[], None]) -> None:
        self._connection = connection
        self._between = between

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def ensure_connection(self, errback: Any, max_retries: int | None, callback: Callable[[], None]) -> Any:
        """Connect as Celery asks for."""

        def between_attempts() -> None:
            callback()
            self._between()

        return self._connection.ensure_connection(errback, max_retries, callback=between_attempts)
