"""The retry policy: a row is a rule."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.retry import LATER_DELAYS, Failure, GiveUp, TryAgain, decide_retry
from app.reasons import PrefillReason

START = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
FAILURE = Failure(
    PrefillReason.TIMEOUT,
    attempt=1,
    received_at=START,
    deadline_at=START + timedelta(seconds=10),
    ends_at=START + timedelta(days=1),
)
MAY_PASS = ("timeout", "connect", "dns", "tls", "http_5xx", "http_429")
MAX_ATTEMPTS = 3 + len(LATER_DELAYS)


@pytest.mark.parametrize("error_class", MAY_PASS)
def test_failure_of_the_partners_side_is_tried_again_while_the_participant_waits(error_class: str) -> None:
    decision = decide_retry(replace(FAILURE, error_class=PrefillReason(error_class)), START, jitter=0.5)

    assert decision == TryAgain(START + timedelta(seconds=0.25), while_waiting=True)


@pytest.mark.parametrize("error_class", ["http_4xx", "contract", "policy", "poison"])
def test_failure_that_cannot_pass_is_final(error_class: str) -> None:
    decision = decide_retry(replace(FAILURE, error_class=PrefillReason(error_class)), START, jitter=0.5)

    assert decision == GiveUp(PrefillReason(error_class))


@pytest.mark.parametrize(
    ("attempt", "age", "is_final"),
    [
        pytest.param(1, timedelta(seconds=5), False, id="young-once"),
        pytest.param(2, timedelta(seconds=5), True, id="young-twice"),
        pytest.param(1, timedelta(seconds=60), True, id="old"),
    ],
)
def test_refused_access_token_is_tried_once_while_young(attempt: int, age: timedelta, is_final: bool) -> None:
    failure = replace(FAILURE, error_class=PrefillReason.AUTH, attempt=attempt)

    decision = decide_retry(failure, START + age, jitter=0.5)

    assert isinstance(decision, GiveUp) is is_final


def test_third_failure_goes_to_the_later_schedule() -> None:
    decision = decide_retry(replace(FAILURE, attempt=3), START + timedelta(seconds=3), jitter=0.5)

    assert decision == TryAgain(START + timedelta(seconds=18), while_waiting=False)


def test_later_schedule_begins_after_the_deadline_however_short_its_jitter() -> None:
    decision = decide_retry(replace(FAILURE, attempt=3), START + timedelta(seconds=3), jitter=0.0)

    assert decision == TryAgain(FAILURE.deadline_at, while_waiting=False)


def test_failure_near_the_deadline_goes_to_the_later_schedule() -> None:
    decision = decide_retry(FAILURE, START + timedelta(seconds=9.9), jitter=0.9)

    assert decision == TryAgain(START + timedelta(seconds=9.9 + 27), while_waiting=False)


def test_last_of_the_schedule_is_a_dead_letter() -> None:
    assert isinstance(decide_retry(replace(FAILURE, attempt=MAX_ATTEMPTS - 1), START, 0.5), TryAgain)
    assert decide_retry(replace(FAILURE, attempt=MAX_ATTEMPTS), START, 0.5) == GiveUp(PrefillReason.TIMEOUT)


def test_retry_beyond_the_sessions_end_is_a_dead_letter() -> None:
    failure = replace(FAILURE, attempt=6, ends_at=START + timedelta(minutes=10))

    assert decide_retry(failure, START, jitter=0.5) == GiveUp(PrefillReason.TIMEOUT)


def test_retry_at_or_beyond_the_sessions_end_is_a_dead_letter_though_the_participant_waits() -> None:
    soon_over = replace(FAILURE, ends_at=START + timedelta(seconds=0.25))
    over_with_the_deadline = replace(FAILURE, attempt=3, ends_at=FAILURE.deadline_at)

    assert decide_retry(soon_over, START, jitter=0.5) == GiveUp(PrefillReason.TIMEOUT)
    assert decide_retry(over_with_the_deadline, START, jitter=0.0) == GiveUp(PrefillReason.TIMEOUT)


def test_retry_after_is_honoured_up_to_an_hour() -> None:
    asked = replace(FAILURE, error_class=PrefillReason.HTTP_429, retry_after=timedelta(seconds=4))
    greedy = replace(asked, retry_after=timedelta(days=3))

    assert decide_retry(asked, START, 0.0) == TryAgain(START + timedelta(seconds=4), while_waiting=True)
    assert decide_retry(greedy, START, 0.0) == TryAgain(START + timedelta(hours=1), while_waiting=False)


def test_retry_after_a_call_that_we_cut_off_goes_by_the_schedule() -> None:
    failure = replace(FAILURE, error_class=PrefillReason.INTERNAL, attempt=5)

    assert isinstance(decide_retry(failure, START, 0.5), GiveUp)
    assert isinstance(decide_retry(replace(failure, was_cut_off=True), START, 0.5), TryAgain)


@given(
    st.sampled_from(sorted(PrefillReason)),
    st.integers(min_value=1, max_value=50),
    st.floats(min_value=0, max_value=1, exclude_max=True),
    st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=2)),
    st.none() | st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=9)),
)
def test_retry_is_never_in_the_past_nor_past_the_end_and_always_ends(
    error_class: PrefillReason, attempt: int, jitter: float, age: timedelta, retry_after: timedelta | None
) -> None:
    failure = replace(FAILURE, error_class=error_class, attempt=attempt, retry_after=retry_after)
    now = START + age

    decision = decide_retry(failure, now, jitter)

    match decision:
        case TryAgain(due_at, while_waiting):
            assert now <= due_at < failure.ends_at
            assert attempt < MAX_ATTEMPTS
            assert not while_waiting or due_at < failure.deadline_at
        case GiveUp(given_up):
            assert given_up is error_class
