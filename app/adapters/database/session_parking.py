"""Sessions that wait for a key: made due when their source has something new to be judged by."""

from datetime import datetime

from sqlalchemy import Connection, select, update

from app.adapters.database.schema import SessionRow
from app.domain.session import Stage


def wake_parked(connection: Connection, source: str, now: datetime) -> None:
    """Make due what is parked on `source`.

    A row that is just being finished is passed over, since waiting for it could be a circle: whoever parks it looks
    afterwards whether it was too late.
    """
    parked = (
        select(SessionRow.id)
        .where(SessionRow.parked_on == source, SessionRow.stage == Stage.VERIFY)
        .with_for_update(skip_locked=True, key_share=True)
    )
    connection.execute(
        update(SessionRow).where(SessionRow.id.in_(parked.scalar_subquery())).values(due_at=now, parked_on=None)
    )
