"""POST /v1/campaigns/{campaign_id}/sessions: each way to be refused at once, the problem compared whole."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from app.domain.campaign import Mode, Screen
from app.reasons import ParticipationReason
from tests.builders import JWS
from tests.web.stage import staged

INSTANCE = "/v1/campaigns/945645/sessions"


def _problem(status: int, code: str, title: str, detail: str, instance: str = INSTANCE) -> dict[str, Any]:
    return {
        "type": f"/docs/problems#{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code,
        "request_id": "test-1",
    }


REFUSALS = [
    pytest.param(
        {"data": b'{"token": "a", "token": "b"}'},
        _problem(400, "request_malformed", "Malformed request", "The body is not strict JSON: a name stands twice."),
        id="name-twice",
    ),
    pytest.param(
        {"data": b'{"token": '},
        _problem(400, "request_malformed", "Malformed request", "The body is not strict JSON: not JSON."),
        id="syntax",
    ),
    pytest.param(
        {"data": b'{"token": NaN}'},
        _problem(400, "request_malformed", "Malformed request", "The body is not strict JSON: NaN or Infinity."),
        id="nan",
    ),
    pytest.param(
        {"data": b'{"token": 5, "colour": 1, "size": 2}'},
        {
            **_problem(
                422, "request_invalid", "Invalid request", "The request has mistakes; each is listed in errors."
            ),
            "errors": [
                {"path": "colour", "reason": "is not a member of this body"},
                {"path": "size", "reason": "is not a member of this body"},
                {"path": "token", "reason": "must be a string"},
            ],
        },
        id="wrong-members-all-at-once",
    ),
    pytest.param(
        {"data": b"[]"},
        {
            **_problem(
                422, "request_invalid", "Invalid request", "The request has mistakes; each is listed in errors."
            ),
            "errors": [{"path": "", "reason": "must be an object"}],
        },
        id="no-object",
    ),
    pytest.param(
        {"data": b'{"token": "not a token"}'},
        _problem(422, "token_malformed", "Malformed token", "The token has not the shape of a compact JWS or JWE."),
        id="shape",
    ),
    pytest.param(
        {"data": json.dumps({"token": "e" * 16_385}).encode()},
        _problem(413, "token_too_large", "Token too large", "The token is longer than 16 KiB."),
        id="token-too-large",
    ),
    pytest.param(
        {"data": b"x" * 1_000_000},
        _problem(413, "token_too_large", "Token too large", "The token is longer than 16 KiB."),
        id="body-too-large",
    ),
    pytest.param(
        {"data": JWS.encode(), "headers": {"Content-Type": "text/plain"}},
        _problem(
            415,
            "media_type_unsupported",
            "Unsupported media type",
            "This call takes application/json or application/jwt.",
        ),
        id="media-type",
    ),
    pytest.param(
        {"data": b"{}", "headers": {"Content-Encoding": "gzip"}},
        _problem(415, "media_type_unsupported", "Unsupported media type", "The body must not have a content coding."),
        id="content-coding",
    ),
    pytest.param(
        {"data": b"{}", "headers": {"Idempotency-Key": "a b"}},
        {
            **_problem(
                422, "request_invalid", "Invalid request", "The request has mistakes; each is listed in errors."
            ),
            "errors": [{"path": "Idempotency-Key", "reason": "must be 1 to 255 visible ASCII characters"}],
        },
        id="idempotency-key",
    ),
    pytest.param(
        {"data": b"{}", "headers": {"Origin": "https://evil.example"}},
        _problem(
            403,
            "origin_not_allowed",
            "Origin not allowed",
            "This origin is not among the campaign's allowed origins.",
        ),
        id="origin",
    ),
]


@pytest.mark.parametrize(("request_", "problem"), REFUSALS)
async def test_create_refused_answers_the_whole_problem(request_: dict[str, Any], problem: dict[str, Any]) -> None:
    headers = {"X-Request-ID": "test-1", "Content-Type": "application/json", **request_.get("headers", {})}
    async with staged() as stage:
        answer = await stage.ask("POST", INSTANCE, data=request_["data"], headers=headers)

        assert answer.body == problem
        assert answer.status == problem["status"]
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert stage.store.sessions.rows == {}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param({}, "token_missing", id="missing"),
        pytest.param({"token": ""}, "token_malformed", id="empty"),
        pytest.param({"token": "e" * 16_385}, "token_too_large", id="too-large"),
        pytest.param({"token": "e" * 100_000}, "token_too_large", id="larger-than-any-body"),
    ],
)
async def test_create_that_is_refused_where_a_token_is_required_shows_the_campaigns_screen(
    body: dict[str, str], code: str
) -> None:
    french = Screen("Qui êtes-vous ?", "Revenez.", "https://acme.example/")
    async with staged(screens={"fr": {ParticipationReason.TOKEN_REJECTED: french}}) as stage:
        answer = await stage.post(body, {"Accept-Language": "fr-CA"})

        assert (answer.body["code"], answer.body["screen"]) == (code, asdict(french))
        assert answer.headers["Content-Language"] == "fr"


@pytest.mark.parametrize(
    ("mode", "headers"),
    [
        pytest.param(Mode.REQUIRED, {}, id="no-language"),
        pytest.param(Mode.OPTIONAL, {"Accept-Language": "en"}, id="optional"),
        pytest.param(Mode.REPORT_ONLY, {"Accept-Language": "en"}, id="report-only"),
    ],
)
async def test_create_that_is_refused_shows_no_screen_to_a_machine_nor_where_one_may_play(
    mode: Mode, headers: dict[str, str]
) -> None:
    async with staged(mode=mode) as stage:
        answer = await stage.post({"token": ""}, headers)

        assert answer.body["code"] == "token_malformed"
        assert "screen" not in answer.body
        assert "Content-Language" not in answer.headers


@pytest.mark.parametrize("campaign_id", ["none", "a%00b", "%ff", "a" * 200, "..%2f"])
async def test_create_for_unknown_campaign_answers_404(campaign_id: str) -> None:
    async with staged() as stage:
        path = f"/v1/campaigns/{campaign_id}/sessions"
        async with stage.client.post(stage.url + path, json={}, headers={"X-Request-ID": "test-1"}) as response:
            body = await response.json(content_type=None)

        expected = _problem(404, "campaign_unknown", "Unknown campaign", "There is no campaign of this id.")
        assert {**body, "instance": ""} == {**expected, "instance": ""}
