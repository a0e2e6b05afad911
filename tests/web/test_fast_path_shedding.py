"""Arrivals that are sent away by the fast lane: each as the one request that it is, on a connection that serves on."""

from contextlib import AsyncExitStack

import pytest

from app.web import turnstile
from app.web.fast_path import FastProtocol
from app.web.shedding import Shedding
from tests.web.alike import SETTLED
from tests.web.lane import connection, connections, prepared
from tests.web.stage import eventually
from tests.web.test_shedding import Line
from tests.web.wire import JSON_TYPE, OPEN, get, post, request, wired

pytestmark = pytest.mark.usefixtures("campaigns_are_remembered")


@pytest.mark.parametrize(
    ("in_front", "statuses"),
    [pytest.param(b"", [429], id="first"), pytest.param(get(SETTLED), [200, 429], id="second")],
)
async def test_arrival_within_the_body_of_another_is_part_of_it(in_front: bytes, statuses: list[int]) -> None:
    line = Line()
    inner = post()
    async with prepared(shedding=Shedding(line, lambda *_: None)) as stage, wired(stage) as wire:
        line.has_room = False
        wire.send(in_front + request("POST", OPEN, JSON_TYPE, body=inner)[: -len(inner)])
        await eventually(lambda: bool(connections(stage)) and not connection(stage)._feed.is_used_up)
        wire.send(inner)
        answered = [(await wire.answer()).status for _ in statuses]
        wire.send(get(SETTLED, "Connection: close"))
        rest = await wire.rest()

    assert answered == statuses
    assert rest.count(b"HTTP/1.1 ") == 1
    assert rest.startswith(b"HTTP/1.1 200 ")


async def test_connection_is_sent_away_and_served_by_turns(lane_takes: list[bool]) -> None:
    line = Line()
    async with prepared(shedding=Shedding(line, lambda *_: None)) as stage, wired(stage) as wire:
        lane_takes.clear()
        statuses = []
        for has_room in (True, False, False, True, False):
            line.has_room = has_room
            for sent in (post(), get(SETTLED)):
                wire.send(sent)
                statuses.append((await wire.answer()).status)

    assert statuses == [202, 200, 429, 200, 429, 200, 202, 200, 429, 200]
    assert lane_takes == [True] * 10


async def test_thousands_in_one_segment_are_each_sent_away_and_the_last_is_read(lane_takes: list[bool]) -> None:
    short = post(body=b"")
    count = 128 * 1024 // len(short)
    line = Line()
    async with prepared(shedding=Shedding(line, lambda *_: None)) as stage, wired(stage) as wire:
        line.has_room = False
        lane_takes.clear()
        wire.send(*[short] * count, get(SETTLED))

        statuses = [(await wire.answer()).status for _ in range(count + 1)]

    assert statuses == [429] * count + [200]
    assert any(lane_takes)


async def test_crowd_that_is_sent_away_rests_by_turns_and_is_answered_as_often_as_it_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turnstile, "AT_A_TIME", 2)
    rested: set[FastProtocol] = set()
    rest = FastProtocol.rest

    def note_rest(one: FastProtocol) -> None:
        rested.add(one)
        rest(one)

    monkeypatch.setattr(FastProtocol, "rest", note_rest)
    line = Line()
    async with prepared(shedding=Shedding(line, lambda *_: None)) as stage, AsyncExitStack() as stack:
        crowd = [await stack.enter_async_context(wired(stage)) for _ in range(8)]
        line.has_room = False
        statuses = []
        for _ in range(5):
            for wire in crowd:
                wire.send(post())
            statuses += [(await wire.answer()).status for wire in crowd]
        line.has_room = True
        for wire in crowd:
            wire.send(get(SETTLED))
        served = [(await wire.answer()).status for wire in crowd]

        assert not any(one.is_resting for one in connections(stage))

    assert statuses == [429] * 40
    assert served == [200] * 8
    assert len(rested) > 2


async def test_connection_that_ends_while_it_rests_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turnstile, "AT_A_TIME", 0)
    line = Line()
    async with prepared(shedding=Shedding(line, lambda *_: None)) as stage:
        async with wired(stage) as wire:
            line.has_room = False
            wire.send(post(), post())
            assert [(await wire.answer()).status for _ in range(2)] == [429, 429]
            assert connection(stage).is_resting
        monkeypatch.setattr(turnstile, "AT_A_TIME", 1)

        await eventually(lambda: not connections(stage))
