"""Claimed rows become sessions; those that only another process can open are given back to it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from app.adapters.database.engine import Database
from app.adapters.database.session_rows import CLAIMED_COLUMNS, Row, SessionRows, in_queue_order
from app.adapters.database.session_statements import statements_for
from app.domain.session import ClaimedSession
from app.errors import MasterKeyMissing, SealBroken
from app.ports import Sealing

TRY_AGAIN: Final = timedelta(seconds=2)
"""What was given back waits so long: others are not kept waiting behind it, nor is a process that has the key."""
_ID, _EXPIRES_AT, _LEASE_TOKEN = (CLAIMED_COLUMNS.index(name) for name in ("id", "expires_at", "lease_token"))
_log = structlog.get_logger()


def open_claimed(database: Database, sealing: Sealing, rows: Sequence[Row], now: datetime) -> list[ClaimedSession]:
    """Return the sessions of `rows`, of CLAIMED_COLUMNS, the most urgent and oldest first; raise SealBroken if none.

    One whose master key is not in this process's ring is given back untouched, as long as the session lives: during a
    rotation another process has it. One that is broken is left out, so that it harms none but itself: it stays leased,
    which counts as a crash, until it is ended as poison.
    """
    to_claimed = SessionRows(sealing).to_claimed
    opened: list[ClaimedSession] = []
    foreign: dict[str, str] = {}
    fault: SealBroken | None = None
    for row in in_queue_order(rows):
        try:
            opened.append(to_claimed(row))
        except SealBroken as error:
            fault = error
            if isinstance(error, MasterKeyMissing) and now < row[_EXPIRES_AT]:
                foreign[row[_ID]] = row[_LEASE_TOKEN]
            else:
                _log.error("session.seal_broken", session_id=row[_ID])
    if foreign:
        _log.error("master_key.missing", sessions=len(foreign))
        leases = list(foreign.items())
        database.write_one(lambda connection: statements_for(database).release(connection, leases, now + TRY_AGAIN))
    if fault is not None and not opened:
        raise fault
    return opened
