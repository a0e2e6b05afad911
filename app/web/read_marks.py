"""Which sessions were shown to their participants, noted for their timelines a moment later, many in one write.

Nobody who reads waits for this, and it may be lost: with the process, or while the store is out of reach.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Context
from datetime import datetime
from typing import Final

from structlog import get_logger

from app.logs import fault_fields

GATHER_SECONDS: Final = 0.25
"""How long marks gather: one small write among those that commit sessions."""
MAX_ROWS: Final = 512
MAX_NOTED: Final = 16_384
"""Sessions that may wait to be marked; more are not noted."""

Mark = Callable[[Mapping[str, datetime]], Awaitable[frozenset[str]]]
"""Marks sessions; returns those that it passed over for now."""
_log = get_logger()


class ReadMarks:
    """Gathers when sessions were first shown, and hands that to `mark`."""

    lost: int
    """Marks that could not be written."""

    def __init__(self, mark: Mark) -> None:
        self.lost = 0
        self._mark = mark
        self._noted: dict[str, datetime] = {}
        self._task: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    def note(self, session_id: str, now: datetime) -> None:
        """Note that a session was shown; returns at once."""
        if len(self._noted) < MAX_NOTED:
            self._noted.setdefault(session_id, now)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._gather(), context=Context())

    async def flush(self) -> None:
        """Return when what was noted until now is marked, lost, or passed over until the next time."""
        async with self._writing:  # what another one has under way was noted before
            left: dict[str, datetime] = {}
            noted = list(self._noted)  # not what comes meanwhile: whoever is passed over now keeps this moment
            try:
                for first in range(0, len(noted), MAX_ROWS):
                    batch = {session_id: self._noted.pop(session_id) for session_id in noted[first : first + MAX_ROWS]}
                    left |= batch
                    for session_id in batch.keys() - await self._write(batch):
                        del left[session_id]
            finally:  # whoever asked for this may have gone: the next one writes it, if it was not written all the same
                self._noted = {**self._noted, **left}

    async def _write(self, batch: Mapping[str, datetime]) -> frozenset[str]:
        """Mark these, and return which of them were passed over."""
        try:
            return await self._mark(batch)
        except Exception as error:  # noqa: BLE001 - these are lost, whatever it was; the next ones need not be
            self.lost += len(batch)
            _log.warning("reads.not_marked", sessions=len(batch), **fault_fields(error))
            return frozenset()

    async def _gather(self) -> None:
        try:
            while self._noted:
                await asyncio.sleep(GATHER_SECONDS)
                await self.flush()
        finally:
            self._task = None

    async def close(self) -> None:
        """Mark what is noted, and gather no more: what is passed over now is lost."""
        if self._task is not None:
            self._task.cancel()
        await self.flush()
        self.lost += len(self._noted)
