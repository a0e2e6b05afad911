"""How often those who wait are looked for."""

import pytest

from app.web.long_polls import LONGEST_TICK_SECONDS, SHORTEST_TICK_SECONDS, SLOWEST_TICK_SECONDS, next_tick


@pytest.mark.parametrize(
    ("tick", "took", "is_busy", "expected"),
    [
        pytest.param(0.1, 0.001, True, SHORTEST_TICK_SECONDS, id="somebody-settled"),
        pytest.param(0.01, 0.001, False, 0.015, id="nobody-settled"),
        pytest.param(0.1, 0.001, False, LONGEST_TICK_SECONDS, id="nobody-settled-for-long"),
        pytest.param(0.01, 0.01, True, 0.08, id="query-that-takes-long-leaves-the-store-alone"),
        pytest.param(0.01, 2.0, True, SLOWEST_TICK_SECONDS, id="slow-store-is-still-looked-at"),
    ],
)
def test_next_tick_follows_what_the_last_look_found_and_took(
    tick: float, took: float, *, is_busy: bool, expected: float
) -> None:
    assert next_tick(tick, took, is_busy=is_busy) == pytest.approx(expected)
