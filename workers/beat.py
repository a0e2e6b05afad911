"""Celery's scheduler of beat, changed in one point: it adds nothing to a queue that nobody empties.

A tick expires, but only whoever takes it from its queue looks: with no worker there the ticks of a day are 30,000, and
no broker throws them away.
"""

from typing import Any

from celery.beat import Scheduler

from app.adapters.queue import MOST_WAITING, declare
from app.ports import Work


class SparingScheduler(Scheduler):
    """Sends a tick only while few wait."""

    def apply_async(self, entry: Any, producer: Any = None, advance: bool = True, **options: Any) -> Any:  # noqa: FBT001, FBT002 - Celery's signature
        """Send the entry's tick, unless enough wait already; return what Celery knows of it, or None."""
        if declare(producer.channel, Work(entry.options["queue"])) >= MOST_WAITING:
            return None
        return super().apply_async(entry, producer, advance, **options)
