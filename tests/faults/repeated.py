"""A participant whose request is repeated under its idempotency key until it is promised something."""

from tests.journey.calls import Answer
from tests.journey.client import Visit
from tests.journey.deadline import eventually
from tests.journey.scene import Scene

_PROMISED_WITHIN_SECONDS = 30.0


def post(scene: Scene, key: str, token: str) -> Answer:
    """Open a session under that idempotency key, whatever the answer."""
    return scene.participants.post(scene.campaign_id, {"token": token}, {"Idempotency-Key": key})


def post_until_promised(scene: Scene, key: str, token: str) -> Visit:
    """Open it again and again until the answer is 202, and return what was promised."""

    def look() -> Visit | None:
        answer = post(scene, key, token)
        if answer.status != 202:
            return None
        body = answer.json()
        return Visit(body["session_id"], body["session_key"], scene.campaign_id)

    return eventually(look, _PROMISED_WITHIN_SECONDS, "a promise")
