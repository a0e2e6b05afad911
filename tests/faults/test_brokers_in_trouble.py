"""A broker that is killed, emptied, frozen, or whose hints are lost or repeated: 202s come as fast, nothing is lost."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.account import Judge
from tests.faults.conftest import Deploy
from tests.faults.sabotage import prefix
from tests.faults.terminal_moves import watch_terminal_moves
from tests.journey.crowd import Crowd, crowd
from tests.journey.deployment import ROLES
from tests.journey.scene import Stage
from tests.journey.stacks import EMBEDDED, RABBITMQ, REDIS, SHORT_LEASES, stage_on, with_tails
from tests.servers.leaving_out import running
from tests.servers.rabbitmq import RabbitMQ
from tests.servers.redis import Redis

pytestmark = pytest.mark.journey

FEW = 30
SLOWEST_POST_SECONDS = 1.0
"""Less than the two seconds for which a broker is waited for: no request may wait for one."""
LONG_FREEZE_SECONDS = 30.0


@pytest.fixture(scope="module")
def redis_server(servers_folder: Path, pytestconfig: pytest.Config) -> Iterator[Redis]:
    """Give a server to these tests alone, since it is harmed."""
    with running(Redis.start, servers_folder / "redis-in-trouble", pytestconfig.stash) as server:
        yield server
        server.resume()


@pytest.fixture(scope="module")
def rabbitmq(servers_folder: Path, pytestconfig: pytest.Config) -> Iterator[RabbitMQ]:
    """Give a server to these tests alone, since it is harmed."""
    with running(RabbitMQ.start, servers_folder / "rabbitmq-in-trouble", pytestconfig.stash) as server:
        yield server
        server.resume()


@pytest.fixture(scope="module", params=(REDIS, pytest.param(RABBITMQ, marks=pytest.mark.long)))
def _troubled_stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage_on(request.param, request, tmp_path_factory.mktemp("troubled"), SHORT_LEASES) as stage:
        watch_terminal_moves(stage.deployment)
        yield stage


@pytest.fixture
def troubled(_troubled_stage: Stage, request: pytest.FixtureRequest) -> Iterator[Stage]:
    yield from with_tails(_troubled_stage, request)


Broker = Redis | RabbitMQ
Harm = Callable[[Broker], None]


def _freeze(broker: Broker) -> None:
    broker.pause()


def _wake(broker: Broker) -> None:
    broker.resume()


def _kill(broker: Broker) -> None:
    broker.kill()


def _restart_empty(broker: Broker) -> None:
    match broker:
        case Redis():  # which keeps nothing
            broker.restart()
        case RabbitMQ():
            broker.restart(empty=True)


@pytest.mark.timed
@pytest.mark.parametrize(
    ("harm", "mend", "seconds"),
    [
        pytest.param(_freeze, _wake, 0.0, id="frozen"),
        pytest.param(_kill, _restart_empty, 0.0, id="killed-and-restarted-empty"),
        pytest.param(_freeze, _wake, LONG_FREEZE_SECONDS, marks=pytest.mark.long, id="frozen-for-half-a-minute"),
    ],
)
def test_broker_in_trouble_delays_no_202_and_loses_nothing(
    troubled: Stage, judge: Judge, harm: Harm, mend: Harm, seconds: float
) -> None:
    broker: Any = troubled.broker
    with crowd(troubled) as arriving:
        arriving.grow(FEW)
        harm(broker)
        harmed_at = time.monotonic()
        try:
            arriving.grow(FEW)
            while time.monotonic() - harmed_at < seconds:
                arriving.grow(1)
            settled = [arriving.scene.participants.settle(visit) for visit, *_ in _last(arriving)]
        finally:
            mend(broker)
        arriving.grow(FEW)

    assert all(session["settled"] for session in settled)
    assert arriving.slowest_seconds < SLOWEST_POST_SECONDS
    assert arriving.turned_away == {}
    judge.close_crowd(troubled, arriving, most_calls=1)


@pytest.mark.timed
def test_hints_that_nobody_hears_delay_no_202_and_sweeps_find_every_session(
    deploy: Deploy, judge: Judge, redis_server: Redis
) -> None:
    deaf = {role: {"BROKER_URL": redis_server.create_database()} for role in ROLES}

    with deploy(REDIS, role_settings=deaf) as stage, crowd(stage) as arriving:
        arriving.grow(3 * FEW)
        arriving.leave()

        judge.close_crowd(stage, arriving, most_calls=1)
        assert arriving.slowest_seconds < SLOWEST_POST_SECONDS


@pytest.mark.parametrize(
    "stack",
    [
        pytest.param(EMBEDDED, id=EMBEDDED),
        pytest.param(REDIS, marks=pytest.mark.long, id=REDIS),
        pytest.param(RABBITMQ, marks=pytest.mark.long, id=RABBITMQ),
    ],
)
def test_every_hint_sent_three_times_does_nothing_twice(
    deploy: Deploy, judge: Judge, tmp_path: Path, stack: str
) -> None:
    sent = tmp_path / "hints"
    prefixes = {role: prefix("thrice", sent) for role in ROLES}

    with deploy(stack, prefixes=prefixes) as stage, crowd(stage) as arriving:
        arriving.grow(3 * FEW)
        arriving.leave()

        judge.close_crowd(stage, arriving, most_calls=1)
        hints = sent.read_text().splitlines()
        assert {"sessions.verify_due", "sessions.fetch_due"} <= set(hints)


def _last(arrived: Crowd) -> list[Any]:
    return list(arrived.promised.values())[-FEW // 3 :]
