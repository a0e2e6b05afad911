"""How long a read in the fast lane waits, for whom, and what a client that does not read makes the server hold."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any, Final

import pytest

from app.domain.session import Stage as SessionStage
from app.steps.accept import first_session_id
from app.web.fast_sessions import BRIEF_SECONDS
from app.web.long_polls import LongPolls
from tests.builders import new_session, outcome
from tests.web.alike import BORN_AT, OLD, PENDING, SETTLED
from tests.web.lane import connection, prepared
from tests.web.stage import Stage, eventually
from tests.web.wire import Wire, get, wired

pytestmark = pytest.mark.usefixtures("campaigns_are_remembered")

LARGE: Final = {"large": "x" * 100_000}
"""What makes an answer so large that no system holds many of them for a client."""
READS: Final = 300


def _settle(stage: Stage, session_id: str, **changes: Any) -> None:
    row = stage.store.sessions.rows[session_id]
    row.stage, row.outcome = SessionStage.DONE, outcome(**changes)


async def test_young_session_is_answered_as_soon_as_it_settles_without_being_read() -> None:
    async with prepared() as stage, wired(stage) as wire:
        wire.send(get(PENDING, query="?wait=25"))
        await eventually(lambda: stage.ingress.participants.polls.waiting == 1)

        _settle(stage, PENDING)

        assert (await wire.answer(seconds=2)).content["settled"] is True
        assert stage.store.calls["load"] == []
        assert stage.ingress.participants.polls.waiting == 0


async def test_session_that_settles_after_the_brief_wait_is_answered() -> None:
    async with prepared() as stage, wired(stage) as wire:
        wire.send(get(PENDING, query="?wait=25"))
        await eventually(lambda: stage.store.calls["load"] == [1] and stage.ingress.participants.polls.waiting == 1)

        _settle(stage, PENDING)

        assert (await wire.answer(seconds=2)).content["settled"] is True


async def test_brief_wait_is_over_when_the_session_is_no_longer_young() -> None:
    async with prepared() as stage, wired(stage) as wire:
        stage.clock.advance(BRIEF_SECONDS)
        wire.send(get(PENDING, query="?wait=25"))
        await eventually(lambda: stage.store.calls["load"] != [])

        await eventually(lambda: stage.ingress.participants.polls.waiting == 1)
        _settle(stage, PENDING)

        assert (await wire.answer(seconds=2)).content["settled"] is True


@pytest.mark.parametrize("session_id", [pytest.param(PENDING, id="young"), pytest.param(OLD, id="old")])
async def test_session_that_never_settles_is_shown_as_it_stands_after_the_wait(session_id: str) -> None:
    async with prepared() as stage, wired(stage) as wire:
        began_at = monotonic()
        wire.send(get(session_id, query="?wait=1"))

        answer = await wire.answer()

        assert (answer.status, answer.content["settled"]) == (200, False)
        assert 0.95 <= monotonic() - began_at < 2.5
        assert stage.ingress.participants.polls.waiting == 0


async def test_what_was_waited_briefly_is_part_of_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    wait = LongPolls.wait

    async def noted(polls: LongPolls, session_id: str, seconds: float, age_seconds: float) -> object:
        asked.append(seconds)
        return await wait(polls, session_id, seconds, age_seconds)

    monkeypatch.setattr(LongPolls, "wait", noted)
    async with prepared() as stage, wired(stage) as wire:
        wire.send(get(PENDING, query="?wait=2"))
        await wire.answer()

    assert max(asked) <= 2 - BRIEF_SECONDS


async def test_session_of_a_clock_that_is_ahead_is_waited_for_no_longer_than_asked() -> None:
    ahead = first_session_id(BORN_AT + timedelta(seconds=20)) + "5" * 16
    async with prepared() as stage, wired(stage) as wire:
        stage.store.sessions.add([new_session(id=ahead, received_at=BORN_AT + timedelta(seconds=20))], BORN_AT)
        wire.send(get(ahead, query="?wait=1"))

        answer = await wire.answer(seconds=4)

        assert (answer.status, answer.content["settled"]) == (200, False)


async def test_wait_is_not_begun_briefly_while_nobody_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.long_polls.MAX_WAITING", 0)
    async with prepared() as stage, wired(stage) as wire:
        wire.send(get(PENDING, query="?wait=25"))

        answer = await wire.answer(seconds=2)

        assert (answer.status, answer.content["settled"]) == (200, False)
        assert stage.store.calls["load_settled"] == []


@asynccontextmanager
async def _wired_narrowly(stage: Stage) -> AsyncIterator[Wire]:
    """Connect as one for whom the system holds little."""
    with socket.socket() as narrow:
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        narrow.setblocking(False)
        await asyncio.get_running_loop().sock_connect(narrow, (stage.host, stage.port))
        reader, writer = await asyncio.open_connection(sock=narrow, limit=1024)
        yield Wire(reader, writer)
        writer.close()


@pytest.mark.parametrize("at_once", [pytest.param(True, id="in-one-segment"), pytest.param(False, id="one-by-one")])
async def test_client_that_asks_and_does_not_read_is_answered_in_order_when_it_does(
    at_once: bool, lane_takes: list[bool]
) -> None:
    async with prepared() as stage, _wired_narrowly(stage) as wire:
        _settle(stage, SETTLED, custom=LARGE)
        requests = [get(SETTLED, f"X-Request-ID: {number}") for number in range(READS)]
        lane_takes.clear()
        if at_once:
            wire.send(*requests)
        else:
            await _send_each(stage, wire, requests)
        await eventually(lambda: connection(stage).writing_paused and connection(stage)._buffer_paused)

        assert _held_bytes(stage) < 4 * len(LARGE["large"])
        assert len(connection(stage)._messages) <= 32
        answers = [await wire.answer() for _ in range(READS)]

        assert [answer.header("X-Request-ID") for answer in answers] == [str(number) for number in range(READS)]
        assert {answer.status for answer in answers} == {200}
        assert any(lane_takes)


async def _send_each(stage: Stage, wire: Wire, requests: Sequence[bytes]) -> None:
    """Send one after the other, each when the one before has come, until the server takes no more; then all others."""
    sent = 0
    while sent < len(requests) and not connection(stage)._buffer_paused:
        wire.send(requests[sent])
        sent += 1
        await eventually(partial(_has_come, stage, sent))
    wire.send(*requests[sent:])


def _has_come(stage: Stage, count: int) -> bool:
    return len(stage.store.calls["load"]) + len(connection(stage)._messages) >= count


def _held_bytes(stage: Stage) -> int:
    transport = connection(stage).transport
    assert transport is not None
    return transport.get_write_buffer_size()
