"""The lanes in which the tests run: nothing is run twice or left out, no port shared, no bad ending called good."""

import time
from collections import Counter
from collections.abc import Sequence

import pytest

from tests import lanes
from tests.architecture.sources import ROOT
from tests.lanes import LANES, Ended, Lane
from tests.servers import process

PASSED = Ended("units", 0, "....\n===== 4 passed, 1 deselected in 61.00s (0:01:01) =====\n")
FAILED = Ended("visits", 1, "F.\n===== 1 failed, 1 passed in 0.50s =====\n")
SKIPPED = Ended("journey", 0, "s\n===== 1 skipped in 0.10s =====\n")
EMPTY = Ended("faults", 5, "\n===== no tests ran in 0.01s =====\n")
KILLED = Ended("faults", -9, "tests/faults/test_kills.py ...")


def test_lanes_name_what_exists_and_hold_no_test_twice() -> None:
    paths = [ROOT / path for lane in LANES.values() for path in lane]

    assert [path for path in paths if not path.exists()] == []
    assert [(one, other) for one in paths for other in paths if one != other and one.is_relative_to(other)] == []


def test_lanes_beside_the_units_are_lanes() -> None:
    assert LANES.keys() > lanes.BESIDE_UNITS


def test_lanes_share_no_port() -> None:
    slices = [*(lane.ports for lane in lanes._lanes(())), lanes._share(len(LANES))]

    assert sum(map(len, slices)) == len(set().union(*slices)) >= 2000 * len(slices)
    assert set().union(*slices) <= set(process.PORTS)


def test_ports_of_a_lane_are_each_handed_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(process.PORTS_VARIABLE, "20000-20010")

    assert sorted(process._shuffled_ports()) == list(range(20_000, 20_010))


@pytest.mark.parametrize(
    ("ended", "counts"),
    [
        pytest.param(PASSED, {"passed": 4, "deselected": 1}, id="passed"),
        pytest.param(FAILED, {"failed": 1, "passed": 1}, id="failed"),
        pytest.param(EMPTY, {}, id="empty"),
        pytest.param(KILLED, {}, id="killed"),
        pytest.param(Ended("quiet", 0, "\x1b[32m2 passed\x1b[0m in 1.2s\n"), {"passed": 2}, id="quiet-in-colour"),
    ],
)
def test_closing_line_is_counted(ended: Ended, counts: dict[str, int]) -> None:
    assert ended.counts == counts


def test_lane_that_was_killed_says_so_instead_of_a_closing_line() -> None:
    assert KILLED.closing == "pytest ended with status -9 and no closing line"


@pytest.mark.parametrize(
    ("ended", "ci", "may_choose", "status"),
    [
        pytest.param([PASSED], "true", False, 0, id="passed"),
        pytest.param([PASSED, FAILED], "", False, 1, id="one-failed"),
        pytest.param([PASSED, KILLED], "", False, 1, id="one-killed"),
        pytest.param([PASSED, SKIPPED], "", False, 0, id="skipped"),
        pytest.param([PASSED, SKIPPED], "true", False, 1, id="skipped-in-ci"),
        pytest.param([PASSED, EMPTY], "", False, 1, id="one-empty"),
        pytest.param([PASSED, EMPTY], "", True, 0, id="one-empty-where-arguments-chose"),
        pytest.param([EMPTY], "", True, 1, id="all-empty"),
    ],
)
def test_status_of_all_lanes(
    ended: Sequence[Ended], ci: str, *, may_choose: bool, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    total = sum((one.counts for one in ended), Counter[str]())

    assert lanes._status(ended, total, may_choose=may_choose) == status


def test_sum_line_reads_like_one_of_pytest() -> None:
    total = PASSED.counts + FAILED.counts

    assert lanes._sum_line(total, 61.5).strip("=") == " 1 failed, 5 passed in 61.50s "


def test_lane_that_waits_for_its_turn_does_not_begin_after_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    def run(lane: Lane) -> Ended:
        begun.append(lane.name)
        if lane.name == "first":
            raise KeyboardInterrupt
        time.sleep(0.5)  # the others wait for this one meanwhile
        return PASSED

    monkeypatch.setattr(Lane, "run", run)

    with pytest.raises(KeyboardInterrupt):
        lanes._side_by_side([Lane(name, ()) for name in ("first", "second", "third", "fourth")], at_once=1)

    assert begun in (["first"], ["first", "second"])
