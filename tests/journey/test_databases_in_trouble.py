"""A database that is restarted or frozen under load: refusals come at once, and what was answered 202 is kept."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journey.calls import call
from tests.journey.crowd import assert_promises_kept, crowd
from tests.journey.deadline import eventually
from tests.journey.scene import Stage
from tests.journey.stacks import REDIS, SHORT_LEASES, stage_on, with_tails
from tests.journey.tokens import claims_for
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.journey

FEW = 30
STORE_TIMEOUT_SECONDS = 3
BACK_WITHIN_SECONDS = 10


@pytest.fixture(scope="module")
def own_postgres(servers_folder: Path, postgres: Postgres) -> Iterator[Postgres]:
    del postgres  # only so that a machine without PostgreSQL leaves these tests out as it does the others
    server = Postgres.start(servers_folder / "postgres-in-trouble")
    yield server
    server.resume()
    server.stop()


@pytest.fixture(scope="module")
def _troubled_stage(
    own_postgres: Postgres, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    settings = {**SHORT_LEASES, "DATABASE_URL": own_postgres.create_database()}
    with stage_on(REDIS, request, tmp_path_factory.mktemp("databases"), settings) as stage:
        yield stage


@pytest.fixture
def troubled(_troubled_stage: Stage, request: pytest.FixtureRequest) -> Iterator[Stage]:
    yield from with_tails(_troubled_stage, request)


def test_database_restarted_under_load_loses_nothing(troubled: Stage, own_postgres: Postgres) -> None:
    with crowd(troubled) as arriving:
        arriving.grow(FEW)
        own_postgres.restart()
        arriving.grow(FEW)

    assert set(arriving.turned_away) <= {"503"}
    assert_promises_kept(troubled, arriving, most_calls=2)


def test_database_frozen_is_refused_in_time_and_taken_up_again(troubled: Stage, own_postgres: Postgres) -> None:
    scene = troubled.scene()
    content = {"token": scene.signer.sign(claims_for(scene.campaign_id))}
    assert scene.play()["token"]["status"] == "accepted"

    own_postgres.pause()
    try:
        durations, refusals = [], []
        for _ in range(5):
            began_at = time.monotonic()
            refusals.append(scene.participants.post(scene.campaign_id, content))
            durations.append(time.monotonic() - began_at)
        live = call("GET", f"{troubled.deployment.admin_url}/health/live")
        ready = call("GET", f"{troubled.deployment.admin_url}/health/ready")
    finally:
        own_postgres.resume()
    eventually(lambda: scene.participants.post(scene.campaign_id, content).status == 202, BACK_WITHIN_SECONDS, "a 202")

    assert [(answer.status, answer.json()["code"]) for answer in refusals] == [(503, "store_unavailable")] * 5
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refusals)
    assert durations[0] < STORE_TIMEOUT_SECONDS + 1
    assert max(durations[1:]) < 1
    assert (live.status, ready.status) == (200, 503)
    assert scene.play()["token"]["status"] == "accepted"
