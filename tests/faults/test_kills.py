"""kill -9 under load: whatever dies, every session that was answered 202 ends once, and nobody is called too often."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tests.faults.account import Judge
from tests.faults.repeated import post_until_promised
from tests.journey.calls import call
from tests.journey.crowd import crowd
from tests.journey.deadline import eventually
from tests.journey.deployment import Deployment
from tests.journey.partner_double import Fault
from tests.journey.rows import Rows
from tests.journey.scene import Stage
from tests.journey.tokens import claims_for

pytestmark = pytest.mark.journey

FEW = 30


@pytest.mark.parametrize(
    ("role", "most_calls"),
    [
        pytest.param("verify", 1, id="verify"),
        pytest.param("fetch", 2, id="fetch"),
        pytest.param("upkeep", 1, marks=pytest.mark.long, id="upkeep"),
    ],
)
def test_worker_group_killed_under_load_loses_nothing(shaken: Stage, judge: Judge, role: str, most_calls: int) -> None:
    with crowd(shaken) as arriving:
        arriving.grow(FEW)
        shaken.deployment.kill(role)
        arriving.grow(FEW)
        shaken.deployment.restart(role)
        arriving.grow(FEW)

    assert arriving.turned_away == {}
    judge.close_crowd(shaken, arriving, most_calls=most_calls)


@pytest.mark.long
def test_fetch_group_killed_in_the_middle_of_calls_repeats_each_once(shaken: Stage, judge: Judge) -> None:
    with crowd(shaken, kinds=("fetched",), threads=2) as arriving:
        arriving.scene.endpoint.first = [Fault.LATE]
        arriving.grow(FEW)
        eventually(lambda: Rows(shaken.deployment).leased("fetch"), 10, "a call in flight")
        shaken.deployment.kill("fetch")
        shaken.deployment.restart("fetch")
        arriving.grow(FEW)

    judge.close_crowd(shaken, arriving, most_calls=2)


@pytest.mark.long
def test_verify_child_killed_under_load_loses_nothing(shaken: Stage, judge: Judge) -> None:
    with crowd(shaken) as arriving:
        for _ in range(3):
            arriving.grow(FEW // 2)
            shaken.deployment.kill_child("verify")
        arriving.grow(FEW)

    judge.close_crowd(shaken, arriving, most_calls=1)


@pytest.mark.long
def test_verify_main_process_killed_alone_leaves_nothing_running_and_loses_nothing(shaken: Stage, judge: Judge) -> None:
    with crowd(shaken) as arriving:
        arriving.grow(FEW)
        shaken.deployment.kill_main("verify")
        arriving.grow(FEW)
        shaken.deployment.restart("verify")
        arriving.grow(FEW)

    judge.close_crowd(shaken, arriving, most_calls=1)
    eventually(lambda: not shaken.deployment.left_behind(), 15, "the end of the orphans")


def test_ingress_killed_right_after_a_202_keeps_the_session(shaken: Stage) -> None:
    scene = shaken.scene()

    visit = scene.arrive(form={"firstname": "Ada"})
    shaken.deployment.kill("web")
    shaken.deployment.restart("web")

    assert scene.settle(visit)["prefill"]["form"] == {"firstname": "Ada"}


def test_ingress_killed_in_mid_flush_keeps_what_it_answers_and_makes_no_session_twice(
    shaken: Stage, judge: Judge
) -> None:
    scene = shaken.scene()
    arrivals = [(uuid.uuid4().hex, scene.signer.sign(claims_for(scene.campaign_id))) for _ in range(FEW)]
    with ThreadPoolExecutor(FEW) as threads:
        with _commits_held_up(shaken.deployment):
            visits = [threads.submit(post_until_promised, scene, *arrival) for arrival in arrivals]
            eventually(lambda: _commit_queue(shaken.deployment) >= FEW // 2, 10, "a flush")
            shaken.deployment.kill("web")
        shaken.deployment.restart("web")
        promised = [visit.result() for visit in visits]
        again = [post_until_promised(scene, *arrival) for arrival in arrivals]

    for visit in promised:
        scene.settle(visit)
    stored = Rows(shaken.deployment).query("SELECT id FROM sessions WHERE campaign_id = :id", id=scene.campaign_id)
    assert [visit.id for visit in again] == [visit.id for visit in promised]
    assert {visit.id for visit in promised} == {id_ for (id_,) in stored}
    judge.close(shaken.name, shaken.deployment, [visit.id for visit in promised], 0, 0)


@pytest.mark.long
def test_ingress_killed_under_load_loses_no_session_that_it_answered(shaken: Stage, judge: Judge) -> None:
    with crowd(shaken) as arriving:
        for _ in range(2):
            arriving.grow(FEW)
            shaken.deployment.kill("web")
            shaken.deployment.restart("web")
        arriving.grow(FEW)

    assert arriving.turned_away["no answer"] > 0
    assert set(arriving.turned_away) == {"no answer"}
    judge.close_crowd(shaken, arriving, most_calls=1)


def test_every_process_killed_at_once_loses_nothing(shaken: Stage, judge: Judge) -> None:
    roles = ("web", "verify", "fetch", "upkeep", "beat")
    with crowd(shaken) as arriving:
        arriving.grow(FEW)
        for role in roles:
            shaken.deployment.kill(role)
        for role in roles:
            shaken.deployment.restart(role)
        arriving.grow(FEW)

    judge.close_crowd(shaken, arriving, most_calls=2)


@contextmanager
def _commits_held_up(deployment: Deployment) -> Iterator[None]:
    """Lock the sessions against whoever writes, until the end of the block."""
    engine = create_engine(deployment.database_url, poolclass=NullPool)
    is_sqlite = deployment.database_url.startswith("sqlite")
    with engine.connect() as connection:
        connection.execute(text("BEGIN IMMEDIATE" if is_sqlite else "LOCK TABLE sessions IN SHARE MODE"))
        yield
        connection.rollback()


def _commit_queue(deployment: Deployment) -> float:
    """Return how many requests wait for their commit."""
    lines = call("GET", f"{deployment.admin_url}/metrics").body.decode().splitlines()
    return next(float(line.split()[-1]) for line in lines if "commit_queue" in line and not line.startswith("#"))
