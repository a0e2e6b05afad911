"""GET /v1/sessions/{session_id}?wait=: how long one waits, and for what."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.domain.prefill import Prefill, PrefillStatus
from app.domain.session import Stage as SessionStage
from app.reasons import PrefillReason
from tests.builders import JWS, new_session, outcome
from tests.web.stage import Answer, Stage, eventually, staged

SESSION_ID = "ses_01k83topnb2u00bsj1svpu2v2v"
PENDING_CALL = outcome(prefill=Prefill(PrefillStatus.PENDING))


def _take_in(stage: Stage, **changes: Any) -> None:
    now = stage.clock.now()
    stage.store.sessions.add([new_session(id=SESSION_ID, received_at=now, **changes)], now)


def _settle(stage: Stage, to: SessionStage = SessionStage.DONE, **changes: Any) -> None:
    row = stage.store.sessions.rows[SESSION_ID]
    row.stage, row.outcome = to, outcome(**changes)


async def _ask_while_a_partner_is_called(stage: Stage) -> "asyncio.Task[Answer]":
    """Begin to wait for a session whose call is under way, a tenth of a second before its deadline."""
    _take_in(stage, deadline_at=stage.clock.now() + timedelta(seconds=0.1))
    row = stage.store.sessions.rows[SESSION_ID]
    row.stage, row.outcome = SessionStage.FETCH, PENDING_CALL
    asked = asyncio.create_task(stage.read(SESSION_ID, query="?wait=25"))
    await eventually(lambda: stage.ingress.participants.polls.waiting == 1)
    return asked


@pytest.mark.parametrize("wait", ["-1", "26", "25.1", "abc", "", "1e1", "%ff", "\u0661", "1&wait=2"])
async def test_read_with_wrong_wait_answers_422(wait: str) -> None:
    async with staged() as stage:
        _take_in(stage)

        answer = await stage.read(SESSION_ID, query=f"?wait={wait}")

        assert answer.status == 422
        assert answer.body["code"] == "request_invalid"
        assert answer.body["errors"] == [{"path": "wait", "reason": "must be one number of seconds from 0 to 25"}]


async def test_read_waiting_answers_as_soon_as_the_session_settles() -> None:
    async with staged() as stage:
        _take_in(stage)
        asked = asyncio.create_task(stage.read(SESSION_ID, query="?wait=25"))
        await eventually(lambda: stage.ingress.participants.polls.waiting == 1)

        _settle(stage)

        assert (await asyncio.wait_for(asked, 2)).body["settled"] is True


async def test_read_waiting_answers_what_is_known_when_the_wait_is_over() -> None:
    async with staged() as stage:
        _take_in(stage)

        answer = await stage.read(SESSION_ID, query="?wait=0.05")

        assert (answer.status, answer.body["settled"]) == (200, False)


async def test_read_waiting_for_a_partner_settles_at_the_deadline() -> None:
    async with staged() as stage:
        asked = await _ask_while_a_partner_is_called(stage)

        stage.clock.advance(1)

        prefill = (await asyncio.wait_for(asked, 3)).body["prefill"]
        assert (prefill["status"], prefill["reason"]) == ("unavailable", PrefillReason.DEADLINE)


async def test_read_waiting_says_at_the_deadline_what_the_call_failed_of_meanwhile() -> None:
    async with staged() as stage:
        asked = await _ask_while_a_partner_is_called(stage)

        stage.store.sessions.rows[SESSION_ID].error_class = PrefillReason.CONNECT
        stage.clock.advance(1)

        prefill = (await asyncio.wait_for(asked, 3)).body["prefill"]
        assert (prefill["status"], prefill["reason"]) == ("unavailable", PrefillReason.CONNECT)


async def test_read_waiting_answers_410_as_soon_as_the_session_expires() -> None:
    async with staged() as stage:
        now = stage.clock.now()
        _take_in(stage, deadline_at=now + timedelta(seconds=10), expires_at=now + timedelta(seconds=0.1))
        asked = asyncio.create_task(stage.read(SESSION_ID, query="?wait=25"))
        await eventually(lambda: stage.ingress.participants.polls.waiting == 1)

        stage.clock.advance(1)

        answer = await asyncio.wait_for(asked, 3)
        assert (answer.status, answer.body["code"]) == (410, "session_expired")


async def test_read_waiting_past_the_deadline_settles_when_the_token_is_judged() -> None:
    async with staged() as stage:
        _take_in(stage, deadline_at=stage.clock.now() - timedelta(seconds=1))
        asked = asyncio.create_task(stage.read(SESSION_ID, query="?wait=25"))
        await eventually(lambda: stage.ingress.participants.polls.waiting == 1)

        row = stage.store.sessions.rows[SESSION_ID]
        row.stage, row.outcome = SessionStage.FETCH, PENDING_CALL

        assert (await asyncio.wait_for(asked, 3)).body["settled"] is True


async def test_read_waiting_while_the_client_leaves_releases_the_waiter() -> None:
    async with staged() as stage:
        _take_in(stage)
        asked = asyncio.create_task(stage.read(SESSION_ID, query="?wait=25"))
        await eventually(lambda: stage.ingress.participants.polls.waiting == 1)

        asked.cancel()

        await eventually(lambda: stage.ingress.participants.polls.waiting == 0)


async def test_read_waiting_while_the_process_stops_answers_at_once() -> None:
    async with staged() as stage:
        _take_in(stage)
        asked = asyncio.create_task(stage.read(SESSION_ID, query="?wait=25"))
        await eventually(lambda: stage.ingress.participants.polls.waiting == 1)

        stage.ingress.participants.polls.close()

        answer = await asyncio.wait_for(asked, 2)
        assert (answer.status, answer.body["settled"]) == (200, False)


async def test_read_waiting_while_the_store_is_lost_answers_503() -> None:
    async with staged() as stage:
        _take_in(stage)
        asked = asyncio.create_task(stage.read(SESSION_ID, query="?wait=25"))
        await eventually(lambda: stage.ingress.participants.polls.waiting == 1)

        stage.store.is_lost = True

        answer = await asyncio.wait_for(asked, 2)
        assert (answer.status, answer.body["code"]) == (503, "store_unavailable")


async def test_reads_at_the_same_time_share_one_query() -> None:
    async with staged() as stage:
        _take_in(stage)
        await stage.read(SESSION_ID)
        stage.store.gate.clear()
        first = asyncio.create_task(stage.read(SESSION_ID))
        await eventually(lambda: len(stage.store.calls["load"]) == 2)
        others = [asyncio.create_task(stage.read(SESSION_ID)) for _ in range(50)]
        await eventually(lambda: stage.ingress.participants.reads.depth == 51)

        stage.store.gate.set()
        answers = await asyncio.gather(first, *others)

        assert {answer.status for answer in answers} == {200}
        assert stage.store.calls["load"] == [1, 1, 1]


async def test_waiters_of_many_sessions_share_one_poller() -> None:
    async with staged() as stage:
        now = stage.clock.now()
        ids = [f"ses_{number:026d}" for number in range(80)]
        stage.store.sessions.add([new_session(id=id_, received_at=now, token=JWS) for id_ in ids], now)
        asked = [asyncio.create_task(stage.read(id_, query="?wait=25")) for id_ in ids]
        await eventually(lambda: stage.ingress.participants.polls.waiting == 80)
        stage.store.calls["load_settled"].clear()

        await eventually(lambda: len(stage.store.calls["load_settled"]) >= 3)

        assert set(stage.store.calls["load_settled"]) == {80}
        for row in stage.store.sessions.rows.values():
            row.stage, row.outcome = SessionStage.DONE, outcome()
        assert {answer.body["settled"] for answer in await asyncio.gather(*asked)} == {True}
