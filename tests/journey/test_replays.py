"""Dead letters tried again: a late prefill reaches the form, what fails again stays dead."""

import pytest

from tests.journey.partner_double import Fault
from tests.journey.replaying import bury, calls_by_person, finished, start
from tests.journey.rows import Rows
from tests.journey.scene import Stage

pytestmark = pytest.mark.journey


def test_late_prefill_reaches_a_form_step_that_is_still_open(stage: Stage) -> None:
    scene, [visit] = bury(stage, 1)
    before = scene.settle(visit)["prefill"]

    replay_id = start(stage, scene)
    finished(stage, replay_id)

    after = scene.participants.read(visit)["prefill"]
    assert (before["status"], before["reason"]) == ("unavailable", "http_4xx")
    assert (after["status"], after["source"], after["form"]) == ("ready", "partner", {"firstname": "Ada"})
    events = stage.management.get(f"sessions/{visit.id}/timeline").json()["events"]
    assert [event["event"] for event in events] == [
        "received",
        "verified",
        "attempted",
        "read",
        "replayed",
        "attempted",
        "saved",
    ]


def test_dry_run_tells_what_would_be_passed_over_and_calls_nobody(stage: Stage) -> None:
    scene, [visit] = bury(stage, 1)
    order = {"filter": {"partner_id": scene.partner_id}, "dry_run": True}

    counted = stage.management.post("replays", order).json()

    assert counted == {
        "replay_id": None,
        "matched": 1,
        "skipped": 1,
        "by_error_class": {"http_4xx": 1},
        "by_skip_reason": {"final_class": 1},
    }
    assert Rows(stage.deployment).stage(visit.id) == "dead"
    assert scene.endpoint.count_calls() == 1


def test_replay_that_fails_again_does_not_go_round(stage: Stage) -> None:
    scene, visits = bury(stage, 5)
    scene.endpoint.then = Fault.NOT_FOUND

    over = finished(stage, start(stage, scene))

    assert (over["moved"], over["dead"], over["done"]) == (5, 5, 0)
    assert set(calls_by_person(scene).values()) == {2}
    assert set(Rows(stage.deployment).stages([visit.id for visit in visits]).values()) == {"dead"}
