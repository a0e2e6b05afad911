"""The bank that retries are paid from, and the rate of all calls."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.budget import (
    BANK,
    Bucket,
    calls_allowed,
    current_bank,
    earn_retries,
    next_call_at,
    next_retry_at,
    retries_allowed,
    spend_calls,
    spend_retries,
)
from tests.builders import NOW


def later(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def test_bank_that_is_new_is_full() -> None:
    assert retries_allowed(None, NOW) == BANK


def test_bank_pays_a_token_for_each_retry() -> None:
    assert spend_retries(Bucket(5, NOW), 3, NOW) == Bucket(2, NOW)


@pytest.mark.parametrize(
    ("before", "first_tries", "after"),
    [
        pytest.param(0.0, 10, 1.0, id="ten-first-tries-pay-for-one-retry"),
        pytest.param(99.5, 100, BANK, id="never-above-the-bank"),
    ],
)
def test_bank_earns_a_tenth_with_each_first_try(before: float, first_tries: int, after: float) -> None:
    assert earn_retries(Bucket(before, NOW), first_tries, NOW).tokens == pytest.approx(after)


@pytest.mark.parametrize(
    ("seconds", "allowed"),
    [
        pytest.param(0, 0, id="at-once"),
        pytest.param(0.9, 0, id="before-the-second"),
        pytest.param(1, 1, id="after-a-second"),
        pytest.param(3600, 1, id="time-alone-saves-nothing-up"),
    ],
)
def test_bank_that_is_empty_allows_a_retry_a_second(seconds: float, allowed: int) -> None:
    assert retries_allowed(Bucket(0, NOW), NOW + later(seconds)) == allowed


def test_bank_that_is_empty_says_when_it_pays() -> None:
    assert next_retry_at(Bucket(0.25, NOW), NOW) == NOW + later(0.75)


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 5)), min_size=1, max_size=60))
def test_retries_never_exceed_bank_and_tenth_and_one_a_second(steps: list[tuple[int, float]]) -> None:
    bank, now, retries, first_tries, seconds = Bucket(BANK, NOW), NOW, 0, 0, 0.0
    for tries, pause in steps:
        now += later(pause)
        seconds += pause
        bank = earn_retries(bank, tries, now)
        first_tries += tries
        allowed = retries_allowed(bank, now)
        bank = spend_retries(bank, allowed, now)
        retries += allowed
        assert 0 <= current_bank(bank, now) <= BANK

    assert retries <= BANK + first_tries * 0.1 + seconds + 1e-6


@pytest.mark.parametrize(
    ("per_second", "allowed"),
    [
        pytest.param(0.5, 1, id="slower-than-one"),
        pytest.param(10, 1, id="ten"),
        pytest.param(1000, 100, id="a-tenth-at-once"),
    ],
)
def test_rate_that_is_new_allows_a_tenth_of_a_second_at_once(per_second: float, allowed: int) -> None:
    assert calls_allowed(None, per_second, NOW) == allowed


def test_rate_says_when_it_allows_the_next_call() -> None:
    spent = spend_calls(None, 4, 1, NOW)

    assert next_call_at(spent, 4, NOW) == NOW + later(0.25)
    assert calls_allowed(spent, 4, NOW + later(0.25)) == 1


def test_rate_whose_level_is_from_a_clock_ahead_gains_nothing() -> None:
    assert calls_allowed(Bucket(0, NOW + later(60)), 100, NOW) == 0


@given(st.floats(0.5, 2000), st.lists(st.floats(0, 0.4), min_size=1, max_size=50))
def test_rate_stays_within_a_tenth_of_a_second_of_what_it_allows(per_second: float, pauses: list[float]) -> None:
    bucket, now, made = None, NOW, 0
    for pause in pauses:
        now += later(pause)
        allowed = calls_allowed(bucket, per_second, now)
        bucket = spend_calls(bucket, per_second, allowed, now)
        made += allowed

    assert made <= sum(pauses) * per_second + max(1.0, per_second * 0.1) + 1e-3
