"""News of settled sessions, heard over PostgreSQL's LISTEN on a connection of its own.

News may be missed: while the connection is made anew, behind a pooler that gives each transaction another one, or from
a worker that could not tell. Who waits looks by itself as well.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from structlog import get_logger

from app.adapters.database.lines import Lines
from app.adapters.database.news_payloads import CHANNEL, ids_of
from app.logs import fault_fields
from app.loop_ports import Tell

AGAIN_SECONDS: Final = 1.0
"""Between two attempts to listen."""
ASK_SECONDS: Final = 30.0
"""Between two questions whether anybody is there still: a frozen server tells nothing, and keeps the connection."""
_log = get_logger()


@dataclass(slots=True)
class PostgresSettledNews:
    """Implements `loop_ports.SettledNews`."""

    lines: Lines
    is_heard: bool = field(default=False, init=False)
    """Whether a connection listens."""
    _was_lost: bool = field(default=False, init=False)

    async def hear(self, tell: Tell) -> None:
        """Tell the ids of sessions as they reach a terminal stage, until cancelled; some may never be told."""
        while True:
            try:
                await self._hear(tell)
            except Exception as error:  # noqa: BLE001 - told; what made one connection fail need not fail the next
                if not self._was_lost:  # once, however long it takes to hear them again
                    _log.warning("news.lost", **fault_fields(error))
                self._was_lost = True
            finally:
                self.is_heard = False
            await asyncio.sleep(AGAIN_SECONDS)

    async def _hear(self, tell: Tell) -> None:
        async with self.lines.own_line() as line:
            await self.lines.in_time(line, f"LISTEN {CHANNEL}")
            self.is_heard = True
            if self._was_lost:
                self._was_lost = False
                _log.info("news.regained")
            while True:
                async for notice in line.notifies(timeout=ASK_SECONDS):
                    tell(ids_of(notice.payload))
                await self.lines.in_time(line, "SELECT 1")
