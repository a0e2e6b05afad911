"""GET /v1/sessions/{session_id}: who may read, and what is shown."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.campaign import Screen
from app.domain.participation import TOKEN_REJECTED
from app.domain.session import Stage as SessionStage
from app.domain.session import TokenStatus
from app.reasons import ParticipationReason, TokenReason
from tests.builders import new_session, outcome
from tests.web.stage import ORIGIN, TEST_KEYS, Stage, staged

SESSION_ID = "ses_01k83topnb2u00bsj1svpu2v2v"
UNKNOWN = {
    "type": "/docs/problems#session_unknown",
    "title": "Unknown session",
    "status": 404,
    "detail": "There is no session of this id and key.",
    "instance": f"/v1/sessions/{SESSION_ID}",
    "code": "session_unknown",
    "request_id": "test-1",
}


def _take_in(stage: Stage, **changes: Any) -> None:
    now = stage.clock.now()
    stage.store.sessions.add([new_session(id=SESSION_ID, received_at=now, **changes)], now)


def _settle(stage: Stage, to: SessionStage = SessionStage.DONE, **changes: Any) -> None:
    row = stage.store.sessions.rows[SESSION_ID]
    row.stage, row.outcome = to, outcome(**changes)


async def test_read_while_the_token_waits_shows_null_for_what_is_not_known() -> None:
    async with staged() as stage:
        _take_in(stage)

        answer = await stage.read(SESSION_ID)

        assert answer.status == 200
        assert answer.body == {
            "session_id": SESSION_ID,
            "campaign_id": "945645",
            "settled": False,
            "token": {"status": "pending", "reason": None, "encrypted": False},
            "participation": None,
            "gift": None,
            "custom": None,
            "prefill": {
                "status": "pending",
                "source": None,
                "reason": None,
                "form": {},
                "optin": {},
                "warnings": [],
            },
            "screen": None,
            "expires_at": "2027-03-02T12:00:00.000Z",
        }
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_read_of_a_settled_session_shows_its_prefill() -> None:
    async with staged() as stage:
        _take_in(stage)
        _settle(stage)

        answer = await stage.read(SESSION_ID)

        assert answer.body["settled"] is True
        assert answer.body["prefill"]["form"] == {"firstname": "Ada"}


async def test_read_of_a_refused_session_shows_the_screen_in_the_preferred_language() -> None:
    screens = {
        "en": {ParticipationReason.TOKEN_REJECTED: Screen("Who are you?", "Please come again.")},
        "fr": {ParticipationReason.TOKEN_REJECTED: Screen("Qui êtes-vous ?", "Revenez.")},
    }
    async with staged(screens=screens) as stage:
        _take_in(stage)
        _settle(
            stage,
            verdict=TOKEN_REJECTED,
            token_status=TokenStatus.REJECTED,
            token_reason=TokenReason.TOKEN_EXPIRED,
        )

        answer = await stage.read(SESSION_ID, **{"Accept-Language": "en;q=0.5, fr-CH"})

        assert answer.body["participation"] == {"allowed": False, "reason": "token_rejected", "remaining": None}
        assert answer.body["screen"] == {"title": "Qui êtes-vous ?", "message": "Revenez.", "return_url": None}
        assert answer.headers["Content-Language"] == "fr"


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param(None, id="none"),
        pytest.param("Bearer ", id="empty"),
        pytest.param("Bearer wrong", id="nonsense"),
        pytest.param(f"Basic {TEST_KEYS.make(SESSION_ID)}", id="scheme"),
        pytest.param(f"Bearer {TEST_KEYS.make(SESSION_ID[:-1] + 'u')}", id="of-another-session"),
    ],
)
async def test_read_with_wrong_key_answers_like_an_unknown_session_and_asks_nothing(authorization: str | None) -> None:
    headers = {"X-Request-ID": "test-1", **({"Authorization": authorization} if authorization else {})}
    async with staged() as stage:
        _take_in(stage)

        answer = await stage.ask("GET", f"/v1/sessions/{SESSION_ID}", headers=headers)

        assert (answer.status, answer.body) == (404, UNKNOWN)
        assert stage.store.calls["load"] == []


async def test_read_of_unknown_session_answers_404() -> None:
    async with staged() as stage:
        answer = await stage.read(SESSION_ID, **{"X-Request-ID": "test-1"})

        assert (answer.status, answer.body) == (404, UNKNOWN)


async def test_read_of_expired_session_answers_410() -> None:
    async with staged() as stage:
        _take_in(stage)
        stage.clock.advance(86_400)

        answer = await stage.read(SESSION_ID, **{"X-Request-ID": "test-1"})

        assert answer.status == 410
        assert answer.body == {
            **UNKNOWN,
            "type": "/docs/problems#session_expired",
            "title": "Expired session",
            "status": 410,
            "detail": "This session's life is over.",
            "code": "session_expired",
        }


@pytest.mark.parametrize(
    ("origin", "status"),
    [pytest.param(ORIGIN, 200, id="allowed"), pytest.param("https://evil.example", 403, id="not-allowed")],
)
async def test_read_from_an_origin_follows_the_campaign(origin: str, status: int) -> None:
    async with staged() as stage:
        _take_in(stage)

        answer = await stage.read(SESSION_ID, Origin=origin)

        assert answer.status == status
        assert answer.headers.get("Access-Control-Allow-Origin") == (origin if status == 200 else None)
        assert answer.headers["Vary"] == "Origin"


async def test_read_preflight_names_the_method_and_asks_nothing() -> None:
    async with staged() as stage:
        asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
        answer = await stage.ask("OPTIONS", f"/v1/sessions/{SESSION_ID}", headers=asked)

        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Methods"] == "GET"
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
        assert stage.store.calls["load"] == []


async def test_read_after_its_campaign_was_deleted_answers_404() -> None:
    async with staged() as stage:
        _take_in(stage)
        stage.configuration.campaigns["other"] = replace(stage.configuration.campaigns.pop("945645"), id="other")

        assert (await stage.read(SESSION_ID)).status == 404


async def test_read_is_noted_when_the_session_is_settled_and_not_before() -> None:
    async with staged() as stage:
        _take_in(stage)
        row = stage.store.sessions.rows[SESSION_ID]

        await stage.read(SESSION_ID)
        await stage.ingress.participants.marks.flush()
        before = row.read_at
        _settle(stage)
        stage.clock.advance(5)
        await stage.read(SESSION_ID)
        await stage.ingress.participants.marks.flush()

        assert (before, row.read_at) == (None, stage.clock.now())
