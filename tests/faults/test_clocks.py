"""Clocks that are an hour off, of one process against the others': nothing is lost, and nobody is called twice.

Only on PostgreSQL: the processes of the embedded service share one machine, and so one clock.
"""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.account import Judge
from tests.faults.conftest import Deploy
from tests.faults.faked_clock import Libfaketime
from tests.journey.crowd import crowd
from tests.journey.scene import Stage
from tests.journey.stacks import REDIS
from tests.servers.leaving_out import found

pytestmark = pytest.mark.journey

FEW = 30
AHEAD, BEHIND = "+1h", "-1h"
HOURS = {AHEAD: 1, BEHIND: -1}


@pytest.fixture(scope="module")
def libfaketime(pytestconfig: pytest.Config) -> Libfaketime:
    return found(Libfaketime.find, pytestconfig.stash)


@pytest.mark.parametrize(
    ("roles", "offset"),
    [
        pytest.param(("web",), AHEAD, marks=pytest.mark.long, id="ingress-ahead"),
        pytest.param(("web",), BEHIND, marks=pytest.mark.long, id="ingress-behind"),
        pytest.param(("verify",), AHEAD, marks=pytest.mark.long, id="verify-ahead"),
        pytest.param(("verify",), BEHIND, marks=pytest.mark.long, id="verify-behind"),
        pytest.param(("fetch",), AHEAD, marks=pytest.mark.long, id="fetch-ahead"),
        pytest.param(("fetch",), BEHIND, marks=pytest.mark.long, id="fetch-behind"),
        pytest.param(("verify2", "fetch2"), AHEAD, id="half-of-the-workers-ahead"),
        pytest.param(("verify2", "fetch2"), BEHIND, marks=pytest.mark.long, id="half-of-the-workers-behind"),
        pytest.param(("upkeep", "beat"), AHEAD, marks=pytest.mark.long, id="helpers-ahead"),
        pytest.param(("upkeep", "beat"), BEHIND, marks=pytest.mark.long, id="helpers-behind"),
    ],
)
def test_clock_an_hour_off_loses_nothing_and_calls_nobody_twice(
    deploy: Deploy, judge: Judge, libfaketime: Libfaketime, roles: tuple[str, ...], offset: str
) -> None:
    prefixes = {role: libfaketime.prefix(offset) for role in roles}
    with deploy(REDIS, prefixes=prefixes) as stage, crowd(stage) as arriving:
        for role in roles:
            if role.endswith("2"):
                stage.deployment.start_role(role)
        stage.deployment.wait_until_connected()
        arriving.grow(FEW)
        arriving.leave()

        judge.close_crowd(stage, arriving, most_calls=1)
        assert {role: _hours_off(stage, role) for role in roles} == dict.fromkeys(roles, HOURS[offset])


def _hours_off(stage: Stage, role: str) -> int:
    """Return how far the clock of a process is off, as the last line of its log tells."""
    lines = [line for line in stage.deployment.logs()[role].splitlines() if line.startswith("{")]
    said = datetime.fromisoformat(json.loads(lines[-1])["at"])
    return round((said - datetime.now(UTC)) / timedelta(hours=1))
