from datetime import timedelta
from typing import Any

from app.domain.session import Stage, TokenStatus
from app.domain.timeline import PastAttempt, SessionHistory, timeline
from app.reasons import PrefillReason
from tests.builders import NOW

SECOND = timedelta(seconds=1)


def history(**changes: Any) -> SessionHistory:
    past: dict[str, Any] = {
        "session_id": "ses_1",
        "partner_id": "acme",
        "campaign_id": "945645",
        "stage": Stage.VERIFY,
        "received_at": NOW,
        "expires_at": NOW + timedelta(days=1),
        "token_status": None,
        "token_reason": None,
        "error_class": None,
        "verified_at": None,
        "replayed_at": None,
        "replay_id": None,
        "settled_at": None,
        "read_at": None,
        "attempts": (),
    }
    return SessionHistory(**{**past, **changes})


def test_timeline_of_a_new_session_knows_its_arrival_alone() -> None:
    assert timeline(history()) == [{"at": "2027-03-01T12:00:00.123Z", "event": "received"}]


def test_timeline_of_a_replayed_session_is_in_the_order_of_time() -> None:
    past = history(
        stage=Stage.DONE,
        token_status=TokenStatus.ACCEPTED,
        verified_at=NOW + SECOND,
        replayed_at=NOW + 3 * SECOND,
        replay_id="rpl_1",
        settled_at=NOW + 5 * SECOND,
        read_at=NOW + 6 * SECOND,
        attempts=(
            PastAttempt(1, NOW + 2 * SECOND, SECOND / 8, PrefillReason.HTTP_5XX, 503),
            PastAttempt(1, NOW + 4 * SECOND, SECOND / 16, None, 200),
        ),
    )

    assert timeline(past) == [
        {"at": "2027-03-01T12:00:00.123Z", "event": "received"},
        {"at": "2027-03-01T12:00:01.123Z", "event": "verified", "token_status": "accepted", "reason": None},
        {
            "at": "2027-03-01T12:00:02.123Z",
            "event": "attempted",
            "attempt": 1,
            "error_class": "http_5xx",
            "status": 503,
            "duration_ms": 125.0,
        },
        {"at": "2027-03-01T12:00:03.123Z", "event": "replayed", "replay_id": "rpl_1"},
        {
            "at": "2027-03-01T12:00:04.123Z",
            "event": "attempted",
            "attempt": 1,
            "error_class": None,
            "status": 200,
            "duration_ms": 62.5,
        },
        {"at": "2027-03-01T12:00:05.123Z", "event": "saved", "stage": "done", "error_class": None},
        {"at": "2027-03-01T12:00:06.123Z", "event": "read"},
    ]
