"""The prefill: from the token, or from a partner's API that answers, fails, hangs or lies."""

import time
from typing import Any

import pytest

from tests.journey.deadline import eventually
from tests.journey.partner_double import Fault
from tests.journey.rows import Rows
from tests.journey.scene import Stage

pytestmark = pytest.mark.journey

MAPPING = {"form": {"firstname": "profile.given_name", "city": "profile.city"}, "optin": {"news": "consents.news"}}
NO_PREFILL: dict[str, object] = {
    "status": "none",
    "source": None,
    "reason": None,
    "form": {},
    "optin": {},
    "warnings": [],
}


def unavailable(reason: str) -> dict[str, object]:
    return {"status": "unavailable", "source": None, "reason": reason, "form": {}, "optin": {}, "warnings": []}


def test_prefill_in_the_token_is_ready_and_no_partner_is_called(stage: Stage) -> None:
    scene = stage.calling_scene()

    session = scene.play(form={"firstname": "Ada", "age": 36, "nick": None, "list": [1]}, optin={"news": True, "x": 0})

    assert session["prefill"] == {
        "status": "ready",
        "source": "token",
        "reason": None,
        "form": {"firstname": "Ada", "age": "36"},
        "optin": {"news": "1", "x": "0"},
        "warnings": ["form.list: value_unusable"],
    }
    assert scene.endpoint.count_calls() == 0


def test_prefill_without_form_and_without_api_is_none(stage: Stage) -> None:
    scene = stage.scene()

    session = scene.play()

    assert session["prefill"] == NO_PREFILL


def test_prefill_from_the_partner_is_mapped_and_carries_the_claim_as_bearer(stage: Stage) -> None:
    scene = stage.calling_scene({"authorization": {"from": "claim"}, "mapping": MAPPING})
    scene.endpoint.answer = {"profile": {"given_name": "Grace", "city": "Paris"}, "consents": {"news": False}}

    session = scene.play(sub="person/1 é", access_token="at-4711")

    assert session["prefill"] == {
        "status": "ready",
        "source": "partner",
        "reason": None,
        "form": {"firstname": "Grace", "city": "Paris"},
        "optin": {"news": "0"},
        "warnings": [],
    }
    assert scene.endpoint.calls == {"person/1 é": ["Bearer at-4711"]}


def test_prefill_with_the_token_as_bearer_sends_the_signed_token(stage: Stage) -> None:
    scene = stage.calling_scene({"authorization": {"from": "token"}})

    visit = scene.arrive(sub="person-1")
    session = scene.settle(visit)

    assert session["prefill"]["status"] == "ready"
    assert scene.endpoint.calls == {"person-1": [f"Bearer {visit.token}"]}


def test_prefill_with_a_static_credential_sends_it(stage: Stage) -> None:
    scene = stage.calling_scene({"authorization": {"from": "static", "secret": "static-0123456789abcdef"}})

    session = scene.play(sub="person-1")

    assert session["prefill"]["status"] == "ready"
    assert scene.endpoint.calls == {"person-1": ["Bearer static-0123456789abcdef"]}


def test_prefill_without_the_claim_that_is_the_bearer_is_unavailable_and_nobody_is_called(stage: Stage) -> None:
    scene = stage.calling_scene({"authorization": {"from": "claim", "name": "at"}})

    session = scene.play()

    assert session["prefill"] == unavailable("auth")
    assert scene.endpoint.count_calls() == 0


def test_prefill_of_a_partner_that_fails_twice_is_ready_within_the_deadline(stage: Stage) -> None:
    scene = stage.calling_scene()
    scene.endpoint.first = [Fault.SERVER_ERROR, Fault.RESET]
    began_at = time.monotonic()

    visit = scene.arrive(sub="person-1")
    session = scene.settle(visit)

    assert session["prefill"]["status"] == "ready"
    assert time.monotonic() - began_at < 10
    assert Rows(stage.deployment).attempts(visit.id) == [("http_5xx", 500), ("connect", None), (None, 200)]


def test_prefill_of_a_dead_partner_is_tried_again_and_unavailable_at_the_deadline(stage: Stage) -> None:
    scene = stage.calling_scene(campaign={"prefill_deadline_seconds": 3})
    scene.endpoint.then = Fault.SERVER_ERROR
    began_at = time.monotonic()

    visit = scene.arrive()
    session = scene.settle(visit)

    assert session["prefill"] == unavailable("http_5xx")
    assert session["participation"]["allowed"] is True
    assert 2.5 < time.monotonic() - began_at < 5
    assert 2 <= scene.endpoint.count_calls() <= 4  # a retry that is due waits for the next sweep


def test_prefill_of_a_partner_that_nobody_listens_for_is_unavailable_as_connect(stage: Stage) -> None:
    scene = stage.calling_scene({"url": "http://127.0.0.1:9/{sub}"}, campaign={"prefill_deadline_seconds": 2})

    session = scene.play()

    assert session["prefill"] == unavailable("connect")


def test_prefill_of_a_slow_partner_is_unavailable_as_timeout(stage: Stage) -> None:
    scene = stage.calling_scene({"timeout_seconds": 0.5}, campaign={"prefill_deadline_seconds": 2})
    scene.endpoint.then = Fault.SLOW

    session = scene.play()

    assert session["prefill"] == unavailable("timeout")
    assert 1 <= scene.endpoint.count_calls() <= 3


@pytest.mark.parametrize(
    ("fault", "reason", "calls"),
    [
        pytest.param(Fault.NOT_FOUND, "http_4xx", 1, id="not-found"),
        pytest.param(Fault.GARBAGE, "contract", 1, id="garbage"),
        pytest.param(Fault.UNAUTHORIZED, "auth", 2, id="unauthorized"),
    ],
)
def test_prefill_of_a_partner_that_refuses_is_dead_at_once(stage: Stage, fault: Fault, reason: str, calls: int) -> None:
    scene = stage.calling_scene(campaign={"prefill_deadline_seconds": 30})
    scene.endpoint.then = fault

    visit = scene.arrive()
    session = scene.settle(visit)

    assert session["prefill"] == unavailable(reason)
    assert scene.endpoint.count_calls() == calls
    assert Rows(stage.deployment).stage(visit.id) == "dead"


def test_prefill_that_comes_after_the_deadline_is_there_at_the_next_look(stage: Stage) -> None:
    scene = stage.calling_scene(campaign={"prefill_deadline_seconds": 1})
    scene.endpoint.then = Fault.LATE

    visit = scene.arrive()
    at_the_deadline = scene.settle(visit)
    late = eventually(lambda: _if_ready(scene.participants.read(visit)), 10, "a late prefill")

    assert at_the_deadline["prefill"] == unavailable("deadline")
    assert late["prefill"]["form"] == {"firstname": "Ada"}
    assert late["settled"] is True


def test_prefill_of_a_participant_who_may_not_play_calls_no_partner(stage: Stage) -> None:
    scene = stage.calling_scene()

    spent, barred = scene.play(limit={"nb": 0}), scene.play(limit={"nb": 3, "canPlay": False})

    assert spent["participation"] == {"allowed": False, "reason": "limit_reached", "remaining": 0}
    assert spent["screen"] == {"title": "Already played", "message": "No participations left.", "return_url": None}
    assert barred["participation"] == {"allowed": False, "reason": "not_eligible", "remaining": None}
    assert barred["screen"]["return_url"] == "https://www.acme.example/"
    assert [spent["prefill"], barred["prefill"]] == [NO_PREFILL, NO_PREFILL]
    assert scene.endpoint.count_calls() == 0


def test_session_of_an_accepted_token_carries_gift_custom_and_what_remains(stage: Stage) -> None:
    scene = stage.scene()

    session = scene.play(limit={"nb": 2}, gift={"label": "Spa day", "cw": True}, custom={"tier": ["gold", 1.5]})

    assert session["participation"] == {"allowed": True, "reason": None, "remaining": 2}
    assert session["gift"] == {"label": "Spa day", "can_win": True}
    assert session["custom"] == {"tier": ["gold", 1.5]}
    assert session["screen"] is None


def _if_ready(session: dict[str, Any]) -> dict[str, Any] | None:
    return session if session["prefill"]["status"] == "ready" else None
