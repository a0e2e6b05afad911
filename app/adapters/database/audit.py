"""The record of all changes; appended to, never changed."""

from dataclasses import dataclass

from sqlalchemy import insert

from app.adapters.database.engine import Database
from app.adapters.database.schema import AuditRow
from app.management_ports import AuditEntry


@dataclass(frozen=True, slots=True)
class SqlAuditLog:
    """Implements `ports.AuditLog`."""

    database: Database

    def add(self, entry: AuditEntry) -> None:
        """Append `entry`."""
        row = {
            "at": entry.at,
            "actor": entry.actor,
            "action": entry.action,
            "target": entry.target,
            "detail": dict(entry.detail),
        }
        self.database.write_one(lambda connection: connection.execute(insert(AuditRow).values(row)))
