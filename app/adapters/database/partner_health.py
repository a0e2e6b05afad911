"""Partners' health, shared by all processes through one row each."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from app.adapters.database.engine import Database
from app.adapters.database.health_rows import load_healths, lock_partners, write_partners
from app.domain.health import PartnerHealth
from app.fetch_ports import HealthChange


@dataclass(frozen=True, slots=True)
class SqlPartnerHealth:
    """Implements `fetch_ports.HealthStore`."""

    database: Database

    def load(self, partner_ids: Collection[str]) -> Mapping[str, PartnerHealth]:
        """Return the health of each, a new one for whoever has none yet."""
        return self.database.read(lambda connection: load_healths(connection, partner_ids)) if partner_ids else {}

    def change(self, changes: Mapping[str, HealthChange], now: datetime) -> Mapping[str, PartnerHealth]:
        """Apply each change once, under the lock of its partner's row, all in one transaction; return what is now."""

        def change_all(connection: Connection) -> Mapping[str, PartnerHealth]:
            before = lock_partners(connection, changes, now)
            after = {id_: replace(before[id_], health=change(before[id_].health)) for id_, change in changes.items()}
            write_partners(connection, {id_: row for id_, row in after.items() if row != before[id_]}, now)
            return {id_: row.health for id_, row in after.items()}

        return self.database.write(change_all) if changes else {}
