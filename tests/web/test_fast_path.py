"""Which requests take the fast lane, and in which order a connection is answered that asks for several."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import pytest

from tests.builders import JWS
from tests.web.alike import OLD, PENDING, SETTLED
from tests.web.lane import connection, connections, held_back, prepared
from tests.web.stage import Stage, eventually
from tests.web.wire import JSON_TYPE, USUAL, Wire, get, post, request, wired

pytestmark = pytest.mark.usefixtures("campaigns_are_remembered")

LONG_WAY: Final = post("Content-Encoding: identity")
MALFORMED: Final = b"FOO / HTTP/1.1\r\nHost: x\r\n\r\n"


@contextmanager
def _handled() -> Iterator[list[str]]:
    """Note which tasks aiohttp makes to handle a request."""
    loop = asyncio.get_running_loop()
    handled: list[str] = []

    def make(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> "asyncio.Task[Any]":
        if "_handle_request" in work.__qualname__:
            handled.append(work.__qualname__)
        return asyncio.Task(work, loop=loop, **options)

    loop.set_task_factory(make)
    yield handled
    loop.set_task_factory(None)


async def _statuses(wire: Wire, count: int) -> list[int]:
    return [(await wire.answer()).status for _ in range(count)]


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(post(), id="post"),
        pytest.param(get(SETTLED), id="get"),
        pytest.param(get(OLD), id="pending"),
        pytest.param(get(SETTLED, query="?wait=25"), id="wait"),
    ],
)
async def test_ordinary_request_makes_no_task_of_its_own(sent: bytes) -> None:
    async with prepared() as stage, wired(stage) as wire:
        with _handled() as handled:
            for _ in range(3):
                wire.send(sent)
                assert (await wire.answer()).status in {200, 202}

        assert handled == []


@pytest.mark.parametrize("sent", [LONG_WAY, get(SETTLED, query="?wait=1.5"), request("GET", "/health/live")])
async def test_unusual_request_is_handled_by_a_task(sent: bytes) -> None:
    async with prepared() as stage, wired(stage) as wire:
        with _handled() as handled:
            wire.send(sent)
            assert (await wire.answer()).status in {200, 202}

        assert len(handled) == 1


async def test_connection_serves_requests_of_both_ways_in_turn(lane_takes: list[bool]) -> None:
    async with prepared() as stage, wired(stage) as wire:
        lane_takes.clear()
        for sent in (post(), LONG_WAY, get(SETTLED), get("ses_1"), post(body=b"{}"), get(SETTLED), post()):
            wire.send(sent)
            await wire.answer()

        assert lane_takes == [True, False, True, False, False, True, True]
        assert len(stage.store.calls["add"]) == 2 + 3


async def test_connection_serves_hundreds_of_ordinary_requests_and_stays_open_longer_for_each() -> None:
    async with prepared() as stage, wired(stage) as wire:
        closes_at = [0.0]
        for _ in range(100):
            wire.send(post(), get(SETTLED)[:50])
            assert (await wire.answer()).status == 202
            closes_at.append(connection(stage)._next_keepalive_close_time)
            wire.send(get(SETTLED)[50:])
            assert (await wire.answer()).status == 200
            closes_at.append(connection(stage)._next_keepalive_close_time)

        assert closes_at == sorted(set(closes_at))


async def test_requests_in_one_segment_are_answered_in_order() -> None:
    async with prepared() as stage, wired(stage) as wire:
        wire.send(*[post(f"X-Request-ID: {n}") + get(SETTLED, f"X-Request-ID: {n}-read") for n in range(20)])

        answers = [await wire.answer() for _ in range(40)]

        assert [answer.header("X-Request-ID") for answer in answers] == [
            name for n in range(20) for name in (f"{n}", f"{n}-read")
        ]
        assert [answer.status for answer in answers] == [202, 200] * 20


@pytest.mark.parametrize("pieces", [pytest.param(2, id="two"), pytest.param(len(post()), id="bytes")])
async def test_request_that_comes_in_pieces_is_served_as_the_next_one(pieces: int) -> None:
    async with prepared() as stage, wired(stage) as wire:
        step = len(post()) // pieces
        for first in range(0, len(post()), step):
            wire.send(post()[first : first + step])
            await asyncio.sleep(0)  # a turn of the loop, in which the server may read it
        assert (await wire.answer()).status == 202

        wire.send(get(SETTLED))

        assert (await wire.answer()).status == 200


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param("Content-Type: application/jwt", JWS.encode(), id="jwt-whose-beginning-looks-whole"),
        pytest.param(JSON_TYPE, USUAL + b"    ", id="json-whose-beginning-looks-whole"),
    ],
)
async def test_body_that_comes_later_is_waited_for(kind: str, body: bytes, lane_takes: list[bool]) -> None:
    sent = post(kind=kind, body=body)
    async with prepared() as stage, wired(stage) as wire:
        lane_takes.clear()
        wire.send(sent[:-4])
        await eventually(lambda: bool(connections(stage)) and connection(stage)._request_count == 1)
        wire.send(sent[-4:])

        answer = await wire.answer()

        assert stage.store.sessions.rows[answer.content["session_id"]].token == JWS
        assert lane_takes == []
        wire.send(get(SETTLED))
        assert (await wire.answer()).status == 200


async def test_request_that_began_with_the_one_before_is_served_when_its_rest_comes(lane_takes: list[bool]) -> None:
    async with prepared() as stage, wired(stage) as wire:
        lane_takes.clear()
        second = get(SETTLED)
        wire.send(post(), second[:30])
        assert (await wire.answer()).status == 202

        wire.send(second[30:])

        assert (await wire.answer()).status == 200
        assert lane_takes == [True]
        wire.send(post())
        assert (await wire.answer()).status == 202
        assert lane_takes == [True, True]


@pytest.mark.parametrize("first", [pytest.param(post(), id="post"), pytest.param(get(SETTLED), id="get")])
@pytest.mark.parametrize(
    ("second", "statuses"),
    [
        pytest.param(post(), [202], id="post"),
        pytest.param(get(SETTLED), [200], id="get"),
        pytest.param(LONG_WAY, [202], id="long-way"),
        pytest.param(get(SETTLED) + LONG_WAY + post(), [200, 202, 202], id="three"),
        pytest.param(request("GET", "/health/live"), [200], id="another-route"),
    ],
)
async def test_request_sent_while_another_waits_is_answered_after_it(
    first: bytes, second: bytes, statuses: list[int]
) -> None:
    async with prepared() as stage, wired(stage) as wire:
        stage.store.gate.clear()
        wire.send(first)
        await eventually(lambda: connection(stage)._begun is not None)
        wire.send(second)
        await eventually(lambda: held_back(stage) == second)

        stage.store.gate.set()

        assert (await wire.answer()).status == (202 if first == post() else 200)
        assert await _statuses(wire, len(statuses)) == statuses
        wire.send(post())
        assert (await wire.answer()).status == 202


async def test_request_sent_while_another_waits_that_then_goes_the_long_way_is_answered_after_it() -> None:
    async with prepared() as stage, wired(stage) as wire:
        wire.send(get(PENDING, query="?wait=1"))
        await eventually(lambda: connection(stage)._begun is not None)
        wire.send(post(), get(SETTLED))
        await eventually(lambda: bool(held_back(stage)))

        answers = [await wire.answer() for _ in range(3)]

        assert [answer.status for answer in answers] == [200, 202, 200]
        assert [answer.content.get("settled") for answer in answers] == [False, None, True]


async def test_half_of_a_request_sent_while_another_waits_is_completed_after_it() -> None:
    async with prepared() as stage, wired(stage) as wire:
        stage.store.gate.clear()
        wire.send(post(), post()[:40])
        await eventually(lambda: connection(stage)._begun is not None)
        wire.send(post()[40:-10])
        await eventually(lambda: bool(held_back(stage)))
        stage.store.gate.set()
        assert (await wire.answer()).status == 202

        wire.send(post()[-10:], get(SETTLED))

        assert await _statuses(wire, 2) == [202, 200]


async def test_nothing_that_is_handed_on_while_a_request_waits_holds_nothing_up() -> None:
    async with prepared() as stage, wired(stage) as wire:
        stage.store.gate.clear()
        wire.send(post())
        await eventually(lambda: connection(stage)._begun is not None)
        connection(stage).data_received(b"")
        stage.store.gate.set()
        assert (await wire.answer()).status == 202

        wire.send(get(SETTLED))

        assert (await wire.answer()).status == 200


def _has_parsed(stage: Stage, count: int) -> bool:
    return connection(stage)._feed._given == count


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([post()[:-4], post()[-4:]], id="body"),
        pytest.param([post()[:30], post()[30:]], id="head"),
        pytest.param([post()[:30], post()[30:-4], post()[-4:]], id="both"),
    ],
)
async def test_connection_whose_request_came_in_pieces_is_offered_the_lane_again(
    pieces: list[bytes], lane_takes: list[bool]
) -> None:
    async with prepared() as stage, wired(stage) as wire:
        wire.send(get(SETTLED))
        await wire.answer()
        lane_takes.clear()
        *firsts, last = pieces
        for number, piece in enumerate(firsts, start=1):
            wire.send(piece)
            await eventually(partial(_has_parsed, stage, len(b"".join(pieces[:number]))))
        wire.send(last)
        assert (await wire.answer()).status == 202
        assert lane_takes == []

        wire.send(get(SETTLED))

        assert (await wire.answer()).status == 200
        assert lane_takes == [True]


async def test_what_is_not_http_while_another_waits_is_answered_after_it_and_closes() -> None:
    async with prepared() as stage, wired(stage) as wire:
        stage.store.gate.clear()
        wire.send(post())
        await eventually(lambda: connection(stage)._begun is not None)
        wire.send(MALFORMED)
        await eventually(lambda: held_back(stage) == MALFORMED)

        stage.store.gate.set()

        assert await _statuses(wire, 2) == [202, 400]
        assert await wire.rest() == b""


@pytest.mark.parametrize("at_once", [pytest.param(True, id="in-one-segment"), pytest.param(False, id="later")])
async def test_what_is_not_http_behind_an_ordinary_request_is_answered_after_it_and_closes(at_once: bool) -> None:
    async with prepared() as stage, wired(stage) as wire:
        wire.send(post(), MALFORMED if at_once else b"")
        assert (await wire.answer()).status == 202
        wire.send(b"" if at_once else MALFORMED)

        assert (await wire.answer()).status == 400
        assert await wire.rest() == b""
