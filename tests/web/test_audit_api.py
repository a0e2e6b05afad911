"""`GET /v1/audit`, and that every call that changes something is found in it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
import pytest_asyncio

from app.domain.audit import AuditFilter
from app.management_ports import RecordedEntry
from tests.builders import NOW, SOURCE, keyset
from tests.documents.examples import CREDENTIAL, campaign_body, partner_body
from tests.web.burying import LEASE, bury
from tests.web.management import Management

SAFE: Final = {"GET", "HEAD", "OPTIONS"}
NO_CHANGE: Final = {"/oauth/token", "/v1/crypto/encrypt", "/v1/inspect"}
"""Calls that are made with POST and change nothing."""
CREDENTIALED: Final = {
    "url": "https://api.acme.example/p",
    "authorization": {"from": "static", "secret": CREDENTIAL},
}


@dataclass(frozen=True, slots=True)
class Change:
    """A call that succeeds, and what it is recorded as."""

    method: str
    pattern: str
    path: str
    action: str
    body: Any = None
    subject: str = "acme"


CHANGES: Final = (
    Change(
        "PUT", "/v1/partners/{partner_id}", "/v1/partners/acme", "partner.changed", partner_body(prefill=CREDENTIALED)
    ),
    Change("PUT", "/v1/campaigns/{campaign_id}", "/v1/campaigns/spring", "campaign.created", campaign_body(), "spring"),
    Change("DELETE", "/v1/campaigns/{campaign_id}", "/v1/campaigns/spring", "campaign.deleted", subject="spring"),
    Change("POST", "/v1/partners/{partner_id}/doctor", "/v1/partners/acme/doctor", "partner.examined"),
    Change("POST", "/v1/partners/{partner_id}/pause", "/v1/partners/acme/pause", "partner.paused"),
    Change("POST", "/v1/partners/{partner_id}/resume", "/v1/partners/acme/resume", "partner.resumed"),
    Change(
        "POST", "/v1/partners/{partner_id}/keyset/refresh", "/v1/partners/acme/keyset/refresh", "keyset.refresh_asked"
    ),
    Change(
        "DELETE",
        "/v1/partners/{partner_id}/participants/{sub}",
        "/v1/partners/acme/participants/secret-sub",
        "participant.erased",
    ),
    Change(
        "POST",
        "/v1/partners/{partner_id}/keyset/revoke",
        "/v1/partners/acme/keyset/revoke",
        "keyset.key_revoked",
        {"kid": "k1"},
    ),
    Change(
        "POST", "/v1/replays", "/v1/replays", "replay.started", {"filter": {"partner_id": "acme"}}, "rpl_" + "01" * 12
    ),
    *(
        Change(
            "POST",
            f"/v1/replays/{{id}}/{command}",
            f"/v1/replays/rpl_{'01' * 12}/{command}",
            f"replay.{done}",
            subject="rpl_" + "01" * 12,
        )
        for command, done in (("pause", "paused"), ("resume", "resumed"), ("cancel", "cancelled"))
    ),
    Change("DELETE", "/v1/partners/{partner_id}", "/v1/partners/acme", "partner.deleted"),
)
"""In an order in which each can be made."""


@pytest_asyncio.fixture
async def management() -> AsyncIterator[Management]:
    async with Management().running() as running:
        running.with_client("admin")
        running.with_client("acme-client", partner_id="acme")
        for partner_id in ("acme", "globex"):
            await running.call("PUT", f"/v1/partners/{partner_id}", json=partner_body())
        yield running


def publish(management: Management) -> None:
    """Let the source of the partners have the key `k1`."""
    management.keysets.request(SOURCE, NOW)
    [claimed] = management.keysets.claim_due(1, NOW + LEASE, NOW + 2 * LEASE)
    assert management.keysets.save(keyset(), claimed.lease_token or "", NOW)


def last(management: Management) -> RecordedEntry:
    [entry] = management.audit.load_page(AuditFilter(), None, 1)
    return entry


async def test_each_call_that_changes_something_is_recorded_without_a_secret(management: Management) -> None:
    publish(management)
    bury(management)

    for change in CHANGES:
        answer = await management.call(change.method, change.path, json=change.body)

        assert answer.status < 300, (change, await answer.text())
        entry = last(management).entry
        told = (entry.actor, entry.action, entry.subject, entry.partner_id, entry.request_id)
        assert told == ("admin", change.action, change.subject, "acme", "test-1")
    assert CREDENTIAL not in repr(management.audit.entries)
    assert "secret-sub" not in repr(management.audit.entries)


async def test_table_of_changes_holds_every_call_that_changes_something(management: Management) -> None:
    served = {(route.method, getattr(route.resource, "canonical", "")) for route in management.http.app.router.routes()}
    changing = {(method, path) for method, path in served if method not in SAFE and path not in NO_CHANGE}

    assert {(change.method, change.pattern) for change in CHANGES} == changing


async def test_audit_is_listed_newest_first_page_by_page(management: Management) -> None:
    first = await (await management.call("GET", "/v1/audit?limit=1")).json()
    second = await (await management.call("GET", f"/v1/audit?limit=1&cursor={first['cursor']}")).json()

    item = {
        "at": "2027-03-01T12:00:00.123Z",
        "actor": "admin",
        "action": "partner.created",
        "subject": "globex",
        "partner_id": "globex",
        "request_id": "test-1",
        "detail": {"version": 1},
    }
    assert first["items"] == [item]
    assert second == {"items": [{**item, "subject": "acme", "partner_id": "acme"}], "cursor": None}


@pytest.mark.parametrize(
    ("query", "subjects"),
    [
        pytest.param("?subject=acme", ["acme"], id="subject"),
        pytest.param("?actor=nobody", [], id="actor"),
        pytest.param("?action=partner.created&partner_id=globex", ["globex"], id="action-and-partner"),
        pytest.param("?since=2027-03-01T12:00:01Z", [], id="since"),
        pytest.param("?until=2027-03-01T12:00:01Z", ["globex", "acme"], id="until"),
    ],
)
async def test_audit_is_narrowed_by_its_query(management: Management, query: str, subjects: list[str]) -> None:
    listed = await (await management.call("GET", f"/v1/audit{query}")).json()

    assert [item["subject"] for item in listed["items"]] == subjects


async def test_bound_client_sees_what_was_done_to_its_partner_alone(management: Management) -> None:
    listed = await (await management.call("GET", "/v1/audit", "acme-client")).json()
    theirs = await management.call("GET", "/v1/audit?partner_id=globex", "acme-client")

    assert [item["subject"] for item in listed["items"]] == ["acme"]
    assert (theirs.status, (await theirs.json())["code"]) == (404, "partner_unknown")


@pytest.mark.parametrize(
    ("query", "path"),
    [
        pytest.param("?cursor=eA==", "cursor", id="cursor-of-another-list"),
        pytest.param("?cursor=%C3%A4", "cursor", id="cursor-not-base64"),
        pytest.param("?limit=201", "limit", id="limit"),
        pytest.param("?actor=a&actor=b", "actor", id="twice"),
        pytest.param("?who=me", "who", id="unknown"),
        pytest.param("?since=2027-03-02T00:00:00Z&until=2027-03-01T00:00:00Z", "until", id="window"),
        pytest.param("?subject=%00", "subject", id="control-character"),
    ],
)
async def test_audit_query_that_is_wrong_is_refused(management: Management, query: str, path: str) -> None:
    refused = await management.call("GET", f"/v1/audit{query}")

    assert refused.status == 422
    assert [error["path"] for error in (await refused.json())["errors"]] == [path]


async def test_audit_needs_its_scope(management: Management) -> None:
    management.with_client("reader", "partners:read")

    refused = await management.call("GET", "/v1/audit", "reader")

    assert (refused.status, (await refused.json())["code"]) == (403, "scope_missing")
