"""The breaker: when it opens, for how long, and how it closes again."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.breaker import (
    FIRST_OPEN,
    LONGEST_OPEN,
    PROBES,
    Breaker,
    BreakerState,
    EndedCall,
    after_calls,
    blame,
    probes_left,
    state_of,
    take_probes,
)
from app.reasons import PrefillReason
from tests.builders import NOW

SECOND = timedelta(seconds=1)


def calls(good: int, faults: int, at: datetime = NOW, error: PrefillReason = PrefillReason.TIMEOUT) -> list[EndedCall]:
    return [EndedCall(at)] * good + [EndedCall(at, error)] * faults


def opened(jitter: float = 0.0) -> Breaker:
    return after_calls(Breaker(), calls(0, 20), NOW, jitter)


def probed(breaker: Breaker, good: int, faults: int = 0) -> Breaker:
    """Return the breaker after probes that began and ended when it let them through."""
    assert breaker.opened_until is not None
    at = breaker.opened_until
    return after_calls(take_probes(breaker, good + faults, in_flight=0), calls(good, faults, at), at, 0.0)


@pytest.mark.parametrize(
    ("good", "faults", "state"),
    [
        pytest.param(0, 19, BreakerState.CLOSED, id="too-few-calls"),
        pytest.param(0, 20, BreakerState.OPEN, id="all-fail"),
        pytest.param(10, 10, BreakerState.OPEN, id="half-fail"),
        pytest.param(11, 10, BreakerState.CLOSED, id="less-than-half-fail"),
        pytest.param(500, 0, BreakerState.CLOSED, id="all-well"),
    ],
)
def test_breaker_opens_when_half_of_twenty_calls_are_faults(good: int, faults: int, state: BreakerState) -> None:
    breaker = after_calls(Breaker(), calls(good, faults), NOW, 0.0)

    assert state_of(breaker, NOW) is state


@pytest.mark.parametrize("error", [PrefillReason.HTTP_4XX, PrefillReason.AUTH, PrefillReason.CONTRACT])
def test_breaker_takes_an_answer_that_refuses_for_an_answer(error: PrefillReason) -> None:
    breaker = after_calls(Breaker(), calls(0, 100, error=error), NOW, 0.0)

    assert state_of(breaker, NOW) is BreakerState.CLOSED


@pytest.mark.parametrize(
    ("seconds", "state"),
    [pytest.param(59, BreakerState.OPEN, id="within"), pytest.param(60, BreakerState.CLOSED, id="beyond")],
)
def test_breaker_looks_back_a_minute(seconds: int, state: BreakerState) -> None:
    earlier = after_calls(Breaker(), calls(0, 10), NOW, 0.0)

    later = after_calls(earlier, calls(0, 10), NOW + seconds * SECOND, 0.0)

    assert state_of(later, NOW + seconds * SECOND) is state


@pytest.mark.parametrize(
    ("openings", "seconds"),
    [pytest.param(n, min(5 * 2**n, 300), id=f"opening-{n + 1}") for n in (0, 1, 2, 3, 4, 5, 6, 7, 1000)],
)
def test_breaker_stays_open_twice_as_long_each_time_up_to_five_minutes(openings: int, seconds: int) -> None:
    half_open = Breaker(opened_until=NOW, openings=openings)

    again = probed(half_open, good=0, faults=1)

    assert again.opened_until == NOW + seconds * SECOND


def test_breaker_open_learns_nothing_from_late_answers() -> None:
    breaker = opened()

    assert after_calls(breaker, calls(30, 30), NOW + SECOND, 0.0) == breaker


def test_breaker_half_open_lets_one_then_five_through_and_closes() -> None:
    half_open = opened()

    after_one = probed(half_open, good=1)
    after_six = probed(after_one, good=5)

    assert (probes_left(half_open, 0), probes_left(after_one, 0)) == PROBES
    assert after_six == Breaker()


def test_breaker_half_open_waits_for_all_of_its_probes() -> None:
    after_one = probed(opened(), good=1)

    after_five = probed(after_one, good=4)

    assert after_five.opened_until is not None
    assert probes_left(after_five, in_flight=1) == 1


def test_breaker_half_open_with_one_fault_among_five_opens_for_longer() -> None:
    after_one = probed(opened(), good=1)

    again = probed(after_one, good=4, faults=1)

    assert again == Breaker(opened_until=NOW + FIRST_OPEN + 2 * FIRST_OPEN, openings=2)


def test_breaker_half_open_ignores_calls_from_before() -> None:
    half_open = take_probes(opened(), 1, in_flight=0)
    at = NOW + FIRST_OPEN

    after_old_ones = after_calls(half_open, calls(3, 3, at=NOW - SECOND), at, 0.0)

    assert after_old_ones == half_open


def test_breaker_half_open_gives_a_probe_out_again_when_nothing_is_in_flight() -> None:
    half_open = take_probes(opened(), 1, in_flight=0)

    assert (probes_left(half_open, in_flight=1), probes_left(half_open, in_flight=0)) == (0, 1)


def test_breaker_half_open_counts_no_probe_of_its_first_turn_in_the_second() -> None:
    after_one = probed(opened(), good=1)

    assert probes_left(after_one, in_flight=3) == 5


def test_breaker_half_open_forgets_the_probes_that_were_lost_once_it_gives_one_out_again() -> None:
    lost = Breaker(opened_until=NOW, openings=1, probing=1, probes_out=5, probes_good=2)

    assert probes_left(take_probes(lost, 1, in_flight=0), in_flight=1) == 2


@given(jitter=st.floats(0, 1, exclude_max=True), openings=st.integers(0, 50))
def test_breaker_opens_for_a_bounded_time_whatever_the_jitter(jitter: float, openings: int) -> None:
    half_open = Breaker(opened_until=NOW, openings=openings)

    again = after_calls(half_open, calls(0, 1), NOW, jitter)

    assert again.opened_until is not None
    assert FIRST_OPEN * 0.8 <= again.opened_until - NOW <= LONGEST_OPEN


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 40)), max_size=30))
def test_breaker_never_lets_more_than_its_probes_through_and_stays_small(batches: list[tuple[int, int, int]]) -> None:
    breaker, now = Breaker(), NOW
    for good, faults, seconds in batches:
        now += seconds * SECOND
        state = state_of(breaker, now)
        if state is BreakerState.HALF_OPEN:
            left = probes_left(breaker, in_flight=0)
            assert 0 <= left <= PROBES[breaker.probing]
            breaker = take_probes(breaker, left, in_flight=0)
            assert probes_left(breaker, in_flight=left) == 0
        breaker = after_calls(breaker, calls(good, faults, at=now), now, 0.5)
        assert len(breaker.window) <= 13


@pytest.mark.parametrize(
    ("error_class", "slept", "counted"),
    [
        (PrefillReason.TIMEOUT, False, PrefillReason.TIMEOUT),
        (PrefillReason.TIMEOUT, True, PrefillReason.INTERNAL),
        (PrefillReason.CONNECT, True, PrefillReason.INTERNAL),
        (PrefillReason.DNS, True, PrefillReason.INTERNAL),
        (PrefillReason.TLS, True, PrefillReason.INTERNAL),
        (PrefillReason.HTTP_429, True, PrefillReason.HTTP_429),
        (PrefillReason.HTTP_5XX, True, PrefillReason.HTTP_5XX),
        (PrefillReason.HTTP_4XX, True, PrefillReason.HTTP_4XX),
    ],
)
def test_blame_is_the_partners_for_its_answers_and_for_silence_that_we_listened_to(
    error_class: PrefillReason, slept: bool, counted: PrefillReason
) -> None:
    assert blame(error_class, slept=slept) is counted
