"""How many arrivals are held: in calm times all that there is room for, else as many as are answered soon."""

import pytest

from app.web.admission import LATE_SECONDS, LATEST_RETURN_SECONDS, SENT_AWAY_SECONDS, Admission

QUICK, SLOW = 0.01, 0.05


def _admission() -> Admission:
    return Admission(2048, least=32, patience=0.5, soon=0.025)


def _overloaded() -> Admission:
    admission = _admission()
    admission.note_sent_away(0.0, 1000.0)
    return admission


@pytest.mark.parametrize(
    ("waited", "expected"),
    [
        pytest.param(0.0, 2048, id="nobody-waited"),
        pytest.param(0.2, 2048, id="unnoticed"),
        pytest.param(0.35, 1024, id="half-way"),
        pytest.param(0.5, 32, id="out-of-patience"),
        pytest.param(60.0, 32, id="far-behind"),
    ],
)
def test_fewer_are_held_in_calm_times_the_longer_all_wait(waited: float, expected: int) -> None:
    admission = _admission()
    for _ in range(100):  # a standing wait
        admission.note_wait(waited, 1, 10.0)

    assert admission.most == pytest.approx(expected, abs=1)


def test_one_long_wait_in_calm_times_changes_nothing() -> None:
    admission = _admission()
    admission.note_wait(0.9, 1, 10.0)

    assert admission.most == 2048


def test_queue_that_empties_has_no_standing_wait() -> None:
    admission = _admission()
    for held in (*[1] * 100, 0):
        admission.note_wait(0.5, held, 10.0)

    assert admission.most == 2048


def test_fewer_are_held_under_an_overload_after_each_batch_that_waited_too_long() -> None:
    admission = _overloaded()
    seen = []
    for _ in range(20):
        admission.note_wait(SLOW, 100, 0.5)
        seen.append(admission.most)

    assert seen[:3] == [1433, 1003, 702]
    assert seen[-1] == 32


def test_a_few_more_are_held_under_an_overload_after_each_batch_that_did_not() -> None:
    admission = _overloaded()
    for waited in (*[SLOW] * 20, *[QUICK] * 3):
        admission.note_wait(waited, 100, 0.5)

    assert admission.most == 32 + 3 * 4


def test_never_more_are_held_than_there_is_room_for() -> None:
    admission = _overloaded()
    admission.note_wait(QUICK, 100, 0.5)

    assert admission.most == 2048


@pytest.mark.parametrize(("after", "expected"), [(LATE_SECONDS / 2, 1433), (LATE_SECONDS * 2, 2048)])
def test_fewer_are_held_while_arrivals_are_read_late(after: float, expected: int) -> None:
    admission = _overloaded()
    admission.note_late(0.5)
    admission.note_wait(QUICK, 100, 0.5 + after)

    assert admission.most == expected


def test_arrivals_that_are_read_late_in_calm_times_change_nothing() -> None:
    admission = _admission()
    admission.note_late(10.0)
    admission.note_wait(QUICK, 100, 10.0)

    assert admission.most == 2048


@pytest.mark.parametrize(("after", "expected"), [(SENT_AWAY_SECONDS / 2, 1003), (SENT_AWAY_SECONDS * 1.1, 2048)])
def test_overload_ends_once_nobody_was_sent_away_for_a_second(after: float, expected: int) -> None:
    admission = _overloaded()
    for now in (0.1, after):
        admission.note_wait(SLOW, 100, now)

    assert admission.most == expected


def test_who_comes_to_an_empty_queue_after_an_overload_finds_it_whole() -> None:
    admission = _overloaded()
    admission.note_wait(SLOW, 0, 0.1)
    admission.note_first(SENT_AWAY_SECONDS / 2)
    within = admission.most
    admission.note_first(SENT_AWAY_SECONDS * 1.1)

    assert (within, admission.most) == (1433, 2048)


def test_queue_without_limits_of_time_is_held_whole() -> None:
    admission = Admission(8)
    for sent_away_at in (-100.0, 0.0):
        admission.note_sent_away(sent_away_at, 1000.0)
        admission.note_wait(60.0, 8, 0.1)

        assert admission.most == 8


def test_those_sent_away_are_told_to_come_again_one_after_the_other() -> None:
    admission = _admission()
    told = [admission.note_sent_away(5.0, rate=100.0) for _ in range(300)]

    assert told[0] == pytest.approx(0.01)
    assert told[-1] == pytest.approx(3.0)
    assert told == sorted(told)


def test_place_behind_those_sent_away_gets_free_with_the_time() -> None:
    admission = _admission()
    for _ in range(300):
        admission.note_sent_away(5.0, rate=100.0)

    assert admission.note_sent_away(7.0, rate=100.0) == pytest.approx(1.01)
    assert admission.note_sent_away(60.0, rate=100.0) == pytest.approx(0.01)


def test_nobody_is_told_to_come_again_after_long() -> None:
    admission = _admission()
    told = [admission.note_sent_away(5.0, rate=100.0) for _ in range(5_000)]

    assert told[-1] == LATEST_RETURN_SECONDS
    assert admission.note_sent_away(10.0, rate=100.0) == pytest.approx(LATEST_RETURN_SECONDS / 2, abs=0.02)
