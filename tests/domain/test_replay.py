"""Replays: what is counted, how fast it goes, what may be asked of one."""

from datetime import timedelta
from math import floor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.dead_letter import LetterGroup, Obstacles, SkipReason
from app.domain.replay import (
    MAX_CATCH_UP,
    Choice,
    ReplayCommand,
    ReplayFilter,
    ReplayState,
    choose,
    count_replay,
    pace,
    steered,
)
from app.reasons import PrefillReason
from tests.builders import NOW, dead_letter, replay

SECOND = timedelta(seconds=1)
GOOD, FINAL = PrefillReason.TIMEOUT, PrefillReason.CONTRACT


def group(error_class: PrefillReason, letters: int, *, is_session_over: bool = False) -> LetterGroup:
    obstacles = Obstacles(error_class, has_request=True, is_session_over=is_session_over, is_bearer_over=False)
    return LetterGroup("acme", obstacles, letters)


def test_filter_that_says_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        ReplayFilter()

    assert not ReplayFilter(error_class=GOOD).is_empty


def test_count_tells_classes_and_reasons() -> None:
    groups = [group(GOOD, 5), group(GOOD, 2, is_session_over=True), group(FINAL, 3)]

    counts, forced = count_replay(groups, force=False), count_replay(groups, force=True)

    assert (counts.matched, counts.skipped) == (10, 5)
    assert counts.by_error_class == forced.by_error_class == {GOOD: 7, FINAL: 3}
    assert counts.by_skip_reason == {SkipReason.SESSION_EXPIRED: 2, SkipReason.FINAL_CLASS: 3}
    assert (forced.matched, forced.skipped, forced.by_skip_reason) == (10, 0, {})


@pytest.mark.parametrize(
    ("rate", "elapsed", "rows"),
    [
        pytest.param(20, SECOND, 20, id="a-second"),
        pytest.param(20, SECOND / 20, 1, id="just-one"),
        pytest.param(20, SECOND / 21, 0, id="not-yet-one"),
        pytest.param(20, timedelta(0), 0, id="at-once"),
        pytest.param(20, timedelta(hours=1), 40, id="held-up"),
        pytest.param(0.1, SECOND * 9, 0, id="slow-not-yet"),
        pytest.param(0.1, SECOND * 10, 1, id="slow"),
        pytest.param(0.1, timedelta(hours=1), 1, id="slow-held-up"),
        pytest.param(20, -SECOND, 0, id="clock-a-little-behind"),
        pytest.param(20, timedelta(hours=-1), 0, id="clock-an-hour-behind"),
    ],
)
def test_pace_allows_what_the_rate_has_earned(rate: float, elapsed: timedelta, rows: int) -> None:
    assert pace(replay(rate_per_second=rate), NOW + elapsed).rows == rows


def test_pace_after_an_hour_behind_begins_anew() -> None:
    behind = NOW - timedelta(hours=1)

    paid = pace(replay(), behind).paid(0)

    assert pace(replay(paced_at=paid), behind + SECOND).rows == 20


@given(
    rate=st.floats(0.1, 1000),
    steps=st.lists(st.floats(0.05, 1.9), min_size=1, max_size=60),
)
@example(rate=1.875, steps=[1.0, 1.75, 1.875, 1.875])
@example(rate=1.25, steps=[1.0, 1.2] * 30)
def test_pace_over_many_rounds_is_the_rate_within_a_row(rate: float, steps: list[float]) -> None:
    now, running, released = NOW, replay(rate_per_second=rate), 0

    for step in steps:
        now += timedelta(seconds=step)
        allowed = pace(running, now)
        running = replay(rate_per_second=rate, paced_at=allowed.paid(allowed.rows))
        released += allowed.rows

    earned = (now - NOW).total_seconds() * rate
    # What is left of a row is owed beside the longest round: beyond the bound it is not made up for.
    is_kept_up_with = max(steps) + 1 / rate <= MAX_CATCH_UP.total_seconds()
    assert released <= earned + 0.01
    assert not is_kept_up_with or released >= floor(earned * 0.999) - 1


@given(rate=st.floats(0.1, 1000), elapsed=st.floats(0, 1e6))
def test_pace_never_makes_up_for_more_than_its_bound(rate: float, elapsed: float) -> None:
    rows = pace(replay(rate_per_second=rate), NOW + timedelta(seconds=elapsed)).rows

    assert rows <= max(1, rate * MAX_CATCH_UP.total_seconds() + 1e-3)


@pytest.mark.parametrize(
    ("goods", "rows", "taken", "skipped"),
    [
        pytest.param("gfg", 9, (0, 2), 1, id="all"),
        pytest.param("gfg", 1, (0,), 1, id="what-is-passed-over-behind-the-last-is-free"),
        pytest.param("fgfg", 1, (1,), 2, id="stops-before-the-next"),
        pytest.param("ff", 1, (), 2, id="nothing-to-take"),
        pytest.param("", 1, (), 0, id="none"),
    ],
)
def test_choice_takes_as_many_as_are_allowed(goods: str, rows: int, taken: tuple[int, ...], skipped: int) -> None:
    classes = {"g": GOOD, "f": FINAL}
    letters = [dead_letter(session_id=f"ses_{place}", error_class=classes[good]) for place, good in enumerate(goods)]

    choice = choose(letters, rows, NOW, force=False)

    assert choice == Choice(tuple(f"ses_{place}" for place in taken), skipped)
    assert choice.seen == len(taken) + skipped


@given(goods=st.lists(st.booleans(), max_size=40), rows=st.integers(1, 5))
def test_choices_one_after_the_other_go_through_all_without_double_or_gap(goods: list[bool], rows: int) -> None:
    letters = [
        dead_letter(session_id=f"ses_{place}", error_class=GOOD if good else FINAL) for place, good in enumerate(goods)
    ]
    taken: list[str] = []
    place = skipped = 0

    while place < len(letters):
        choice = choose(letters[place:], rows, NOW, force=False)
        place += choice.seen
        taken += choice.taken
        skipped += choice.skipped

    assert taken == [letter.session_id for letter, good in zip(letters, goods, strict=True) if good]
    assert skipped == goods.count(False)


@pytest.mark.parametrize(
    ("state", "command", "after"),
    [
        pytest.param("running", "pause", "paused", id="pause"),
        pytest.param("running", "resume", "running", id="resume-what-runs"),
        pytest.param("running", "cancel", "cancelled", id="cancel"),
        pytest.param("paused", "pause", "paused", id="pause-again"),
        pytest.param("paused", "resume", "running", id="resume"),
        pytest.param("paused", "cancel", "cancelled", id="cancel-paused"),
        pytest.param("cancelled", "cancel", "cancelled", id="cancel-again"),
        pytest.param("cancelled", "resume", None, id="resume-cancelled"),
        pytest.param("cancelled", "pause", None, id="pause-cancelled"),
        pytest.param("done", "cancel", None, id="cancel-done"),
        pytest.param("done", "resume", None, id="resume-done"),
    ],
)
def test_command_leads_to_a_state_or_is_refused(state: str, command: str, after: str | None) -> None:
    steered_to = steered(replay(state=ReplayState(state)), ReplayCommand(command), NOW)

    assert (steered_to and steered_to.state) == after


def test_resumed_replay_owes_nothing_for_its_pause() -> None:
    later = NOW + timedelta(hours=1)

    resumed = steered(replay(state=ReplayState.PAUSED), ReplayCommand.RESUME, later)

    assert resumed is not None
    assert (pace(resumed, later).rows, pace(resumed, later + SECOND).rows) == (0, 20)


def test_replay_that_is_over_has_nothing_left() -> None:
    running, done = (replay(matched=10, moved=3, skipped=2, state=state) for state in ("running", "done"))

    assert (running.left, done.left) == (5, 0)
