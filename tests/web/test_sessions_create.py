"""POST /v1/campaigns/{campaign_id}/sessions: what is taken in, and what load, limits and origins make of it."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from app.domain.campaign import Mode
from app.domain.session import Stage as SessionStage
from app.ports import Work
from app.web.limits import TokenBuckets
from tests.builders import JWE, JWS
from tests.web.stage import LIMITS, ORIGIN, OWN_ORIGIN, TEST_KEYS, change_campaign, eventually, staged

INSTANCE = "/v1/campaigns/945645/sessions"


def _problem(status: int, code: str, title: str, detail: str, instance: str = INSTANCE) -> dict[str, Any]:
    return {
        "type": f"/docs/problems#{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code,
        "request_id": "test-1",
    }


@pytest.mark.parametrize("token", [pytest.param(JWS, id="jws"), pytest.param(JWE, id="jwe")])
async def test_create_with_token_answers_202_after_the_commit(token: str) -> None:
    async with staged() as stage:
        answer = await stage.post({"token": token})

        session_id = answer.body["session_id"]
        assert answer.status == 202
        assert answer.body == {
            "session_id": session_id,
            "session_key": TEST_KEYS.make(session_id),
            "expires_at": "2027-03-02T12:00:00.000Z",
            "poll_after_ms": 50,
        }
        assert answer.headers["Location"] == f"/v1/sessions/{session_id}"
        assert stage.store.sessions.rows[session_id].token == token
        assert stage.hints.rung == [(Work.VERIFY, 1)]


async def test_create_while_the_commit_is_under_way_has_no_answer_yet() -> None:
    async with staged() as stage:
        await stage.post({"token": JWS})
        stage.store.gate.clear()

        asked = asyncio.create_task(stage.post({"token": JWS}))
        await eventually(lambda: len(stage.store.calls["add"]) == 2)

        assert not asked.done()
        assert len(stage.hints.rung) == 1
        stage.store.gate.set()
        assert (await asked).status == 202


@pytest.mark.parametrize(
    "content_type",
    [
        pytest.param("application/jwt", id="bare"),
        pytest.param("Application/JWT; charset=utf-8", id="with-parameters"),
    ],
)
async def test_create_with_bare_token_takes_it(content_type: str) -> None:
    async with staged() as stage:
        answer = await stage.ask("POST", INSTANCE, data=JWS, headers={"Content-Type": content_type})

        assert answer.status == 202
        assert stage.store.sessions.rows[answer.body["session_id"]].token == JWS


@pytest.mark.parametrize(
    ("mode", "status"),
    [
        pytest.param(Mode.REQUIRED, 422, id="required"),
        pytest.param(Mode.OPTIONAL, 202, id="optional"),
        pytest.param(Mode.REPORT_ONLY, 202, id="report-only"),
    ],
)
async def test_create_without_token_follows_the_mode(mode: Mode, status: int) -> None:
    async with staged(mode=mode) as stage:
        answer = await stage.post({}, {"X-Request-ID": "test-1"})

        assert answer.status == status
        if status == 202:
            row = stage.store.sessions.rows[answer.body["session_id"]]
            assert row.stage is SessionStage.DONE
            assert stage.hints.rung == []
        else:
            assert answer.body == _problem(422, "token_missing", "Missing token", "This campaign requires a token.")


async def test_create_repeated_with_the_same_key_answers_the_same_session() -> None:
    async with staged() as stage:
        first = await stage.post({"token": JWS}, {"Idempotency-Key": "1"})
        again = await stage.post({"token": JWS}, {"Idempotency-Key": "1"})

        assert again.body == first.body
        assert len(stage.store.sessions.rows) == 1


async def test_create_with_another_participants_key_opens_a_session_of_its_own() -> None:
    async with staged() as stage:
        victim = await stage.post({"token": JWS}, {"Idempotency-Key": "1"})
        guess = await stage.post({"token": JWE}, {"Idempotency-Key": "1"})

        assert guess.body["session_id"] != victim.body["session_id"]
        assert guess.body["session_key"] != victim.body["session_key"]


async def test_create_over_the_rate_of_an_address_answers_429_with_retry_after() -> None:
    async with staged(per_address=TokenBuckets(per_second=1 / 60, burst=2)) as stage:
        statuses = [(await stage.post({"token": JWS})).status for _ in range(2)]
        refused = await stage.post({"token": JWS}, {"X-Request-ID": "test-1", "X-Forwarded-For": "192.0.2.1"})

        assert statuses == [202, 202]
        assert refused.body == _problem(429, "rate_limited", "Too many requests", "Too many requests; try again later.")
        assert 50 <= int(refused.headers["Retry-After"]) <= 60


async def test_create_over_the_rate_of_a_campaign_answers_429() -> None:
    async with staged(per_campaign=TokenBuckets(per_second=1, burst=1)) as stage:
        statuses = [(await stage.post({"token": JWS})).status for _ in range(2)]

        assert statuses == [202, 429]


async def test_create_while_too_many_wait_answers_429_with_retry_after() -> None:
    async with staged(replace(LIMITS, commit_rows=2, queue=4)) as stage:
        await stage.post({"token": JWS})
        stage.store.gate.clear()
        held = [asyncio.create_task(stage.post({"token": JWS})) for _ in range(4)]
        await eventually(lambda: stage.ingress.participants.intake.depth == 4)

        refused = await stage.post({"token": JWS}, {"X-Request-ID": "test-1"})

        expected = "More requests arrive than can be served; try again later."
        assert refused.body == _problem(429, "overloaded", "Overloaded", expected)
        assert int(refused.headers["Retry-After"]) >= 1
        stage.store.gate.set()
        assert {(await one).status for one in held} == {202}


async def test_create_while_the_store_is_lost_answers_503_and_recovers() -> None:
    async with staged() as stage:
        await stage.post({"token": JWS})
        stage.store.is_lost = True

        refused = await stage.post({"token": JWS}, {"X-Request-ID": "test-1"})

        expected = "The service cannot store or read this at the moment."
        assert refused.body == _problem(503, "store_unavailable", "Service unavailable", expected)
        assert refused.headers["Retry-After"] == "1"
        stage.store.is_lost = False
        await eventually(lambda: not stage.ingress.threads.is_down)
        assert (await stage.post({"token": JWS})).status == 202


@pytest.mark.parametrize("origin", [ORIGIN, OWN_ORIGIN])
async def test_create_from_allowed_origin_may_be_read_there(origin: str) -> None:
    async with staged() as stage:
        answer = await stage.post({"token": JWS}, {"Origin": origin})

        assert answer.status == 202
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert answer.headers["Vary"] == "Origin"
        assert "Location" in answer.headers["Access-Control-Expose-Headers"]


async def test_create_from_other_origin_may_not_be_read_there() -> None:
    async with staged() as stage:
        answer = await stage.post({"token": JWS}, {"Origin": "https://evil.example"})

        assert answer.status == 403
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("origin", "status"),
    [pytest.param(ORIGIN, 204, id="allowed"), pytest.param("https://evil.example", 403, id="not-allowed")],
)
async def test_create_preflight_answers_by_origin(origin: str, status: int) -> None:
    async with staged() as stage:
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        answer = await stage.ask("OPTIONS", INSTANCE, headers=asked)

        assert answer.status == status
        assert answer.headers.get("Access-Control-Allow-Origin") == (origin if status == 204 else None)
        if status == 204:
            assert answer.headers["Access-Control-Allow-Methods"] == "POST"
            assert "Idempotency-Key" in answer.headers["Access-Control-Allow-Headers"]


async def test_create_preflight_for_an_unknown_campaign_lets_the_page_read_what_its_request_is_answered() -> None:
    async with staged() as stage:
        path, sent = "/v1/campaigns/nobody/sessions", {"Origin": "https://anybody.example"}

        preflight = await stage.ask("OPTIONS", path, headers={**sent, "Access-Control-Request-Method": "POST"})
        answer = await stage.ask("POST", path, json={"token": JWS}, headers=sent)

        assert (preflight.status, answer.status, answer.body["code"]) == (204, 404, "campaign_unknown")
        for one in (preflight, answer):
            assert one.headers["Access-Control-Allow-Origin"] == "https://anybody.example"


async def test_create_after_the_campaign_changed_here_follows_at_once() -> None:
    async with staged() as stage:
        assert (await stage.post({})).status == 422
        change_campaign(stage, mode=Mode.OPTIONAL)
        stage.ingress.campaigns.invalidate()

        assert (await stage.post({})).status == 202


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('{"token": "' + JWS + '"}', id="usual"),
        pytest.param(' \r\n{\t"token"\n:"' + JWS + '"} ', id="spaced"),
        pytest.param('{"\\u0074oken": "' + JWS.replace("e", "\\u0065", 1) + '"}', id="escaped"),
    ],
)
async def test_create_with_the_same_json_spelled_otherwise_takes_the_same_token(body: str) -> None:
    async with staged() as stage:
        answer = await stage.ask("POST", INSTANCE, data=body, headers={"Content-Type": "application/json"})

        assert answer.status == 202
        assert stage.store.sessions.rows[answer.body["session_id"]].token == JWS
