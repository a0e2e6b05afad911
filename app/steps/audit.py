"""The record of all changes, read by those who manage; a client that is bound to a partner sees that partner's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.domain.audit import AuditFilter
from app.domain.session import rfc3339
from app.errors import PartnerUnknown
from app.management_ports import AuditReads, RecordedEntry
from app.steps.authorize import Caller


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some entries, the newest first, and the number before which the next page begins (None: there is none)."""

    entries: Sequence[RecordedEntry]
    before: int | None


@dataclass(frozen=True, slots=True)
class ListAudit:
    """Lists what was changed, when and by whom."""

    reads: AuditReads

    def __call__(self, wanted: AuditFilter, caller: Caller, before: int | None, limit: int) -> AuditPage:
        """Return at most `limit` entries that match; raise PartnerUnknown for what the caller does not see."""
        if wanted.partner_id is not None and not caller.sees(wanted.partner_id):
            raise PartnerUnknown
        seen = wanted if caller.partner_id is None else replace(wanted, partner_id=caller.partner_id)
        found = self.reads.load_page(seen, before, limit + 1)
        return AuditPage(found[:limit], found[limit - 1].number if len(found) > limit else None)


def entry_view(recorded: RecordedEntry) -> dict[str, object]:
    """Return an entry as the interface and the command line show it."""
    entry = recorded.entry
    return {
        "at": rfc3339(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "partner_id": entry.partner_id,
        "request_id": entry.request_id,
        "detail": dict(entry.detail),
    }
