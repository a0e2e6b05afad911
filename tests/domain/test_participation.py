"""The truth table of `limit`, and what a mode makes of it."""

import pytest

from app.domain.campaign import Mode
from app.domain.participation import Limit, Verdict, decide_participation, may_play
from app.reasons import ParticipationReason

NOT_ELIGIBLE = Verdict(allowed=False, reason=ParticipationReason.NOT_ELIGIBLE)
REACHED = Verdict(allowed=False, reason=ParticipationReason.LIMIT_REACHED, remaining=0)
REJECTED = Verdict(allowed=False, reason=ParticipationReason.TOKEN_REJECTED)
ALLOWED = Verdict(allowed=True)


@pytest.mark.parametrize(
    ("limit", "used", "verdict"),
    [
        pytest.param(Limit(), 0, ALLOWED, id="absent"),
        pytest.param(Limit(), 1000, ALLOWED, id="absent-counts-nothing"),
        pytest.param(Limit(can_play=False), 0, NOT_ELIGIBLE, id="can-play-false"),
        pytest.param(Limit(nb=5, can_play=False), 0, NOT_ELIGIBLE, id="can-play-false-whatever-nb-says"),
        pytest.param(Limit(can_play=True), 9, ALLOWED, id="can-play-true-alone"),
        pytest.param(Limit(nb=3), 0, Verdict(allowed=True, remaining=3), id="none-used"),
        pytest.param(Limit(nb=3), 2, Verdict(allowed=True, remaining=1), id="one-left"),
        pytest.param(Limit(nb=3), 3, REACHED, id="all-used"),
        pytest.param(Limit(nb=3), 4, REACHED, id="more-than-all-used"),
        pytest.param(Limit(nb=0), 0, REACHED, id="nb-zero"),
        pytest.param(Limit(nb=0, can_play=True), 0, REACHED, id="nb-zero-though-can-play"),
    ],
)
def test_participation_follows_the_truth_table(limit: Limit, used: int, verdict: Verdict) -> None:
    assert decide_participation(limit, used) == verdict


@pytest.mark.parametrize(
    ("mode", "verdict", "plays"),
    [
        pytest.param(Mode.REQUIRED, ALLOWED, True, id="required-allowed"),
        pytest.param(Mode.REQUIRED, REJECTED, False, id="required-rejected"),
        pytest.param(Mode.REQUIRED, REACHED, False, id="required-reached"),
        pytest.param(Mode.OPTIONAL, REJECTED, True, id="optional-forgives-a-token"),
        pytest.param(Mode.OPTIONAL, REACHED, False, id="optional-keeps-limits"),
        pytest.param(Mode.OPTIONAL, NOT_ELIGIBLE, False, id="optional-keeps-eligibility"),
        pytest.param(Mode.REPORT_ONLY, NOT_ELIGIBLE, True, id="report-only-enforces-nothing"),
    ],
)
def test_mode_decides_who_plays(mode: Mode, verdict: Verdict, plays: bool) -> None:
    assert may_play(verdict, mode) is plays
