"""kill -9 in the middle of a replay: none of its dead letters is tried twice, none is left out."""

import pytest

from tests.journey.deadline import eventually
from tests.journey.replaying import RATE, bury, calls_by_person, finished, progress, start
from tests.journey.scene import Stage

pytestmark = pytest.mark.journey

MANY = 120


def test_upkeep_killed_in_the_middle_of_a_replay_resumes_without_a_double_or_a_gap(shaken: Stage) -> None:
    scene, visits = bury(shaken, MANY)

    replay_id = start(shaken, scene)
    for moved in range(RATE, 4 * RATE, RATE):
        wait_until_moved(shaken, replay_id, moved)
        shaken.deployment.kill("upkeep")
        shaken.deployment.restart("upkeep")
    in_the_middle = progress(shaken, replay_id)
    over = finished(shaken, replay_id)

    assert in_the_middle["left"] > 0
    assert (over["matched"], over["moved"], over["skipped"], over["left"]) == (MANY, MANY, 0, 0)
    assert (over["done"], over["dead"]) == (MANY, 0)
    assert calls_by_person(scene) == {f"person-{n}": 2 for n in range(MANY)}
    assert {scene.participants.read(visit)["prefill"]["status"] for visit in visits} == {"ready"}


@pytest.mark.long
def test_paused_replay_survives_a_restart_and_goes_on(shaken: Stage) -> None:
    scene, _ = bury(shaken, 3 * RATE)

    replay_id = start(shaken, scene)
    wait_until_moved(shaken, replay_id, 1)
    paused = shaken.management.post(f"replays/{replay_id}/pause", {}).json()
    shaken.deployment.kill("upkeep")
    shaken.deployment.restart("upkeep")
    eventually(lambda: not progress(shaken, replay_id)["waiting"], 30, "the calls that were released")
    still = progress(shaken, replay_id)
    shaken.management.post(f"replays/{replay_id}/resume", {})
    over = finished(shaken, replay_id)

    assert (still["state"], still["moved"]) == ("paused", paused["moved"])
    assert (over["moved"], over["done"]) == (3 * RATE, 3 * RATE)
    assert set(calls_by_person(scene).values()) == {2}


def wait_until_moved(stage: Stage, replay_id: str, moved: int) -> None:
    eventually(lambda: progress(stage, replay_id)["moved"] >= moved, 30, f"{moved} taken up")
