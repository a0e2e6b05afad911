"""Clocks that are an hour off, of one process against the others': nothing is lost, and nobody is called twice.

Only on PostgreSQL: the processes of the embedded service share one machine, and so one clock.
"""

from collections.abc import Iterator

import pytest

from tests.faults.account import Judge
from tests.faults.conftest import Deploy
from tests.faults.faked_clock import Libfaketime
from tests.journey.crowd import crowd
from tests.journey.deadline import eventually
from tests.journey.rows import Rows
from tests.journey.scene import Stage
from tests.journey.stacks import REDIS
from tests.servers.leaving_out import running

pytestmark = pytest.mark.journey

FEW = 30
AHEAD, BEHIND = "+1h", "-1h"
_ENDS_WITHIN_SECONDS = 30.0


@pytest.fixture(scope="module")
def libfaketime(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Libfaketime]:
    with running(Libfaketime.start, tmp_path_factory.mktemp("clocks"), pytestconfig.stash) as library:
        yield library


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
        arriving.grow(FEW)
        arriving.leave()

        ids = list(arriving.promised)
        eventually(lambda: _are_terminal(stage, ids), _ENDS_WITHIN_SECONDS, "the ends of all sessions")
        judge.close(stage.name, stage.deployment, ids, arriving.scene.endpoint.count_calls(), _fetched(stage, ids))


def _are_terminal(stage: Stage, ids: list[str]) -> bool:
    return set(Rows(stage.deployment).stages(ids).values()) <= {"done", "dead"}


def _fetched(stage: Stage, ids: list[str]) -> int:
    """Count the sessions that a call was made for."""
    found = Rows(stage.deployment).query("SELECT DISTINCT session_id FROM attempts WHERE session_id IN :ids", ids=ids)
    return len(found)
