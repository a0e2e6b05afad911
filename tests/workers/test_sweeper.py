"""When a sweeper's next round comes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from workers.sweeper import LINGER_PAUSE_SECONDS, LINGER_SECONDS, LINGER_SHARE, Found, Sweeper

pytestmark = pytest.mark.timed

SELDOM_SECONDS = 60.0


class Rounds:
    """Work that finds what it is told to, in turn, then nothing; notes when it was done."""

    def __init__(self, *found: Found) -> None:
        self.found = list(found)
        self.began_at: list[float] = []

    def __call__(self) -> Found:
        self.began_at.append(time.monotonic())
        return self.found.pop(0) if self.found else Found.NOTHING

    def pauses(self) -> list[float]:
        return [after - before for before, after in zip(self.began_at, self.began_at[1:], strict=False)]


@contextmanager
def sweeping(rounds: Rounds) -> Iterator[Sweeper]:
    sweeper = Sweeper("test", rounds, SELDOM_SECONDS)
    sweeper.start()
    yield sweeper
    sweeper.stop()
    assert sweeper.join(1.0)


def test_sweeper_that_finds_nothing_waits_to_be_asked() -> None:
    rounds = Rounds()
    with sweeping(rounds) as sweeper:
        time.sleep(LINGER_SECONDS)
        assert len(rounds.began_at) == 1

        sweeper.look(1.0)
        assert len(rounds.began_at) == 2


def test_sweeper_lingers_after_work_and_no_longer() -> None:
    rounds = Rounds(Found.SOME)
    with sweeping(rounds):
        time.sleep(3 * LINGER_SECONDS)

    pauses = rounds.pauses()
    assert min(pauses) >= LINGER_PAUSE_SECONDS * 0.9
    assert 5 <= len(rounds.began_at) <= 36
    assert pauses[-1] >= pauses[0] + LINGER_SECONDS * LINGER_SHARE / 2
    assert rounds.began_at[-1] - rounds.began_at[0] < 2 * LINGER_SECONDS


def test_sweeper_that_finds_a_full_batch_goes_on_at_once() -> None:
    rounds = Rounds(*[Found.FULL] * 50)
    with sweeping(rounds):
        time.sleep(LINGER_SECONDS / 2)

    assert sum(rounds.pauses()[:50]) < 50 * LINGER_PAUSE_SECONDS


def test_sweeper_whose_work_fails_comes_again_when_asked() -> None:
    class Failing(Rounds):
        def __call__(self) -> Found:
            super().__call__()
            raise LookupError

    rounds = Failing()
    with sweeping(rounds) as sweeper:
        sweeper.look(1.0)
        assert len(rounds.began_at) == 2
