"""The record of all changes; appended to and read, never changed."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sqlalchemy import ColumnElement, insert, select

from app.adapters.database.engine import Database
from app.adapters.database.schema import AuditRow
from app.domain.audit import AuditFilter
from app.management_ports import AuditEntry, RecordedEntry

_ENTRY = (
    AuditRow.at,
    AuditRow.actor,
    AuditRow.action,
    AuditRow.subject,
    AuditRow.detail,
    AuditRow.partner_id,
    AuditRow.request_id,
)


@dataclass(frozen=True, slots=True)
class SqlAuditLog:
    """Implements `management_ports.AuditLog` and `AuditReads`."""

    database: Database

    def together(self) -> AbstractContextManager[None]:
        """Make the changes in the block and their entries one transaction."""
        return self.database.together()

    def add(self, entry: AuditEntry) -> None:
        """Append `entry`."""
        row = {
            "at": entry.at,
            "actor": entry.actor,
            "action": entry.action,
            "subject": entry.subject,
            "detail": dict(entry.detail),
            "partner_id": entry.partner_id,
            "request_id": entry.request_id,
        }
        self.database.write_one(lambda connection: connection.execute(insert(AuditRow).values(row)))

    def load_page(self, wanted: AuditFilter, before: int | None, limit: int) -> Sequence[RecordedEntry]:
        """Return at most `limit` entries that match, those before the number `before`, the newest first."""
        page = select(AuditRow.id, *_ENTRY).where(*_matching(wanted)).order_by(AuditRow.id.desc()).limit(limit)
        if before is not None:
            page = page.where(AuditRow.id < before)
        rows = self.database.read(lambda connection: connection.execute(page).all())
        return [RecordedEntry(row[0], AuditEntry(*row[1:])) for row in rows]


def _matching(wanted: AuditFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.actor is not None:
        yield AuditRow.actor == wanted.actor
    if wanted.action is not None:
        yield AuditRow.action == wanted.action
    if wanted.subject is not None:
        yield AuditRow.subject == wanted.subject
    if wanted.partner_id is not None:
        yield AuditRow.partner_id == wanted.partner_id
    if wanted.since is not None:
        yield AuditRow.at >= wanted.since
    if wanted.until is not None:
        yield AuditRow.at < wanted.until
