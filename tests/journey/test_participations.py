"""Playing, on the running service: the limit holds whoever plays at once, and a token of single use counts once."""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.journey.calls import Answer, call
from tests.journey.client import Visit
from tests.journey.scene import Scene, Stage
from tests.journey.tokens import claims_for

pytestmark = pytest.mark.journey


def _play(scene: Scene, visit: Visit, headers: Mapping[str, str] | None = None) -> Answer:
    url = f"{scene.participants.url}/v1/sessions/{visit.id}/participations"
    return call("POST", url, {"Authorization": f"Bearer {visit.key}", **(headers or {})}, b"")


def test_participations_of_ten_sessions_at_once_are_as_many_as_the_limit_allows(stage: Stage) -> None:
    scene = stage.scene()
    visits = [scene.arrive(sub="ada", limit={"nb": 3}) for _ in range(10)]
    for visit in visits:
        scene.settle(visit)

    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda visit: _play(scene, visit), visits))

    assert Counter(answer.status for answer in answers) == {201: 3, 409: 7}
    bodies = [answer.json() for answer in answers]
    assert sorted(body["used"] for body in bodies if "used" in body) == [1, 2, 3]
    assert {body["code"] for body in bodies if "code" in body} == {"limit_reached"}
    session = scene.play(sub="ada", limit={"nb": 3})
    assert session["participation"] == {"allowed": False, "reason": "limit_reached", "remaining": 0}


def test_participation_requested_again_counts_once(stage: Stage) -> None:
    scene = stage.scene()
    visit = scene.arrive(limit={"nb": 2})
    scene.settle(visit)

    answers = [_play(scene, visit, {"Idempotency-Key": "tap"}) for _ in range(2)]

    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["remaining"] == 1


def test_token_of_single_use_is_used_up_by_playing_and_not_by_loading(stage: Stage) -> None:
    scene = stage.scene(campaign={"single_use": True})
    token = scene.signer.sign(claims_for(scene.campaign_id, jti="mail-1"))
    loaded, played = scene.bring(token), scene.bring(token)
    for visit in (loaded, played):
        assert scene.settle(visit)["token"]["status"] == "accepted"

    statuses = [_play(scene, visit).status for visit in (played, loaded, played)]

    assert statuses == [201, 409, 201]
    assert scene.settle(scene.bring(token))["token"]["reason"] == "token_reused"
