"""Sessions that wait for a key: made due when their source has something new to be judged by."""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select, update

from app.adapters.database.engine import Database
from app.adapters.database.schema import SessionRow
from app.domain.session import Stage

CHUNK: Final = 2000
"""Sessions that one transaction wakes: a crowd of any size costs nobody a long wait for a lock, nor a time-out."""
_MOST_CHUNKS: Final = 1000
"""Those who are judged and park anew meanwhile are woken again; that has to have an end."""


def wake_parked(database: Database, source: str, now: datetime) -> None:
    """Make due what is parked on `source`, whose news is committed: who parks later sees it and wakes itself.

    A row that is just being finished is passed over, since waiting for it could be a circle: whoever parks it looks
    afterwards whether it was too late. Where this is cut short the rest looks again by itself, later.
    """
    for _ in range(_MOST_CHUNKS):
        if database.write(lambda connection: _wake_chunk(connection, source, now)) < CHUNK:
            break


def _wake_chunk(connection: Connection, source: str, now: datetime) -> int:
    parked = (
        select(SessionRow.id)
        .where(SessionRow.parked_on == source, SessionRow.stage == Stage.VERIFY)
        .limit(CHUNK)
        .with_for_update(skip_locked=True, key_share=True)
    )
    wake = update(SessionRow).where(SessionRow.id.in_(parked.scalar_subquery())).values(due_at=now, parked_on=None)
    return connection.execute(wake).rowcount
