"""`/v1/partners/{id}/keyset`: what is shown, asked for and revoked, by whom; and what a PUT says of the keys."""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from app.domain.keyset import DroppedKey, Keyset, source_label
from app.domain.keyset_history import thumbprint_of
from app.domain.keyset_refresh import after_failure
from app.domain.session import ClaimedSession, Stage, TokenStatus
from app.keyset_ports import AcceptedPage, VoidOrder
from app.management_ports import DocumentKind
from app.ports import Claim, Work
from app.web.keysets import FINDINGS_HEADER
from tests.builders import NOW, SOURCE, jwk, keyset, move, new_session
from tests.documents.examples import partner_body, secretive_body
from tests.fakes import MemoryAcceptedSessions, MemoryKeysets, RecordingHints
from tests.web.management import Management
from tests.web.stage import eventually

KEYSET = "/v1/partners/acme/keyset"
PRINT = thumbprint_of(jwk())
LEASE = timedelta(seconds=15)
AT = "2027-03-01T12:00:00.123Z"


@pytest_asyncio.fixture
async def management() -> AsyncIterator[Management]:
    async with Management(patience_seconds=0.1).running() as running:
        running.with_client("admin")
        running.documents.put(DocumentKind.PARTNER, "acme", partner_body(), None, NOW)
        yield running


def publish(management: Management, **changes: Any) -> Keyset:
    """Save what a fetch just now brought."""
    keysets, now = management.keysets, management.clock.now()
    keysets.request(SOURCE, now)
    [claimed] = keysets.claim_due(1, now + timedelta(seconds=1), now + LEASE)
    saved = keyset(**{"fetched_at": now, "attempted_at": now, **changes})
    assert keysets.save(saved, claimed.lease_token or "", now)
    return saved


def accept(management: Management, version: int = 1) -> ClaimedSession:
    """Store a session that the key `k1` had accepted."""
    session = new_session()
    management.sessions.add([session], NOW)
    [claimed] = management.sessions.claim(Claim(Stage.VERIFY, 1, NOW, NOW + LEASE))
    management.sessions.finish([move(claimed, key_thumbprint=PRINT, keyset_version=version)], NOW)
    return claimed


async def test_keyset_is_shown_with_keys_and_what_was_dropped(management: Management) -> None:
    publish(management, keys=(jwk(alg="EdDSA"),), dropped=(DroppedKey("weak", "key_too_small"),))

    answer = await management.call("GET", KEYSET)

    assert answer.status == 200
    assert await answer.json() == {
        "state": "fresh",
        "version": 1,
        "keys": [{"kid": "k1", "kty": "OKP", "alg": "EdDSA", "thumbprint": PRINT, "first_seen": AT}],
        "dropped": [{"kid": "weak", "reason": "key_too_small"}],
        "fetched_at": AT,
        "fresh_until": "2027-03-01T13:00:00.123Z",
        "stale_until": "2027-03-02T12:00:00.123Z",
        "last_error": None,
    }


async def test_keyset_that_nobody_asked_for_yet_is_empty(management: Management) -> None:
    answer = await management.call("GET", KEYSET)

    assert (answer.status, await answer.json()) == (
        200,
        {
            "state": "empty",
            "version": 0,
            "keys": [],
            "dropped": [],
            "fetched_at": None,
            "fresh_until": None,
            "stale_until": None,
            "last_error": None,
        },
    )


async def test_keyset_history_tells_what_became_of_each_key(management: Management) -> None:
    publish(management)
    management.clock.advance(60)
    publish(management, keys=(jwk("k2"),), version=2)

    answer = await management.call("GET", f"{KEYSET}/history")

    second = {"at": "2027-03-01T12:01:00.123Z", "version": 2}
    assert await answer.json() == {
        "items": [
            {**second, "event": "removed", "kid": "k1", "thumbprint": PRINT},
            {**second, "event": "added", "kid": "k2", "thumbprint": thumbprint_of(jwk("k2"))},
            {"at": AT, "event": "added", "kid": "k1", "thumbprint": PRINT, "version": 1},
        ],
        "cursor": None,
    }


async def test_refresh_is_asked_for_at_once_and_answers_with_what_is_known(management: Management) -> None:
    publish(management)
    management.clock.advance(5)

    answer = await management.call("POST", f"{KEYSET}/refresh")

    assert (answer.status, (await answer.json())["state"]) == (202, "due")
    assert management.hints.rung == [(Work.REFRESH, 1)]
    assert len(management.keysets.claim_due(1, management.clock.now(), NOW + LEASE)) == 1
    assert [(entry.action, entry.subject) for entry in management.audit.entries] == [("keyset.refresh_asked", "acme")]


async def test_revoked_key_stands_among_the_dropped_ones(management: Management) -> None:
    publish(management)

    answer = await management.call("POST", f"{KEYSET}/revoke", json={"kid": "k1"})

    shown = await (await management.call("GET", KEYSET)).json()
    assert (answer.status, await answer.json()) == (
        200,
        {
            "kid": "k1",
            "thumbprints": [PRINT],
            "revoked": True,
            "accepted": None,
            "by_version": [],
            "sessions": [],
            "voided": 0,
            "left": 0,
        },
    )
    assert (shown["keys"], shown["dropped"]) == ([], [{"kid": "k1", "reason": "key_revoked"}])
    assert [entry.detail for entry in management.audit.entries] == [
        {"source": SOURCE, "kid": "k1", "thumbprints": [PRINT]}
    ]


async def test_record_of_changes_has_nothing_of_a_query_that_may_hold_a_credential(management: Management) -> None:
    source = f"{SOURCE}?key=secret"
    body = partner_body(signature={**partner_body()["signature"], "jwks_url": source})
    management.documents.put(DocumentKind.PARTNER, "acme", body, None, NOW)
    management.keysets.rows[source] = keyset()

    await management.call("POST", f"{KEYSET}/refresh")
    await management.call("POST", f"{KEYSET}/revoke", json={"kid": "k1"})

    assert [entry.detail["source"] for entry in management.audit.entries] == [source_label(source)] * 2


async def test_revoke_takes_all_that_a_kid_ever_named(management: Management) -> None:
    publish(management)
    publish(management, keys=(jwk("k1", x="other"),), version=2)

    answer = await management.call("POST", f"{KEYSET}/revoke", json={"kid": "k1"})

    both = {PRINT, thumbprint_of(jwk("k1", x="other"))}
    assert set((await answer.json())["thumbprints"]) == both == management.keysets.rows[SOURCE].revoked


async def test_revoke_dry_run_lists_what_the_key_had_accepted_and_changes_nothing(management: Management) -> None:
    publish(management)
    sessions = [accept(management, version) for version in (1, 1, 2)]

    answer = await management.call("POST", f"{KEYSET}/revoke", json={"kid": "k1", "dry_run": True})

    body = await answer.json()
    assert body == {
        "kid": "k1",
        "thumbprints": [PRINT],
        "revoked": False,
        "accepted": 3,
        "by_version": [
            {"thumbprint": PRINT, "version": 1, "sessions": 2},
            {"thumbprint": PRINT, "version": 2, "sessions": 1},
        ],
        "sessions": [
            {"session_id": one.id, "campaign_id": "945645", "thumbprint": PRINT, "version": version, "verified_at": AT}
            for one, version in zip(sessions, (1, 1, 2), strict=True)
        ],
        "voided": 0,
        "left": 0,
    }
    assert management.keysets.rows[SOURCE].revoked == frozenset()
    assert management.audit.entries == []


async def test_revoke_voids_what_the_key_had_accepted(management: Management) -> None:
    publish(management)
    voided, locked = accept(management), accept(management)
    management.accepted.locked.add(locked.id)

    answer = await management.call("POST", f"{KEYSET}/revoke", json={"kid": "k1", "void": True})

    body = await answer.json()
    outcome = management.sessions.rows[voided.id].outcome
    assert (body["accepted"], body["voided"], body["left"]) == (2, 1, 1)
    assert outcome is not None
    assert (outcome.token_status, outcome.token_reason) == (TokenStatus.REJECTED, "key_revoked")
    assert (outcome.prefill.status, outcome.prefill.form) == ("none", {})
    assert management.audit.entries[-1].detail == {"kid": "k1", "voided": 1, "left": 1}


async def test_revoke_leaves_to_upkeep_what_its_own_search_may_miss(management: Management) -> None:
    publish(management)

    await management.call("POST", f"{KEYSET}/revoke", json={"kid": "k1", "dry_run": True})
    await management.call("POST", f"{KEYSET}/revoke", json={"kid": "k1"})
    before = dict(management.void_orders.rows)
    await management.call("POST", f"{KEYSET}/revoke", json={"kid": "k1", "void": True})

    assert before == {}
    assert management.void_orders.rows == {
        ("acme", "k1"): VoidOrder("acme", "k1", frozenset({PRINT}), NOW, "admin", "test-1")
    }


@dataclass(slots=True)
class _HeldUp(MemoryAcceptedSessions):
    """Sessions whose search waits at the gate."""

    is_asked: threading.Event = field(default_factory=threading.Event)
    gate: threading.Event = field(default_factory=threading.Event)

    def search(self, partner_id: str, thumbprints: frozenset[str], after: str | None) -> AcceptedPage:
        self.is_asked.set()
        self.gate.wait(30)
        return MemoryAcceptedSessions.search(self, partner_id, thumbprints, after)


async def test_revoke_voids_all_sessions_though_its_caller_has_gone() -> None:
    management = Management()
    held_up = management.accepted = _HeldUp(management.sessions)
    async with management.running():
        management.with_client("admin")
        management.documents.put(DocumentKind.PARTNER, "acme", partner_body(), None, NOW)
        publish(management)
        sessions = [accept(management) for _ in range(held_up.stretch + 1)]

        call = asyncio.create_task(management.call("POST", f"{KEYSET}/revoke", json={"kid": "k1", "void": True}))
        await eventually(held_up.is_asked.is_set)
        call.cancel()
        await asyncio.sleep(0.1)
        held_up.gate.set()
        await eventually(lambda: len(management.audit.entries) == 3)

        outcomes = [management.sessions.rows[session.id].outcome for session in sessions]
        assert {outcome.token_reason for outcome in outcomes if outcome is not None} == {"key_revoked"}
        assert [entry.detail["voided"] for entry in management.audit.entries[1:]] == [2, 1]


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        pytest.param({}, [("kid", "This member is required.")], id="nothing"),
        pytest.param({"kid": "k9"}, [("kid", "This key set never had a key of this kid.")], id="never-there"),
        pytest.param(
            {"kid": 1, "dry_run": "yes", "x": 1},
            [
                ("kid", "This must be text."),
                ("dry_run", "This must be true or false."),
                ("x", "There is no member of this name."),
            ],
            id="all-at-once",
        ),
        pytest.param(
            {"kid": "k1", "dry_run": True, "void": True}, [("void", "A dry run voids nothing.")], id="dry-and-void"
        ),
    ],
)
async def test_revoke_with_mistakes_names_them(
    management: Management, body: dict[str, Any], errors: list[tuple[str, str]]
) -> None:
    publish(management)

    answer = await management.call("POST", f"{KEYSET}/revoke", json=body)

    assert answer.status == 422
    assert [(one["path"], one["reason"]) for one in (await answer.json())["errors"]] == errors


CALLS = [("GET", ""), ("GET", "/history"), ("POST", "/refresh"), ("POST", "/revoke")]


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_keyset_of_a_partner_with_configured_keys_is_a_conflict(
    management: Management, method: str, path: str
) -> None:
    management.documents.put(DocumentKind.PARTNER, "acme", secretive_body(), None, NOW)

    options: dict[str, Any] = {"json": {"kid": "k1"}} if path == "/revoke" else {}

    answer = await management.call(method, KEYSET + path, **options)

    assert (answer.status, await answer.json()) == (
        409,
        {
            "type": "/docs/problems#keyset_not_used",
            "title": "No key set",
            "status": 409,
            "detail": "This partner's tokens are verified with configured keys, not with a key set.",
            "instance": KEYSET + path,
            "code": "keyset_not_used",
            "request_id": "test-1",
        },
    )


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_keyset_calls_need_their_scope_and_see_only_their_partner(
    management: Management, method: str, path: str
) -> None:
    management.with_client("others", "keys:read", "keys:write", partner_id="globex")
    management.with_client("unfit", "partners:write", "keys:read" if method == "POST" else "keys:write")
    options: dict[str, Any] = {"json": {"kid": "k1"}} if path == "/revoke" else {}

    hidden = await management.call(method, KEYSET + path, "others", **options)
    refused = await management.call(method, KEYSET + path, "unfit", **options)

    assert (hidden.status, (await hidden.json())["code"]) == (404, "partner_unknown")
    assert (refused.status, (await refused.json())["code"]) == (403, "scope_missing")


async def test_client_of_one_partner_revokes_no_key_that_others_rely_on(management: Management) -> None:
    publish(management)
    management.with_client("own", "keys:write", partner_id="acme")
    management.keysets.users[SOURCE] = frozenset({"acme", "globex"})

    shared = await management.call("POST", f"{KEYSET}/revoke", "own", json={"kid": "k1"})
    management.keysets.users[SOURCE] = frozenset({"acme"})
    alone = await management.call("POST", f"{KEYSET}/revoke", "own", json={"kid": "k1"})

    assert (shared.status, (await shared.json())["code"]) == (409, "keyset_shared")
    assert alone.status == 200


async def test_put_of_a_partner_asks_for_its_keys_and_does_not_wait_for_ever(management: Management) -> None:
    answer = await management.call("PUT", "/v1/partners/acme", json=partner_body())

    assert (answer.status, answer.headers[FINDINGS_HEADER]) == (
        200,
        "empty; version=0; keys=0; dropped=0; pending",
    )
    assert management.hints.rung == [(Work.REFRESH, 1)]
    assert [one.source for one in management.keysets.claim_due(1, management.clock.now(), NOW + LEASE)] == [SOURCE]


async def test_put_of_a_partner_whose_keys_are_known_says_so_and_asks_nobody(management: Management) -> None:
    publish(management, dropped=(DroppedKey("weak", "key_too_small"),))

    answer = await management.call("PUT", "/v1/partners/acme", json=partner_body())

    assert answer.headers[FINDINGS_HEADER] == "fresh; version=1; keys=1; dropped=1"
    assert management.hints.rung == []


@dataclass(slots=True)
class FollowedHints(RecordingHints):
    """Hints that are followed at once: the source cannot be reached."""

    keysets: MemoryKeysets = field(default_factory=MemoryKeysets)

    def ring(self, work: Work, rows: int = 1) -> None:
        RecordingHints.ring(self, work, rows)
        failed = after_failure(Keyset(SOURCE), 'tls: "x" \\ y', NOW, NOW, 0.5, None, self.keysets.policy)
        self.keysets.rows[SOURCE] = failed


async def test_put_of_a_partner_whose_keys_cannot_be_had_is_stored_and_says_why() -> None:
    hints = FollowedHints()
    async with Management(hints=hints, keysets=hints.keysets).running() as management:
        management.with_client("admin")

        answer = await management.call("PUT", "/v1/partners/acme", json=partner_body())

    assert answer.status == 201
    assert answer.headers[FINDINGS_HEADER] == r'empty; version=0; keys=0; dropped=0; error="tls: \"x\" \\ y"'


async def test_put_of_a_partner_without_published_keys_says_nothing_of_them(management: Management) -> None:
    answer = await management.call("PUT", "/v1/partners/acme", json=secretive_body())

    assert FINDINGS_HEADER not in answer.headers
