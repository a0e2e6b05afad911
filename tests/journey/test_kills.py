"""kill -9 under load: whatever dies, every session that was answered 202 ends once, and nobody is called too often."""

import pytest

from tests.journey.crowd import assert_promises_kept, crowd
from tests.journey.deadline import eventually
from tests.journey.partner_double import Fault
from tests.journey.rows import Rows
from tests.journey.scene import Stage

pytestmark = pytest.mark.journey

FEW = 40


@pytest.mark.parametrize(
    ("role", "most_calls"),
    [
        pytest.param("verify", 1, id="verify"),
        pytest.param("fetch", 2, id="fetch"),
        pytest.param("upkeep", 1, id="upkeep"),
    ],
)
def test_worker_group_killed_under_load_loses_nothing(shaken: Stage, role: str, most_calls: int) -> None:
    with crowd(shaken) as arriving:
        arriving.grow(FEW)
        shaken.deployment.kill(role)
        arriving.grow(FEW)
        shaken.deployment.restart(role)
        arriving.grow(FEW)

    assert arriving.turned_away == {}
    assert_promises_kept(shaken, arriving, most_calls)


def test_fetch_group_killed_in_the_middle_of_calls_repeats_each_once(shaken: Stage) -> None:
    with crowd(shaken, kinds=("fetched",), threads=2) as arriving:
        arriving.scene.endpoint.first = [Fault.LATE]
        arriving.grow(FEW)
        eventually(lambda: Rows(shaken.deployment).leased("fetch"), 10, "a call in flight")
        shaken.deployment.kill("fetch")
        shaken.deployment.restart("fetch")
        arriving.grow(FEW)

    assert_promises_kept(shaken, arriving, most_calls=2)


def test_verify_child_killed_under_load_loses_nothing(shaken: Stage) -> None:
    with crowd(shaken) as arriving:
        for _ in range(3):
            arriving.grow(FEW // 2)
            shaken.deployment.kill_child("verify")
        arriving.grow(FEW)

    assert_promises_kept(shaken, arriving, most_calls=1)


def test_verify_main_process_killed_alone_leaves_nothing_running_and_loses_nothing(shaken: Stage) -> None:
    with crowd(shaken) as arriving:
        arriving.grow(FEW)
        shaken.deployment.kill_main("verify")
        arriving.grow(FEW)
        shaken.deployment.restart("verify")
        arriving.grow(FEW)

    assert_promises_kept(shaken, arriving, most_calls=1)
    eventually(lambda: not shaken.deployment.left_behind(), 15, "the end of the orphans")


def test_ingress_killed_right_after_a_202_keeps_the_session(shaken: Stage) -> None:
    scene = shaken.scene()

    visit = scene.arrive(form={"firstname": "Ada"})
    shaken.deployment.kill("web")
    shaken.deployment.restart("web")

    assert scene.settle(visit)["prefill"]["form"] == {"firstname": "Ada"}


def test_ingress_killed_under_load_loses_no_session_that_it_answered(shaken: Stage) -> None:
    with crowd(shaken) as arriving:
        for _ in range(2):
            arriving.grow(FEW)
            shaken.deployment.kill("web")
            shaken.deployment.restart("web")
        arriving.grow(FEW)

    assert arriving.turned_away["no answer"] > 0
    assert set(arriving.turned_away) == {"no answer"}
    assert_promises_kept(shaken, arriving, most_calls=1)


def test_every_process_killed_at_once_loses_nothing(shaken: Stage) -> None:
    roles = ("web", "verify", "fetch", "upkeep", "beat")
    with crowd(shaken) as arriving:
        arriving.grow(FEW)
        for role in roles:
            shaken.deployment.kill(role)
        for role in roles:
            shaken.deployment.restart(role)
        arriving.grow(FEW)

    assert_promises_kept(shaken, arriving, most_calls=2)
