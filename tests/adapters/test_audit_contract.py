"""The record of changes: what is added is read back, the newest first, a page at a time."""

from datetime import timedelta

import pytest

from app.domain.audit import AuditFilter
from app.management_ports import AuditEntry
from tests.adapters.stores import Stores
from tests.builders import NOW

HOUR = timedelta(hours=1)
CREATED = AuditEntry(NOW, "admin", "partner.created", "acme", {"version": 1}, "acme", "request-1")
CHANGED = AuditEntry(NOW + HOUR, "acme-client", "partner.changed", "acme", {"version": 2}, "acme", "request-2")
REPLAYED = AuditEntry(NOW + 2 * HOUR, "command-line", "replay.started", "rep_1")


def read(stores: Stores, wanted: AuditFilter, before: int | None = None, limit: int = 10) -> list[AuditEntry]:
    return [recorded.entry for recorded in stores.audit_reads.load_page(wanted, before, limit)]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param(AuditFilter(), [REPLAYED, CHANGED, CREATED], id="all"),
        pytest.param(AuditFilter(actor="admin"), [CREATED], id="actor"),
        pytest.param(AuditFilter(action="replay.started"), [REPLAYED], id="action"),
        pytest.param(AuditFilter(subject="acme"), [CHANGED, CREATED], id="subject"),
        pytest.param(AuditFilter(partner_id="acme"), [CHANGED, CREATED], id="partner"),
        pytest.param(AuditFilter(partner_id="globex"), [], id="another-partner"),
        pytest.param(AuditFilter(since=NOW + HOUR), [REPLAYED, CHANGED], id="since-is-inclusive"),
        pytest.param(AuditFilter(until=NOW + HOUR), [CREATED], id="until-is-not"),
        pytest.param(AuditFilter(actor="acme-client", action="partner.created"), [], id="all-conditions-count"),
    ],
)
def test_audit_entries_are_read_by_what_is_asked_for(
    stores: Stores, wanted: AuditFilter, found: list[AuditEntry]
) -> None:
    for entry in (CREATED, CHANGED, REPLAYED):
        stores.audit.add(entry)

    assert read(stores, wanted) == found


def test_audit_page_begins_before_the_last_one(stores: Stores) -> None:
    for entry in (CREATED, CHANGED, REPLAYED):
        stores.audit.add(entry)

    first = stores.audit_reads.load_page(AuditFilter(), None, 2)
    second = read(stores, AuditFilter(), first[-1].number, 2)

    assert [recorded.entry for recorded in first] == [REPLAYED, CHANGED]
    assert second == [CREATED]
