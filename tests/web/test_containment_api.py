"""Pausing and resuming a partner, and the figures of the delivery, over HTTP."""

import os
from typing import Any

import pytest

from app.domain.health import is_paused
from app.domain.session import Priority, Stage
from app.management_ports import DocumentKind
from app.ports import Claim, Work
from app.steps.accept import session_ids
from tests.builders import NOW, move, new_session, request
from tests.web.management import Management

HEALTHY: dict[str, Any] = {
    "partner_id": "acme",
    "in_flight": 0,
    "max_concurrency": 50,
    "rate_per_second": None,
    "due": {"fresh": 0, "retry": 0, "replay": 0},
    "later": {"fresh": 0, "retry": 0, "replay": 0},
    "breaker": {"state": "closed", "opened_until": None, "openings": 0},
    "retry_bank": 100.0,
    "paused": False,
    "paused_until": None,
    "paused_by": None,
    "errors": {},
}


@pytest.fixture
def management() -> Management:
    made = Management()
    for partner_id in ("acme", "globex"):
        made.documents.put(DocumentKind.PARTNER, partner_id, {"name": partner_id}, None, NOW)
    made.with_client("admin")
    made.with_client("reader", "stats:read")
    made.with_client("bound", "partners:write", "stats:read", partner_id="globex")
    return made


async def test_pause_stops_the_partner_and_is_audited(management: Management) -> None:
    async with management.running():
        answer = await management.call("POST", "/v1/partners/acme/pause")

        assert (answer.status, await answer.json()) == (200, {**HEALTHY, "paused": True, "paused_by": "admin"})
    assert is_paused(management.sessions.healths["acme"], NOW)
    [entry] = management.audit.entries
    assert (entry.actor, entry.action, entry.subject) == ("admin", "partner.paused", "acme")


async def test_resume_starts_it_again_and_wakes_the_workers(management: Management) -> None:
    async with management.running():
        await management.call("POST", "/v1/partners/acme/pause")
        answer = await management.call("POST", "/v1/partners/acme/resume")

        assert (answer.status, await answer.json()) == (200, HEALTHY)
    assert [entry.action for entry in management.audit.entries] == ["partner.paused", "partner.resumed"]
    assert (Work.FETCH, 1) in management.hints.rung


@pytest.mark.parametrize(
    ("client_id", "path", "status", "code"),
    [
        pytest.param("admin", "/v1/partners/nobody/pause", 404, "partner_unknown", id="unknown"),
        pytest.param("bound", "/v1/partners/acme/pause", 404, "partner_unknown", id="of-another-client"),
        pytest.param("bound", "/v1/partners/acme/resume", 404, "partner_unknown", id="resume-of-another-client"),
        pytest.param("reader", "/v1/partners/acme/pause", 403, "scope_missing", id="scope"),
    ],
)
async def test_pause_that_is_not_allowed_changes_nothing(
    management: Management, client_id: str, path: str, status: int, code: str
) -> None:
    async with management.running():
        answer = await management.call("POST", path, client_id)

        assert (answer.status, (await answer.json())["code"]) == (status, code)
    assert (management.sessions.healths, management.audit.entries) == ({}, [])


async def test_stats_show_stages_and_partners(management: Management) -> None:
    sessions = management.sessions
    sessions.add([new_session(id=id_) for id_ in session_ids(2, NOW, os.urandom)], NOW)
    [first] = sessions.claim(Claim(Stage.VERIFY, 1, NOW, NOW))
    sessions.finish([move(first, Stage.FETCH, due_at=NOW, priority=Priority.RETRY, request=request())], NOW)

    async with management.running():
        answer = await management.call("GET", "/v1/stats", "reader")

        assert answer.status == 200
        body = await answer.json()
    assert body["stages"] == {
        "verify": {"fresh": 1, "retry": 0, "replay": 0},
        "fetch": {"fresh": 0, "retry": 1, "replay": 0},
        "done": 0,
        "dead": 0,
    }
    assert body["partners"] == [{**HEALTHY, "due": {"fresh": 0, "retry": 1, "replay": 0}}]
    assert body["tokens"] == [{"partner_id": "acme", "verdicts": {"accepted": 1, "pending": 1}}]
    assert body["counted_at_most"] == 10_000


async def test_stats_for_a_client_of_one_partner_show_that_partner_alone(management: Management) -> None:
    acme, globex = session_ids(2, NOW, os.urandom)
    management.sessions.add([new_session(id=acme), new_session(id=globex, partner_id="globex")], NOW)

    async with management.running():
        await management.call("POST", "/v1/partners/acme/pause")
        answer = await management.call("GET", "/v1/stats", "bound")

        body = await answer.json()
    assert body["stages"] is None
    assert [partner["partner_id"] for partner in body["partners"]] == ["globex"]
    assert body["tokens"] == [{"partner_id": "globex", "verdicts": {"pending": 1}}]


async def test_stats_without_the_scope_are_refused(management: Management) -> None:
    management.with_client("writer", "partners:write")

    async with management.running():
        answer = await management.call("GET", "/v1/stats", "writer")

        assert answer.status == 403
