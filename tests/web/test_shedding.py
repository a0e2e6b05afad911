"""Who is sent away while more arrive than can be served, and who is not."""

import asyncio
import time

import pytest

from app.web.shedding import FEWEST, OVERRUN_SECONDS, PUNCTUAL_SECONDS, LoopLag, Shedding, allowed
from tests.builders import JWS
from tests.web.stage import ORIGIN, eventually, staged


@pytest.mark.parametrize(
    ("lag", "expected"),
    [
        pytest.param(0.0, 2048, id="on-time"),
        pytest.param(PUNCTUAL_SECONDS, 2048, id="keeps-up"),
        pytest.param((PUNCTUAL_SECONDS + OVERRUN_SECONDS) / 2, (2048 + FEWEST) // 2, id="half-way"),
        pytest.param(OVERRUN_SECONDS, FEWEST, id="overrun"),
        pytest.param(60.0, FEWEST, id="far-behind"),
    ],
)
def test_fewer_arrivals_are_let_in_the_later_the_loop_is(lag: float, expected: int) -> None:
    assert allowed(lag, 2048) == expected


@pytest.mark.parametrize("lag", [0.0, 0.08, 1.0])
def test_queue_that_is_smaller_than_the_fewest_stays_the_limit(lag: float) -> None:
    assert allowed(lag, 3) == 3


def test_one_hiccup_is_no_lag() -> None:
    lag = LoopLag()

    lag.note(0.4)
    assert lag.seconds == 0.0
    lag.note(0.3)
    assert lag.seconds == 0.3
    lag.note(0.001)
    assert lag.seconds == 0.001


async def test_loop_that_is_kept_busy_is_late() -> None:
    lag = LoopLag()

    async def beat_twice() -> None:
        await lag.beat()
        await lag.beat()

    beating = asyncio.create_task(beat_twice())
    while not beating.done():
        time.sleep(0.1)  # noqa: ASYNC251 - the loop is to be late
        await asyncio.sleep(0)

    assert lag.seconds > PUNCTUAL_SECONDS


async def test_arrival_beyond_what_may_be_under_way_is_sent_away_while_sessions_are_read() -> None:
    seen: list[tuple[str, str, int]] = []
    shedding = Shedding(1, lambda method, route, status, _: seen.append((method, route, status)))
    async with staged(shedding=shedding) as stage:
        known = (await stage.post({"token": JWS})).body
        stage.store.gate.clear()
        first = asyncio.create_task(stage.post({"token": JWS}))
        await eventually(lambda: len(stage.store.calls["add"]) == 2)

        refused = await stage.post({"token": JWS}, {"Origin": ORIGIN, "X-Request-ID": "mine"})
        reading = asyncio.create_task(stage.read(known["session_id"], known["session_key"]))

        assert refused.status == 429
        assert refused.headers["Retry-After"] == "1"
        assert refused.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert refused.headers["Cache-Control"] == "no-store"
        assert refused.body["code"] == "overloaded"
        assert refused.body["request_id"] == refused.headers["X-Request-ID"] == "mine"
        assert seen == [("POST", "/v1/campaigns/{campaign_id}/sessions", 429)]
        assert len(stage.store.calls["add"]) == 2
        stage.store.gate.set()
        assert (await first).status == 202
        assert (await reading).status == 200
        assert (await stage.post({"token": JWS})).status == 202


async def test_connection_of_one_who_was_sent_away_serves_on() -> None:
    shedding = Shedding(0, lambda *_: None)
    async with staged(shedding=shedding) as stage:
        answers = [await stage.post({"token": JWS}) for _ in range(3)]

        assert [answer.status for answer in answers] == [429, 429, 429]
        assert (await stage.ask("GET", "/health/live")).status == 200
