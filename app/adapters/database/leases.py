"""Named leases: one process at a time does a periodic job."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from app.adapters.database.engine import Database
from app.adapters.database.inserting import insert_into
from app.adapters.database.schema import LeaseRow


@dataclass(frozen=True, slots=True)
class SqlLeases:
    """Implements `ports.Leases`."""

    database: Database

    def take(self, name: str, now: datetime, until: datetime) -> bool:
        """Take the lease `name` until `until`; tell whether it was free."""
        return self.database.write_one(lambda connection: _take(connection, name, now, until))


def _take(connection: Connection, name: str, now: datetime, until: datetime) -> bool:
    take = (
        insert_into(connection, LeaseRow)
        .values(name=name, held_until=until)
        .on_conflict_do_update(
            index_elements=[LeaseRow.name], set_={"held_until": until}, where=LeaseRow.held_until <= now
        )
        .returning(LeaseRow.name)
    )
    return connection.scalar(take) is not None
