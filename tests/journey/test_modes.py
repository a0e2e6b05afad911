"""What a campaign's mode makes of a refused token, and of none."""

import pytest

from tests.journey.scene import Stage

pytestmark = pytest.mark.journey

EXPIRED = {"exp": 1_000_000_000}


@pytest.mark.parametrize(
    ("mode", "participation"),
    [
        pytest.param("optional", {"allowed": True, "reason": None, "remaining": None}, id="optional"),
        pytest.param(
            "report_only",
            {"allowed": True, "reason": "token_rejected", "remaining": None, "enforced": False},
            id="report_only",
        ),
    ],
)
def test_session_of_a_refused_token_plays_in_a_lenient_mode(
    stage: Stage, mode: str, participation: dict[str, object]
) -> None:
    scene = stage.scene(campaign={"mode": mode})

    session = scene.play(**EXPIRED)

    assert session["token"] == {"status": "rejected", "reason": "token_expired", "encrypted": False}
    assert session["participation"] == participation
    assert session["prefill"]["status"] == "none"
    assert session["screen"] is None


@pytest.mark.parametrize(
    ("mode", "participation"),
    [
        pytest.param("optional", {"allowed": False, "reason": "not_eligible", "remaining": None}, id="optional"),
        pytest.param(
            "report_only",
            {"allowed": True, "reason": "not_eligible", "remaining": None, "enforced": False},
            id="report_only",
        ),
    ],
)
def test_session_of_a_barred_participant_is_decided_by_the_mode(
    stage: Stage, mode: str, participation: dict[str, object]
) -> None:
    scene = stage.scene(campaign={"mode": mode})

    session = scene.play(limit={"canPlay": False})

    assert session["token"]["status"] == "accepted"
    assert session["participation"] == participation
    assert (session["screen"] is None) is participation["allowed"]


@pytest.mark.parametrize(
    "mode", [pytest.param("optional", id="optional"), pytest.param("report_only", id="report_only")]
)
def test_session_without_a_token_is_anonymous_at_once(stage: Stage, mode: str) -> None:
    scene = stage.scene(campaign={"mode": mode})

    session = scene.participants.read(scene.bring(None))

    assert session["settled"] is True
    assert session["token"] == {"status": "anonymous", "reason": None, "encrypted": False}
    assert session["participation"]["allowed"] is True
    assert session["prefill"] == {
        "status": "none",
        "source": None,
        "reason": None,
        "form": {},
        "optin": {},
        "warnings": [],
    }


def test_session_without_a_token_is_refused_where_one_is_required(stage: Stage) -> None:
    scene = stage.scene()

    answer = scene.participants.post(scene.campaign_id, {})

    assert (answer.status, answer.json()["code"]) == (422, "token_missing")
