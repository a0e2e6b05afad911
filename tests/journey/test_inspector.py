"""The inspector on the real processes: it says what becomes of a session, and leaves no trace of the token anywhere."""

import json
from typing import Any

import pytest

from tests.journey import sinks
from tests.journey.rows import Rows
from tests.journey.scene import Scene, Stage
from tests.journey.tokens import Signer, claims_for

pytestmark = pytest.mark.journey


def inspect(stage: Stage, scene: Scene, token: str, **more: Any) -> dict[str, Any]:
    asked = {"partner_id": scene.partner_id, "campaign_id": scene.campaign_id, "token": token, **more}
    answer = stage.management.post("inspect", asked)
    assert answer.status == 200, str(answer)
    body: dict[str, Any] = answer.json()
    return body


def test_inspection_says_what_the_session_of_the_same_token_becomes(stage: Stage) -> None:
    scene, stranger = stage.scene(), Signer.stranger()
    claims = claims_for(scene.campaign_id)
    tokens = {
        "valid": scene.signer.sign({**claims, "form": {"firstname": "Ada"}, "limit": {"nb": 2}}),
        "stranger": stranger.sign(claims),
        "expired": scene.signer.sign({**claims, "exp": 1}),
        "elsewhere": scene.signer.sign({**claims, "campaignId": "another"}),
        "may not play": scene.signer.sign({**claims, "limit": {"canPlay": False}}),
        "embedded key": scene.signer.sign(claims, {"jwk": scene.signer.jwk}),
    }

    found = {name: inspect(stage, scene, token) for name, token in tokens.items()}
    sessions = {name: scene.settle(scene.bring(token)) for name, token in tokens.items()}

    for name, session in sessions.items():
        token, verdict = session["token"], found[name]["verdict"]
        assert (verdict["status"], verdict["reason"]) == (token["status"], token["reason"]), name
        assert found[name]["campaign"]["participation"] == session["participation"], name
        assert found[name]["campaign"]["prefill"]["form"] == list(session["prefill"]["form"]), name
    assert {name: verdict["verdict"]["reason"] for name, verdict in found.items()} == {
        "valid": None,
        "stranger": "signature_invalid",
        "expired": "token_expired",
        "elsewhere": "campaign_mismatch",
        "may not play": None,
        "embedded key": "token_malformed",
    }


def test_inspection_by_published_keys_knows_those_that_the_journey_knows(stage: Stage) -> None:
    scene = stage.scene(Signer.make("ES256", kid="2027-01"), method="jwks")
    assert scene.play()["token"]["status"] == "accepted"
    unknown = Signer("ES256", scene.signer.key, kid="2099-12").sign(claims_for(scene.campaign_id))

    known = inspect(stage, scene, scene.signer.sign(claims_for(scene.campaign_id)))
    waiting = inspect(stage, scene, unknown)

    assert known["verdict"] == {"status": "accepted", "reason": None}
    assert waiting["verdict"] == {"status": "pending", "reason": "kid_unknown"}
    assert scene.participants.read(scene.bring(unknown))["token"]["status"] == "pending"


def test_inspection_leaves_no_trace_and_a_dry_run_tells_no_value(stage: Stage) -> None:
    scene = stage.calling_scene({"authorization": {"from": "claim"}})
    scene.endpoint.answer = {"form": {"firstname": "inspected-canary-of-the-partner"}}
    claims = claims_for(
        scene.campaign_id,
        sub="inspected-canary-sub",
        access_token="inspected-canary-bearer",
        custom={"x": "inspected-canary-x"},
    )
    token = scene.signer.sign({**claims, "jti": "inspected-canary-jti"})
    before = Rows(stage.deployment).query("SELECT COUNT(*) FROM sessions")

    found = inspect(stage, scene, token, dry_run_prefill=True)
    inspect(stage, scene, f"{token[:-8]}AAAAAAAA")

    assert found["verdict"]["status"] == "accepted"
    assert (found["dry_run"]["status"], found["dry_run"]["form"]) == ("ready", ["firstname"])
    assert "inspected-canary-of-the-partner" not in json.dumps(found)
    assert scene.endpoint.count_calls() == 1
    assert Rows(stage.deployment).query("SELECT COUNT(*) FROM sessions") == before
    secrets = [b"inspected-canary-", *(part.encode() for part in token.split(".")[1:])]
    places = [
        place for place, content in sinks.everything_that_shows(stage) if any(each in content for each in secrets)
    ]
    assert places == []
