"""One moment for a turn of the loop, another for the next."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import uvloop

from app.web.turn_clock import TurnClock


class Counting:
    def __init__(self) -> None:
        self.asked = 0

    def now(self) -> datetime:
        self.asked += 1
        return datetime.fromtimestamp(self.asked, UTC)


async def _ask(counting: Counting) -> list[datetime]:
    clock = TurnClock(counting)
    moments = [clock.now(), clock.now()]
    await asyncio.sleep(0.01)
    return [*moments, clock.now()]


@pytest.mark.parametrize(
    ("run", "asked"), [pytest.param(uvloop.run, 2, id="uvloop"), pytest.param(asyncio.run, 3, id="asyncio")]
)
def test_moment_is_asked_for_once_in_a_turn(run: Callable[..., list[datetime]], asked: int) -> None:
    counting = Counting()

    first, again, later = run(_ask(counting))

    assert counting.asked == asked
    assert (first <= again < later, first == again) == (True, asked == 2)
