"""A broker that is frozen, killed, emptied or never heard: 202s come as fast, and sweeps find every session."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journey.deployment import ROLES
from tests.journey.scene import Stage
from tests.journey.stacks import REDIS, SHORT_LEASES, stage_on, with_tails
from tests.servers.redis import Redis

pytestmark = pytest.mark.journey

ARRIVALS = 20
SLOWEST_POST_SECONDS = 1.0
"""Less than the two seconds for which a broker is waited for: no request may wait for one."""


@pytest.fixture(scope="module")
def own_redis(servers_folder: Path, redis_server: Redis) -> Iterator[Redis]:
    del redis_server  # only so that a machine without Redis leaves these tests out as it does the others
    server = Redis.start(servers_folder / "redis-in-trouble")
    yield server
    server.resume()
    server.stop()


@pytest.fixture(scope="module")
def _troubled_stage(
    own_redis: Redis, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    settings = {**SHORT_LEASES, "BROKER_URL": own_redis.url}
    with stage_on(REDIS, request, tmp_path_factory.mktemp("troubled"), settings) as stage:
        yield stage


@pytest.fixture
def troubled(_troubled_stage: Stage, request: pytest.FixtureRequest) -> Iterator[Stage]:
    yield from with_tails(_troubled_stage, request)


@pytest.mark.parametrize(
    ("harm", "mend"),
    [
        pytest.param(Redis.pause, Redis.resume, id="frozen"),
        pytest.param(Redis.kill, Redis.restart, id="killed-and-restarted-empty"),
    ],
)
def test_sessions_of_a_broker_in_trouble_are_answered_as_fast_and_judged_by_sweeps(
    troubled: Stage, own_redis: Redis, harm: Callable[[Redis], None], mend: Callable[[Redis], None]
) -> None:
    before = troubled.calling_scene()
    assert before.play()["prefill"]["status"] == "ready"

    harm(own_redis)
    try:
        durations, sessions = _arrivals(troubled)
    finally:
        mend(own_redis)
    after = [before.play() for _ in range(3)]

    assert max(durations) < SLOWEST_POST_SECONDS
    assert [session["prefill"]["status"] for session in sessions] == ["ready"] * ARRIVALS
    assert [session["prefill"]["status"] for session in after] == ["ready"] * 3


def test_sessions_whose_hints_nobody_hears_are_judged_by_sweeps(
    own_redis: Redis, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = own_redis.url.rpartition("/")[0]
    deaf = {role: {"BROKER_URL": f"{server}/{number}"} for number, role in enumerate(ROLES, start=3)}

    with stage_on(REDIS, request, tmp_path_factory.mktemp("deaf"), SHORT_LEASES, deaf) as stage:
        durations, sessions = _arrivals(stage)

    assert max(durations) < SLOWEST_POST_SECONDS
    assert [session["prefill"]["status"] for session in sessions] == ["ready"] * ARRIVALS


def _arrivals(stage: Stage) -> tuple[list[float], list[dict[str, Any]]]:
    scene = stage.calling_scene()
    durations, visits = [], []
    for _ in range(ARRIVALS):
        began_at = time.monotonic()
        visits.append(scene.arrive())
        durations.append(time.monotonic() - began_at)
    return durations, [scene.settle(visit) for visit in visits]
