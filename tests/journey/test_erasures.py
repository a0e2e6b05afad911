"""A participant deleted: under the hands of a worker that calls for it, and with no trace of the name."""

from urllib.parse import quote

import pytest

from tests.journey import sinks
from tests.journey.calls import Answer, call
from tests.journey.client import Visit
from tests.journey.deadline import eventually
from tests.journey.partner_double import Fault
from tests.journey.rows import Rows
from tests.journey.scene import Scene, Stage

pytestmark = pytest.mark.journey

SUB = "canary/person+to be@forgotten"


def delete(stage: Stage, scene: Scene, query: str = "") -> Answer:
    """Delete the participant of the tests."""
    url = f"{stage.deployment.url}/v1/partners/{scene.partner_id}/participants/{quote(SUB, safe='')}{query}"
    return call("DELETE", url, stage.management.headers())


def play(scene: Scene, visit: Visit) -> Answer:
    """Record a participation."""
    url = f"{scene.participants.url}/v1/sessions/{visit.id}/participations"
    return call("POST", url, {"Authorization": f"Bearer {visit.key}"}, b"")


def test_participant_is_deleted_while_a_worker_calls_its_partner(stage: Stage) -> None:
    scene = stage.calling_scene()
    scene.endpoint.first = [Fault.LATE]
    visit, other = scene.arrive(sub=SUB), scene.arrive(sub="somebody-else")
    eventually(lambda: scene.endpoint.calls.get(SUB), 10, "a call that is under way")

    deleted = delete(stage, scene).json()

    assert (deleted["sessions"], deleted["left"]) == (1, 0)
    assert scene.participants.get(visit).status == 404
    assert scene.settle(other)["prefill"]["status"] == "ready"
    assert Rows(stage.deployment).stages([visit.id]) == {}
    assert delete(stage, scene).json()["sessions"] == 0


def test_participant_who_was_deleted_is_named_nowhere_and_still_counts(stage: Stage) -> None:
    scene = stage.scene(campaign={"single_use": True})
    visit = scene.arrive(sub=SUB, jti="once", limit={"nb": 1})
    scene.settle(visit)
    played = play(scene, visit)

    deleted = delete(stage, scene).json()
    again = scene.play(sub=SUB, jti="twice", limit={"nb": 1})

    assert played.status == 201
    assert (deleted["sessions"], deleted["participations"], deleted["used_tokens"]) == (1, 1, 1)
    assert again["participation"]["reason"] == "limit_reached"
    names = SUB.encode(), quote(SUB, safe="").encode()
    shown = [place for place, content in sinks.everything_that_shows(stage) if any(name in content for name in names)]
    assert shown == []


def test_participant_whose_plays_are_forgotten_may_play_anew(stage: Stage) -> None:
    scene = stage.scene()
    visit = scene.arrive(sub=SUB, limit={"nb": 1})
    scene.settle(visit)
    assert play(scene, visit).status == 201

    deleted = delete(stage, scene, "?plays=forget").json()

    assert (deleted["participations"], deleted["plays"]) == (1, "forgotten")
    assert scene.play(sub=SUB, limit={"nb": 1})["participation"] == {"allowed": True, "reason": None, "remaining": 1}
