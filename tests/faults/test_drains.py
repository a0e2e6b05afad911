"""SIGTERM under load: each process finishes what it holds, gives back its leases and ends with status 0."""

import threading
import time
from typing import Any

import pytest

from tests.faults.account import Judge
from tests.journey.calls import call
from tests.journey.crowd import crowd
from tests.journey.deadline import eventually
from tests.journey.partner_double import Fault
from tests.journey.rows import Rows
from tests.journey.scene import Stage

pytestmark = pytest.mark.journey

FEW = 30


@pytest.mark.long
def test_verify_worker_terminated_under_load_leaves_no_lease_and_loses_nothing(shaken: Stage, judge: Judge) -> None:
    with crowd(shaken) as arriving:
        arriving.grow(FEW)
        status = shaken.deployment.terminate("verify")
        leased = Rows(shaken.deployment).leased("verify")
        shaken.deployment.restart("verify")
        arriving.grow(FEW)

    assert (status, leased) == (0, 0)
    judge.close_crowd(shaken, arriving, most_calls=1)


@pytest.mark.long
def test_fetch_worker_terminated_with_calls_in_flight_finishes_them(shaken: Stage, judge: Judge) -> None:
    with crowd(shaken, kinds=("fetched",), threads=2) as arriving:
        arriving.scene.endpoint.first = [Fault.LATE]
        arriving.grow(FEW)
        eventually(lambda: Rows(shaken.deployment).leased("fetch"), 10, "a call in flight")
        status = shaken.deployment.terminate("fetch")
        leased = Rows(shaken.deployment).leased("fetch")
        shaken.deployment.restart("fetch")

    assert (status, leased) == (0, 0)
    judge.close_crowd(shaken, arriving, most_calls=1)


@pytest.mark.long
@pytest.mark.parametrize("role", [pytest.param("upkeep", id="upkeep"), pytest.param("beat", id="beat")])
def test_helper_process_terminated_under_load_ends_well(shaken: Stage, judge: Judge, role: str) -> None:
    with crowd(shaken) as arriving:
        arriving.grow(FEW)
        status = shaken.deployment.terminate(role)
        arriving.grow(FEW)
        shaken.deployment.restart(role)

    assert status == 0
    judge.close_crowd(shaken, arriving, most_calls=1)


@pytest.mark.long
def test_ingress_terminated_under_load_answers_what_it_took_in(shaken: Stage, judge: Judge) -> None:
    with crowd(shaken) as arriving:
        arriving.grow(FEW)
        status = shaken.deployment.terminate("web")
        shaken.deployment.restart("web")
        arriving.grow(FEW)

    assert status == 0
    assert set(arriving.turned_away) <= {"no answer", "503"}
    judge.close_crowd(shaken, arriving, most_calls=1)


def test_ingress_terminated_during_a_long_poll_answers_it_at_once(shaken: Stage) -> None:
    scene = shaken.calling_scene({"timeout_seconds": 5}, campaign={"prefill_deadline_seconds": 60})
    scene.endpoint.then = Fault.SLOW
    visit = scene.arrive()
    eventually(scene.endpoint.count_calls, 10, "a call in flight")
    answers: list[dict[str, Any]] = []
    poll = threading.Thread(target=lambda: answers.append(scene.participants.read(visit, wait=25)))
    poll.start()
    metrics = f"{shaken.deployment.admin_url}/metrics"
    eventually(lambda: _polls(metrics), 5, "a long poll")

    began_at = time.monotonic()
    status = shaken.deployment.terminate("web")
    poll.join()
    shaken.deployment.restart("web")

    assert status == 0
    assert time.monotonic() - began_at < 10
    assert [answer["settled"] for answer in answers] == [False]


def _polls(url: str) -> bool:
    lines = call("GET", url).body.decode().splitlines()
    return any("long_polls" in line and not line.startswith("#") and float(line.split()[-1]) > 0 for line in lines)
