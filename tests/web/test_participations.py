"""POST /v1/sessions/{session_id}/participations: who may play, how often, and what a repeated request is told."""

import asyncio
import re
from dataclasses import asdict
from typing import Any

import pytest

from app.domain.campaign import Mode, Screen
from app.domain.participation import ALLOWED, TOKEN_REJECTED, Limit, Ticket
from app.domain.screens import DEFAULT_SCREENS
from app.domain.session import Outcome, TokenStatus
from app.domain.session import Stage as SessionStage
from app.reasons import ParticipationReason, TokenReason
from tests.builders import new_session, outcome
from tests.web.stage import ORIGIN, TEST_KEYS, Answer, Stage, staged

SESSION_ID = "ses_01k83topnb2u00bsj1svpu2v2v"
OTHER_ID = "ses_01k83topnb2u00bsj1svpu2v3v"
PATH = f"/v1/sessions/{SESSION_ID}/participations"
SCREEN = Screen("Déjà joué", "À bientôt.", "https://www.acme.example/")
SCREENS = {"fr": {ParticipationReason.LIMIT_REACHED: SCREEN}}
REJECTED = Outcome(TokenStatus.REJECTED, TOKEN_REJECTED, TokenReason.TOKEN_EXPIRED)


def _problem(status: int, code: str, title: str, detail: str, **more: Any) -> dict[str, Any]:
    return {
        "type": f"/docs/problems#{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": PATH,
        "code": code,
        "request_id": "test-1",
        **more,
    }


UNKNOWN = _problem(404, "session_unknown", "Unknown session", "There is no session of this id and key.")


def _session(stage: Stage, judged: Outcome | None, session_id: str = SESSION_ID) -> None:
    now = stage.clock.now()
    stage.store.sessions.add([new_session(id=session_id, received_at=now)], now)
    row = stage.store.sessions.rows[session_id]
    row.outcome = judged
    if judged is not None:
        row.stage = SessionStage.DONE
        row.participant_digest = "digest" if judged.token_status is TokenStatus.ACCEPTED else None


def _accepted(limit: Limit | None = None, jti_digest: str | None = None) -> Outcome:
    return outcome(ticket=Ticket(limit or Limit(), jti_digest))


async def _play(stage: Stage, session_id: str = SESSION_ID, **options: Any) -> Answer:
    headers = {
        "Authorization": f"Bearer {TEST_KEYS.make(session_id)}",
        "X-Request-ID": "test-1",
        **options.pop("headers", {}),
    }
    return await stage.ask("POST", f"/v1/sessions/{session_id}/participations", headers=headers, **options)


async def test_play_answers_201_with_what_is_used_and_what_remains() -> None:
    async with staged() as stage:
        _session(stage, _accepted(Limit(nb=2)))

        answers = [await _play(stage), await _play(stage)]

        assert [answer.status for answer in answers] == [201, 201]
        ids = [answer.body["participation_id"] for answer in answers]
        assert all(re.fullmatch(r"par_[0-9a-v]{26}", id_) for id_ in ids)
        assert [answer.body for answer in answers] == [
            {"participation_id": ids[0], "used": 1, "remaining": 1},
            {"participation_id": ids[1], "used": 2, "remaining": 0},
        ]
        assert answers[0].headers["Cache-Control"] == "no-store"
        assert answers[0].headers["Referrer-Policy"] == "no-referrer"


async def test_play_without_a_limit_has_null_remaining() -> None:
    async with staged() as stage:
        _session(stage, _accepted())

        answer = await _play(stage, json={})

        assert answer.body == {"participation_id": answer.body["participation_id"], "used": 1, "remaining": None}


async def test_play_requested_again_with_its_idempotency_key_is_answered_the_same() -> None:
    async with staged() as stage:
        _session(stage, _accepted(Limit(nb=1)))
        asked = {"Idempotency-Key": "tap-1"}

        answers = await asyncio.gather(*(_play(stage, headers=asked) for _ in range(5)))
        late = await _play(stage, headers=asked)
        other = await _play(stage, headers={"Idempotency-Key": "tap-2"})

        assert [answer.status for answer in (*answers, late, other)] == [201] * 6 + [409]
        assert len({answer.body["participation_id"] for answer in (*answers, late)}) == 1
        assert late.body == answers[0].body
        assert late.body["remaining"] == 0


async def test_play_of_ten_at_once_with_three_allowed_answers_three_times_201() -> None:
    async with staged() as stage:
        _session(stage, _accepted(Limit(nb=3)))

        answers = await asyncio.gather(*(_play(stage) for _ in range(10)))

        assert sorted(answer.status for answer in answers) == [201] * 3 + [409] * 7


@pytest.mark.parametrize(
    ("judged", "code", "title", "detail", "screen"),
    [
        pytest.param(
            None,
            "not_settled",
            "Not settled",
            "The session's token is not judged yet; try again in a moment.",
            None,
            id="not-settled",
        ),
        pytest.param(
            REJECTED,
            "token_rejected",
            "Token rejected",
            "The session's token was refused; reading the session tells why.",
            DEFAULT_SCREENS["en"][ParticipationReason.TOKEN_REJECTED],
            id="token-rejected",
        ),
        pytest.param(
            _accepted(jti_digest="used"),
            "token_reused",
            "Token reused",
            "The token counts once, and another session has played with it.",
            DEFAULT_SCREENS["en"][ParticipationReason.TOKEN_REJECTED],
            id="token-reused",
        ),
        pytest.param(
            _accepted(Limit(can_play=False)),
            "not_eligible",
            "Not eligible",
            "The token says that this participant may not play.",
            DEFAULT_SCREENS["en"][ParticipationReason.NOT_ELIGIBLE],
            id="not-eligible",
        ),
        pytest.param(
            _accepted(Limit(nb=0)),
            "limit_reached",
            "Limit reached",
            "This participant has used all participations.",
            SCREEN,
            id="limit-reached",
        ),
    ],
)
async def test_play_that_is_refused_answers_409(
    judged: Outcome | None, code: str, title: str, detail: str, screen: Screen | None
) -> None:
    async with staged(single_use=True, screens=SCREENS) as stage:
        stage.ledger.uses["acme", "used"] = "ses_another"
        _session(stage, judged)

        answer = await _play(stage, headers={"Accept-Language": "fr-CH"})

        more = {"screen": asdict(screen)} if screen else {}
        assert (answer.status, answer.body) == (409, _problem(409, code, title, detail, **more))
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers.get("Content-Language") == (screen and ("fr" if screen is SCREEN else "en"))
        assert stage.ledger.plays == {}


async def test_play_uses_up_a_token_of_single_use_and_reading_does_not() -> None:
    async with staged(single_use=True) as stage:
        _session(stage, _accepted(jti_digest="jti"))
        _session(stage, _accepted(jti_digest="jti"), OTHER_ID)
        await stage.read(OTHER_ID)

        first, other, again = await _play(stage), await _play(stage, OTHER_ID), await _play(stage)

        assert [answer.status for answer in (first, other, again)] == [201, 409, 201]
        assert other.body["code"] == "token_reused"


async def test_play_while_the_prefill_is_still_fetched_is_not_held_up() -> None:
    async with staged() as stage:
        _session(stage, _accepted())
        stage.store.sessions.rows[SESSION_ID].stage = SessionStage.FETCH

        assert (await _play(stage)).status == 201


@pytest.mark.parametrize(
    "judged",
    [
        pytest.param(REJECTED, id="rejected"),
        pytest.param(Outcome(TokenStatus.ANONYMOUS, ALLOWED), id="anonymous"),
    ],
)
async def test_play_without_an_accepted_token_is_counted_by_session_where_one_is_optional(judged: Outcome) -> None:
    async with staged(mode=Mode.OPTIONAL) as stage:
        _session(stage, judged)
        _session(stage, judged, OTHER_ID)

        answers = [await _play(stage), await _play(stage), await _play(stage, OTHER_ID)]

        assert [(answer.status, answer.body["used"], answer.body["remaining"]) for answer in answers] == [
            (201, 1, None),
            (201, 2, None),
            (201, 1, None),
        ]


async def test_play_where_nothing_is_enforced_is_never_refused() -> None:
    async with staged(mode=Mode.REPORT_ONLY) as stage:
        _session(stage, _accepted(Limit(nb=1)))
        _session(stage, REJECTED, OTHER_ID)

        answers = [await _play(stage), await _play(stage), await _play(stage, OTHER_ID)]

        assert [(answer.status, answer.body["used"], answer.body["remaining"]) for answer in answers] == [
            (201, 1, 0),
            (201, 2, 0),
            (201, 1, None),
        ]
        waived = [recorded.waived for _, recorded in stage.ledger.plays.values()]
        assert waived == [None, "limit_reached", "token_rejected"]


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param("", id="none"),
        pytest.param("Bearer wrong", id="nonsense"),
        pytest.param(f"Basic {TEST_KEYS.make(SESSION_ID)}", id="scheme"),
        pytest.param(f"Bearer {TEST_KEYS.make(OTHER_ID)}", id="of-another-session"),
    ],
)
async def test_play_with_wrong_key_answers_like_an_unknown_session_and_asks_nothing(authorization: str) -> None:
    async with staged() as stage:
        _session(stage, _accepted())

        answer = await _play(stage, headers={"Authorization": authorization})

        assert (answer.status, answer.body) == (404, UNKNOWN)
        assert stage.store.calls["load"] == []


async def test_play_in_unknown_session_answers_404() -> None:
    async with staged() as stage:
        answer = await _play(stage)

        assert (answer.status, answer.body) == (404, UNKNOWN)


async def test_play_in_expired_session_answers_410() -> None:
    async with staged() as stage:
        _session(stage, _accepted())
        stage.clock.advance(86_400)

        answer = await _play(stage)

        expired = _problem(410, "session_expired", "Expired session", "This session's life is over.")
        assert (answer.status, answer.body) == (410, expired)


async def test_play_while_the_store_is_gone_answers_503() -> None:
    async with staged() as stage:
        _session(stage, _accepted())
        stage.store.is_lost = True

        answer = await _play(stage)

        assert (answer.status, answer.body["code"]) == (503, "store_unavailable")
        assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        pytest.param({"json": {"a": 1}}, 422, "request_invalid", id="unknown-member"),
        pytest.param({"json": []}, 422, "request_invalid", id="not-an-object"),
        pytest.param(
            {"data": b"{", "headers": {"Content-Type": "application/json"}}, 400, "request_malformed", id="no-json"
        ),
        pytest.param({"data": {"a": "1"}}, 415, "media_type_unsupported", id="form"),
        pytest.param({"json": {"a": "x" * 2000}}, 413, "request_too_large", id="too-large"),
        pytest.param({"headers": {"Idempotency-Key": "a b"}}, 422, "request_invalid", id="key-with-a-space"),
    ],
)
async def test_play_with_a_request_that_is_not_one_records_nothing(
    options: dict[str, Any], status: int, code: str
) -> None:
    async with staged() as stage:
        _session(stage, _accepted())

        answer = await _play(stage, **options)

        assert (answer.status, answer.body["code"]) == (status, code)
        assert stage.ledger.plays == {}


@pytest.mark.parametrize(
    ("origin", "status"),
    [pytest.param(ORIGIN, 201, id="allowed"), pytest.param("https://evil.example", 403, id="not-allowed")],
)
async def test_play_from_an_origin_follows_the_campaign(origin: str, status: int) -> None:
    async with staged() as stage:
        _session(stage, _accepted())

        answer = await _play(stage, headers={"Origin": origin})

        assert answer.status == status
        assert answer.headers.get("Access-Control-Allow-Origin") == (origin if status == 201 else None)
        assert answer.headers["Vary"] == "Origin"
        assert len(stage.ledger.plays) == (status == 201)


async def test_play_preflight_names_the_method_and_asks_nothing() -> None:
    async with staged() as stage:
        asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
        answer = await stage.ask("OPTIONS", PATH, headers=asked)

        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Methods"] == "POST"
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert {"Authorization", "Idempotency-Key"} <= set(answer.headers["Access-Control-Allow-Headers"].split(", "))
        assert stage.store.calls["load"] == []


@pytest.mark.usefixtures("logs_on_stderr")
async def test_play_is_logged_with_the_id_of_its_request(capfd: pytest.CaptureFixture[str]) -> None:
    async with staged() as stage:
        _session(stage, _accepted())
        await _play(stage)

    [line] = [line for line in capfd.readouterr().err.splitlines() if '"participation.recorded"' in line]
    assert '"request_id":"test-1"' in line
    assert "digest" not in line
