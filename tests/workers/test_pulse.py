"""The pulse of a loop: it knows when the loop stood still."""

import asyncio
import time
from collections.abc import AsyncIterator
from time import perf_counter

import pytest

from workers import loop
from workers.loop import Pulse

pytestmark = pytest.mark.timed


@pytest.fixture
async def pulse(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pulse]:
    monkeypatch.setattr(loop, "_BEAT_SECONDS", 0.01)
    monkeypatch.setattr(loop, "STANDSTILL_SECONDS", 0.3)
    beating = Pulse()
    task = asyncio.create_task(beating.run())
    await asyncio.sleep(0)
    yield beating
    task.cancel()


def stand_still() -> None:
    time.sleep(0.35)


async def test_pulse_of_a_loop_that_turns_tells_nothing(pulse: Pulse) -> None:
    began = perf_counter()

    await asyncio.sleep(0.4)

    assert not pulse.stood_still_since(began)


async def test_pulse_tells_of_a_standstill_before_the_next_beat(pulse: Pulse) -> None:
    began = perf_counter()

    stand_still()

    assert pulse.stood_still_since(began)


async def test_pulse_tells_whoever_began_before_the_standstill_and_nobody_after_it(pulse: Pulse) -> None:
    before = perf_counter()
    stand_still()
    await asyncio.sleep(0.02)
    after = perf_counter()

    await asyncio.sleep(0.02)

    assert pulse.stood_still_since(before)
    assert not pulse.stood_still_since(after)
