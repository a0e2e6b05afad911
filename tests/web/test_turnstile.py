"""Who is read on in which turn of the loop, of those who are sent away again and again."""

import asyncio
from dataclasses import dataclass, field

import pytest

from app.web import turnstile
from app.web.turnstile import Turnstile

pytestmark = pytest.mark.usefixtures("three_at_a_time")


@pytest.fixture
def three_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turnstile, "AT_A_TIME", 3)


@dataclass(slots=True)
class Crowd:
    """Connections by their numbers: those that rest, and those that were read on, in order."""

    read_on: list[int] = field(default_factory=list)
    resting: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Connection:
    number: int
    crowd: Crowd
    is_resting: bool = False

    def rest(self) -> None:
        self.is_resting = True
        self.crowd.resting.append(self.number)

    def read_on(self) -> None:
        self.is_resting = False
        self.crowd.read_on.append(self.number)


@dataclass(slots=True)
class Lateness:
    turns: int = 0

    def __call__(self) -> None:
        self.turns += 1


async def test_few_pass_without_a_rest() -> None:
    crowd, gate = Crowd(), Turnstile(Lateness())
    for _ in range(4):
        for number in range(3):
            gate.pass_by(Connection(number, crowd))
        await asyncio.sleep(0)

    assert crowd == Crowd()


async def test_those_in_excess_rest_and_are_read_on_by_turns_first_come_first() -> None:
    crowd, gate = Crowd(), Turnstile(Lateness())
    for number in range(11):
        gate.pass_by(Connection(number, crowd))
    turns = []
    for _ in range(4):
        await asyncio.sleep(0)
        turns.append(list(crowd.read_on))

    assert crowd.resting == [3, 4, 5, 6, 7, 8, 9, 10]
    assert turns == [[3, 4, 5], [3, 4, 5, 6, 7, 8], crowd.resting, crowd.resting]


async def test_connection_that_rests_already_takes_one_place() -> None:
    crowd, gate = Crowd(), Turnstile(Lateness())
    one = Connection(1, crowd)
    for _ in range(20):
        gate.pass_by(one)
    for _ in range(4):
        await asyncio.sleep(0)

    assert (crowd.resting, crowd.read_on) == ([1], [1])


async def test_who_comes_while_others_rest_comes_after_them() -> None:
    crowd, gate = Crowd(), Turnstile(Lateness())
    for number in range(8):
        gate.pass_by(Connection(number, crowd))
    await asyncio.sleep(0)
    for number in range(10, 14):
        gate.pass_by(Connection(number, crowd))
    for _ in range(3):
        await asyncio.sleep(0)

    assert crowd.read_on == [3, 4, 5, 6, 7, 13]


@pytest.mark.parametrize(("late_after", "expected"), [(60.0, 0), (0.0, 2)])
async def test_each_turn_in_which_somebody_is_read_late_is_told(
    late_after: float, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turnstile, "LATE_SECONDS", late_after)
    lateness = Lateness()
    gate = Turnstile(lateness)
    for number in range(9):
        gate.pass_by(Connection(number, Crowd()))
    for _ in range(6):
        await asyncio.sleep(0)

    assert lateness.turns == expected


async def test_turn_that_takes_long_is_late_even_where_nobody_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turnstile, "LATE_SECONDS", 0.0)
    lateness = Lateness()
    Turnstile(lateness).pass_by(Connection(1, Crowd()))
    await asyncio.sleep(0)

    assert lateness.turns == 1
