"""Which dead letters can be tried again, a row for each rule."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.dead_letter import LetterFilter, Obstacles, SkipReason, place_of, skip_reason
from app.reasons import PrefillReason
from tests.builders import NOW, dead_letter

CLEAR = Obstacles(PrefillReason.TIMEOUT, has_request=True, is_session_over=False, is_bearer_over=False)
LATER = NOW + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("obstacles", "unforced", "forced"),
    [
        pytest.param(CLEAR, None, None, id="clear"),
        pytest.param(replace(CLEAR, is_session_over=True), SkipReason.SESSION_EXPIRED, None, id="session"),
        pytest.param(
            replace(CLEAR, is_bearer_over=True),
            SkipReason.ACCESS_TOKEN_EXPIRED,
            SkipReason.ACCESS_TOKEN_EXPIRED,
            id="access-token",
        ),
        pytest.param(
            replace(CLEAR, has_request=False, error_class=PrefillReason.POISON),
            SkipReason.NOTHING_TO_CALL,
            SkipReason.NOTHING_TO_CALL,
            id="no-request",
        ),
        pytest.param(
            replace(CLEAR, is_session_over=True, is_bearer_over=True),
            SkipReason.SESSION_EXPIRED,
            SkipReason.ACCESS_TOKEN_EXPIRED,
            id="session-and-access-token",
        ),
    ],
)
def test_skip_reason_names_what_stands_in_the_way(
    obstacles: Obstacles, unforced: SkipReason | None, forced: SkipReason | None
) -> None:
    assert (skip_reason(obstacles, force=False), skip_reason(obstacles, force=True)) == (unforced, forced)


@pytest.mark.parametrize("error_class", PrefillReason)
def test_skip_reason_of_a_class_is_final_where_the_same_call_would_fail_again(error_class: PrefillReason) -> None:
    final = {"http_4xx", "auth", "contract", "policy", "poison"}

    reason = skip_reason(replace(CLEAR, error_class=error_class), force=False)

    assert reason == (SkipReason.FINAL_CLASS if error_class in final else None)
    assert skip_reason(replace(CLEAR, error_class=error_class), force=True) is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"expires_at": LATER, "bearer_expires_at": LATER}, CLEAR, id="both-live"),
        pytest.param({"expires_at": NOW}, replace(CLEAR, is_session_over=True), id="session-ends-now"),
        pytest.param({"bearer_expires_at": NOW}, replace(CLEAR, is_bearer_over=True), id="access-token-ends-now"),
        pytest.param({"bearer_expires_at": None}, CLEAR, id="access-token-of-unknown-end"),
        pytest.param({"has_request": False}, replace(CLEAR, has_request=False), id="no-request"),
    ],
)
def test_obstacles_of_a_dead_letter_are_those_of_the_moment(changes: dict[str, object], expected: Obstacles) -> None:
    assert dead_letter(**changes).obstacles(NOW) == expected


def test_filter_without_a_condition_is_empty() -> None:
    assert LetterFilter().is_empty
    assert not LetterFilter(until=NOW).is_empty


def test_place_tells_partner_and_session() -> None:
    assert place_of(dead_letter(session_id="ses_7", partner_id="ac/me")) == "ac/me/ses_7"
