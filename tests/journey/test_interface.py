"""The participants' interface as a browser meets it: shapes compared whole, keys, origins, ids and lifetimes."""

import json
from typing import Any

import pytest

from tests.journey.calls import Answer, call
from tests.journey.client import Visit
from tests.journey.deadline import eventually
from tests.journey.scene import ORIGIN, Scene, Stage
from tests.journey.tokens import claims_for

pytestmark = pytest.mark.journey

REQUEST_ID = "journey-request-1"
UNKNOWN_ID = "ses_" + "0" * 26


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return stage.scene()


def problem(code: str, status: int, title: str, detail: str, instance: str, **more: Any) -> dict[str, Any]:
    return {
        "type": f"/docs/problems#{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code,
        "request_id": REQUEST_ID,
        **more,
    }


def post(scene: Scene, body: bytes, content_type: str = "application/json", campaign_id: str = "") -> Answer:
    url = scene.participants.sessions_url(campaign_id or scene.campaign_id)
    return call("POST", url, {"Content-Type": content_type, "X-Request-ID": REQUEST_ID}, body)


def test_session_is_answered_as_documented(scene: Scene) -> None:
    token = scene.signer.sign(claims_for(scene.campaign_id))

    answer = scene.participants.post(scene.campaign_id, {"token": token}, {"X-Request-ID": REQUEST_ID})

    body = answer.json()
    assert answer.status == 202
    assert set(body) == {"session_id", "session_key", "expires_at", "poll_after_ms"}
    assert answer.headers["location"] == f"/v1/sessions/{body['session_id']}"
    assert answer.headers["x-request-id"] == REQUEST_ID
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert body["poll_after_ms"] == 50


def test_session_that_is_settled_has_every_member(scene: Scene) -> None:
    visit = scene.arrive(form={"firstname": "Ada"})

    session = scene.settle(visit)

    assert session.pop("expires_at").endswith("Z")
    assert session == {
        "session_id": visit.id,
        "campaign_id": scene.campaign_id,
        "settled": True,
        "token": {"status": "accepted", "reason": None, "encrypted": False},
        "participation": {"allowed": True, "reason": None, "remaining": None},
        "gift": None,
        "custom": {},
        "prefill": {
            "status": "ready",
            "source": "token",
            "reason": None,
            "form": {"firstname": "Ada"},
            "optin": {},
            "warnings": [],
        },
        "screen": None,
    }


SHAPE = "The token has not the shape of a compact JWS or JWE."
TAKES = "This call takes application/json or application/jwt."
REFUSED = [
    pytest.param(
        b'{"token": "a.b.c"}',
        "text/plain",
        problem("media_type_unsupported", 415, "Unsupported media type", TAKES, "SELF"),
        id="415-media-type",
    ),
    pytest.param(
        json.dumps({"token": "a" * 16385}).encode(),
        "application/json",
        problem("token_too_large", 413, "Token too large", "The token is longer than 16 KiB.", "SELF"),
        id="413-token",
    ),
    pytest.param(
        b"a" * 40000,
        "application/jwt",
        problem("token_too_large", 413, "Token too large", "The token is longer than 16 KiB.", "SELF"),
        id="413-body",
    ),
    pytest.param(
        b'{"token": "a.b"}',
        "application/json",
        problem("token_malformed", 422, "Malformed token", SHAPE, "SELF"),
        id="422-two-parts",
    ),
    pytest.param(
        b"eyJhbGciOiJSUzI1NiJ9.e30=.AA",
        "application/jwt",
        problem("token_malformed", 422, "Malformed token", SHAPE, "SELF"),
        id="422-padding",
    ),
    pytest.param(
        b"{}",
        "application/json",
        problem("token_missing", 422, "Missing token", "This campaign requires a token.", "SELF"),
        id="422-missing",
    ),
    pytest.param(
        b'{"token": 1, "hello": "x"}',
        "application/json",
        problem(
            "request_invalid",
            422,
            "Invalid request",
            "The request has mistakes; each is listed in errors.",
            "SELF",
            errors=[
                {"path": "hello", "reason": "is not a member of this body"},
                {"path": "token", "reason": "must be a string"},
            ],
        ),
        id="422-mistakes",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("body", "content_type", "expected"), REFUSED)
def test_post_that_is_refused_says_so_in_a_whole_problem(
    scene: Scene, body: bytes, content_type: str, expected: dict[str, Any]
) -> None:
    answer = post(scene, body, content_type)

    assert answer.json() == {**expected, "instance": f"/v1/campaigns/{scene.campaign_id}/sessions"}
    assert answer.status == expected["status"]
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{", id="syntax"),
        pytest.param(b'{"token": "a.b.c", "token": "a.b.c"}', id="name-twice"),
        pytest.param(b'{"token": NaN}', id="nan"),
        pytest.param(b'\xff\xfe{"token": "x"}', id="no-utf-8"),
        pytest.param(b"", id="empty"),
        pytest.param(b'{"a":' * 2000 + b"1" + b"}" * 2000, id="deep"),
    ],
)
def test_post_of_a_body_that_is_not_strict_json_is_malformed(scene: Scene, body: bytes) -> None:
    answer = post(scene, body)

    assert (answer.status, answer.json()["code"]) == (400, "request_malformed")


def test_post_to_an_unknown_campaign_is_answered_404(scene: Scene) -> None:
    answer = post(scene, b'{"token": "a.b.c"}', campaign_id="nobody-knows")

    assert answer.json() == problem(
        "campaign_unknown",
        404,
        "Unknown campaign",
        "There is no campaign of this id.",
        "/v1/campaigns/nobody-knows/sessions",
    )


def test_session_of_a_wrong_key_and_an_unknown_one_look_the_same(scene: Scene) -> None:
    visit, other = scene.arrive(), scene.arrive()
    strangers = {
        "wrong key": Visit(visit.id, other.key, visit.campaign_id),
        "broken key": Visit(visit.id, visit.key[:-2] + "AA", visit.campaign_id),
        "no key": Visit(visit.id, "", visit.campaign_id),
        "unknown id": Visit(UNKNOWN_ID, visit.key, visit.campaign_id),
        "no id at all": Visit("ses_nothing", visit.key, visit.campaign_id),
    }

    answers = {name: scene.participants.get(stranger) for name, stranger in strangers.items()}

    seen = {name: (answer.status, _without_self(answer)) for name, answer in answers.items()}
    assert set(seen.values()) == {(404, seen["wrong key"][1])}
    assert answers["wrong key"].json()["code"] == "session_unknown"


def test_session_past_its_life_is_gone(stage: Stage) -> None:
    scene = stage.scene(campaign={"session_ttl_seconds": 1})

    visit = scene.arrive()
    gone = eventually(lambda: _unless_ok(scene.participants.get(visit)), 5, "the end of a session")

    assert (gone.status, gone.json()["code"]) == (410, "session_expired")


def test_post_repeated_with_its_idempotency_key_is_the_same_session(scene: Scene) -> None:
    token, other = (scene.signer.sign(claims_for(scene.campaign_id)) for _ in range(2))
    repeat = {"Idempotency-Key": "tap-1"}

    first = scene.participants.arrive(scene.campaign_id, token, repeat)
    again = scene.participants.arrive(scene.campaign_id, token, repeat)
    other_token = scene.participants.arrive(scene.campaign_id, other, repeat)
    other_key = scene.participants.arrive(scene.campaign_id, token, {"Idempotency-Key": "tap-2"})

    assert first == again
    assert len({first.id, other_token.id, other_key.id}) == 3
    assert scene.settle(first)["token"]["status"] == "accepted"


def test_origin_of_the_campaign_may_read_and_another_may_not(scene: Scene) -> None:
    token = scene.signer.sign(claims_for(scene.campaign_id))

    allowed = scene.participants.post(scene.campaign_id, {"token": token}, {"Origin": ORIGIN})
    refused = scene.participants.post(scene.campaign_id, {"token": token}, {"Origin": "https://evil.example"})

    assert (allowed.status, allowed.headers["access-control-allow-origin"]) == (202, ORIGIN)
    assert "origin" in allowed.headers["vary"].lower()
    assert (refused.status, refused.json()["code"]) == (403, "origin_not_allowed")
    assert "access-control-allow-origin" not in refused.headers


def test_preflight_names_methods_and_headers(scene: Scene) -> None:
    visit = scene.arrive()
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}

    for_post = call("OPTIONS", scene.participants.sessions_url(scene.campaign_id), asked)
    for_get = call("OPTIONS", f"{scene.participants.url}/v1/sessions/{visit.id}", asked)

    assert (for_post.status, for_get.status) == (204, 204)
    assert for_post.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in for_post.headers["access-control-allow-methods"]
    assert "GET" in for_get.headers["access-control-allow-methods"]
    assert "Idempotency-Key" in for_post.headers["access-control-allow-headers"]


@pytest.mark.parametrize("wait", [pytest.param(wait, id=wait) for wait in ("26", "-1", "x", "1e1", "", "0x1")])
def test_wait_that_is_no_number_within_bounds_is_refused(scene: Scene, wait: str) -> None:
    visit = scene.arrive()

    headers = {"Authorization": f"Bearer {visit.key}"}
    answer = call("GET", f"{scene.participants.url}/v1/sessions/{visit.id}?wait={wait}", headers)

    assert (answer.status, answer.json()["code"]) == (422, "request_invalid")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        pytest.param("GET", "/v1/nothing", 404, "not_found", id="unknown-path"),
        pytest.param("DELETE", "/v1/sessions/ses_x", 405, "method_not_allowed", id="unknown-method"),
        pytest.param("GET", "/v1/partners/acme", 401, "unauthenticated", id="no-bearer"),
    ],
)
def test_request_that_no_route_takes_is_a_problem(scene: Scene, method: str, path: str, status: int, code: str) -> None:
    answer = call(method, f"{scene.participants.url}{path}")

    assert (answer.status, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


def _unless_ok(answer: Answer) -> Answer | None:
    return None if answer.status == 200 else answer


def _without_self(answer: Answer) -> str:
    body = answer.json()
    del body["instance"], body["request_id"]
    return json.dumps(body, sort_keys=True)
