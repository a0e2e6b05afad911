"""A database that is restarted, killed, frozen, or whose answers are lost: what was promised is kept, and done once."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.account import Judge
from tests.faults.repeated import post, post_until_promised
from tests.faults.tcp_proxy import TcpProxy, tcp_proxy
from tests.faults.terminal_moves import watch_terminal_moves
from tests.journey.calls import call
from tests.journey.crowd import crowd
from tests.journey.deadline import eventually
from tests.journey.deployment import Deployment
from tests.journey.rows import Rows
from tests.journey.scene import Stage
from tests.journey.stacks import REDIS, SHORT_LEASES, stage_on, with_tails
from tests.journey.tokens import claims_for
from tests.servers.leaving_out import running
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.journey

FEW = 30
KEYED = 12
STORE_TIMEOUT_SECONDS = 3
BACK_WITHIN_SECONDS = 10
_VERIFIED = b"UPDATE sessions s SET"
_FETCHED = b"INSERT INTO attempts"
_KEYED = b"INSERT INTO repeats"
_COMMIT = b"COMMIT"


@pytest.fixture(scope="module")
def postgres(servers_folder: Path, pytestconfig: pytest.Config) -> Iterator[Postgres]:
    """Give a server to these tests alone, since it is harmed."""
    with running(Postgres.start, servers_folder / "postgres-harmed", pytestconfig.stash) as server:
        yield server
        server.resume()


@pytest.fixture(scope="module")
def _troubled_stage(
    postgres: Postgres, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    del postgres  # `stage_on` asks for it by its name
    with stage_on(REDIS, request, tmp_path_factory.mktemp("database"), SHORT_LEASES) as stage:
        watch_terminal_moves(stage.deployment)
        yield stage


@pytest.fixture
def troubled(_troubled_stage: Stage, request: pytest.FixtureRequest) -> Iterator[Stage]:
    yield from with_tails(_troubled_stage, request)


@pytest.mark.parametrize(
    "harm",
    [pytest.param(Postgres.restart, id="restarted"), pytest.param(Postgres.kill, marks=pytest.mark.long, id="killed")],
)
def test_database_restarted_under_load_loses_nothing(
    troubled: Stage, judge: Judge, postgres: Postgres, harm: Callable[[Postgres], None]
) -> None:
    with crowd(troubled) as arriving:
        arriving.grow(FEW)
        harm(postgres)
        postgres.restart()
        arriving.grow(FEW)

    assert set(arriving.turned_away) <= {"503"}
    judge.close_crowd(troubled, arriving, most_calls=2)


def test_database_frozen_is_refused_in_time_and_taken_up_again(troubled: Stage, postgres: Postgres) -> None:
    scene = troubled.scene()
    content = {"token": scene.signer.sign(claims_for(scene.campaign_id))}
    assert scene.play()["token"]["status"] == "accepted"

    postgres.pause()
    try:
        durations, refusals = [], []
        for _ in range(5):
            began_at = time.monotonic()
            refusals.append(scene.participants.post(scene.campaign_id, content))
            durations.append(time.monotonic() - began_at)
        live = call("GET", f"{troubled.deployment.admin_url}/health/live")
        ready = call("GET", f"{troubled.deployment.admin_url}/health/ready")
    finally:
        postgres.resume()
    eventually(lambda: scene.participants.post(scene.campaign_id, content).status == 202, BACK_WITHIN_SECONDS, "a 202")

    assert [(answer.status, answer.json()["code"]) for answer in refusals] == [(503, "store_unavailable")] * 5
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refusals)
    assert durations[0] < STORE_TIMEOUT_SECONDS + 1
    assert max(durations[1:]) < 1
    assert (live.status, ready.status) == (200, 503)
    assert scene.play()["token"]["status"] == "accepted"


def test_session_whose_commit_was_applied_while_the_ingress_saw_a_time_out_stands_once(
    troubled: Stage, judge: Judge, postgres: Postgres
) -> None:
    scene = troubled.scene()
    keys = [uuid.uuid4().hex for _ in range(KEYED)]
    tokens = [scene.signer.sign(claims_for(scene.campaign_id, form={"n": "1"})) for _ in keys]
    with _behind_a_proxy(troubled.deployment, "web", postgres) as proxy:
        proxy.swallow(_KEYED, 2, end=_COMMIT)

        statuses = [post(scene, *arrival).status for arrival in zip(keys, tokens, strict=True)]
        visits = [post_until_promised(scene, *arrival) for arrival in zip(keys, tokens, strict=True)]
        again = [post_until_promised(scene, *arrival) for arrival in zip(keys, tokens, strict=True)]

    ends = [scene.settle(visit)["prefill"]["status"] for visit in visits]
    stored = Rows(troubled.deployment).query("SELECT id FROM sessions WHERE campaign_id = :id", id=scene.campaign_id)
    assert proxy.swallowed == 2
    assert statuses[0] == 503
    assert ends == ["ready"] * KEYED
    assert [visit.id for visit in again] == [visit.id for visit in visits]
    assert sorted(visit.id for visit in visits) == sorted(id_ for (id_,) in stored)
    judge.close(troubled.name, troubled.deployment, [visit.id for visit in visits], 0, 0)


@pytest.mark.parametrize(
    ("role", "pattern", "end"),
    [
        pytest.param("verify", _VERIFIED, b"", marks=pytest.mark.long, id="verify"),
        pytest.param("fetch", _FETCHED, _COMMIT, id="fetch"),
    ],
)
def test_work_whose_write_was_applied_while_its_worker_saw_the_connection_break_is_done_once(
    troubled: Stage, judge: Judge, postgres: Postgres, role: str, pattern: bytes, end: bytes
) -> None:
    with _behind_a_proxy(troubled.deployment, role, postgres) as proxy, crowd(troubled) as arriving:
        proxy.swallow(pattern, 3, end=end, breaks=True)
        eventually(lambda: proxy.swallowed == 3, 20, "three answers swallowed")
        arriving.grow(FEW)

    judge.close_crowd(troubled, arriving, most_calls=1)
    fetched = [id_ for id_, (_, kind, _) in arriving.promised.items() if kind == "fetched"]
    made = Rows(troubled.deployment).query("SELECT session_id FROM attempts WHERE session_id IN :ids", ids=fetched)
    assert sorted(id_ for (id_,) in made) == sorted(fetched)


@contextmanager
def _behind_a_proxy(deployment: Deployment, role: str, server: Postgres) -> Iterator[TcpProxy]:
    """Let that role reach its database through a proxy until the end of the block."""
    with tcp_proxy("127.0.0.1", server.port) as proxy:
        url = deployment.settings["DATABASE_URL"].replace(f":{server.port}/", f":{proxy.port}/")
        deployment.role_settings = {role: {"DATABASE_URL": url, "STORE_TIMEOUT_SECONDS": "1"}}
        deployment.terminate(role)
        deployment.restart(role)
        try:
            yield proxy
        finally:
            deployment.role_settings = {}
            deployment.terminate(role)
            deployment.restart(role)
