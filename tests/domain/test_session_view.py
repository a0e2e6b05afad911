"""What the public may see of a session, stage by stage; bodies compared whole."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.campaign import Campaign, Mode, Screen
from app.domain.participation import TOKEN_REJECTED, Verdict
from app.domain.prefill import NO_PREFILL, Prefill, PrefillSource, PrefillStatus, unavailable
from app.domain.session import Outcome, Stage, StoredSession, TokenStatus, is_settled, public_view
from app.domain.token import Gift
from app.reasons import ParticipationReason, PrefillReason, TokenReason

START = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
CAMPAIGN = Campaign("945645", 1, "acme", "Spring")
PENDING = StoredSession(
    "ses_1",
    "945645",
    "acme",
    Stage.VERIFY,
    encrypted=False,
    received_at=START,
    deadline_at=START + timedelta(seconds=10),
    expires_at=START + timedelta(days=1),
)
ACCEPTED = Outcome(TokenStatus.ACCEPTED, Verdict(allowed=True, remaining=1))
FETCHING = replace(PENDING, stage=Stage.FETCH, outcome=replace(ACCEPTED, prefill=Prefill(PrefillStatus.PENDING)))
NOTHING: dict[str, Any] = {
    "status": "none",
    "source": None,
    "reason": None,
    "form": {},
    "optin": {},
    "warnings": [],
}


def view(session: StoredSession, campaign: Campaign = CAMPAIGN, after: float = 1) -> dict[str, Any]:
    return public_view(session, campaign, START + timedelta(seconds=after))


def test_view_before_judgement_holds_nulls_for_what_is_not_known() -> None:
    assert view(PENDING) == {
        "session_id": "ses_1",
        "campaign_id": "945645",
        "settled": False,
        "token": {"status": "pending", "reason": None, "encrypted": False},
        "participation": None,
        "gift": None,
        "custom": None,
        "prefill": {**NOTHING, "status": "pending"},
        "screen": None,
        "expires_at": "2027-03-02T12:00:00.000Z",
    }


def test_view_of_a_ready_session_holds_the_prefill() -> None:
    prefill = Prefill(
        PrefillStatus.READY,
        PrefillSource.TOKEN,
        form={"firstname": "Ada"},
        optin={"newsletter": "1"},
        warnings=("form.bad: value_unusable",),
    )
    outcome = replace(ACCEPTED, gift=Gift("Spa day", can_win=True), custom={"vip": True}, prefill=prefill)

    body = view(replace(PENDING, stage=Stage.DONE, encrypted=True, outcome=outcome))

    assert body == {
        "session_id": "ses_1",
        "campaign_id": "945645",
        "settled": True,
        "token": {"status": "accepted", "reason": None, "encrypted": True},
        "participation": {"allowed": True, "reason": None, "remaining": 1},
        "gift": {"label": "Spa day", "can_win": True},
        "custom": {"vip": True},
        "prefill": {
            "status": "ready",
            "source": "token",
            "reason": None,
            "form": {"firstname": "Ada"},
            "optin": {"newsletter": "1"},
            "warnings": ["form.bad: value_unusable"],
        },
        "screen": None,
        "expires_at": "2027-03-02T12:00:00.000Z",
    }


@pytest.mark.parametrize(
    ("mode", "participation", "has_screen"),
    [
        pytest.param(
            Mode.REQUIRED, {"allowed": False, "reason": "token_rejected", "remaining": None}, True, id="required"
        ),
        pytest.param(Mode.OPTIONAL, {"allowed": True, "reason": None, "remaining": None}, False, id="optional"),
        pytest.param(
            Mode.REPORT_ONLY,
            {"allowed": True, "reason": "token_rejected", "remaining": None, "enforced": False},
            False,
            id="report-only",
        ),
    ],
)
def test_view_of_a_rejected_token_depends_on_the_mode(
    mode: Mode, participation: dict[str, object], has_screen: bool
) -> None:
    outcome = Outcome(TokenStatus.REJECTED, TOKEN_REJECTED, TokenReason.TOKEN_EXPIRED)

    body = view(replace(PENDING, stage=Stage.DONE, outcome=outcome), replace(CAMPAIGN, mode=mode))

    assert body["token"] == {"status": "rejected", "reason": "token_expired", "encrypted": False}
    assert body["participation"] == participation
    assert (body["screen"] is not None) is has_screen
    assert body["prefill"] == NOTHING


def test_view_past_the_deadline_is_settled_and_unavailable() -> None:
    before, after = view(FETCHING, after=9.9), view(FETCHING, after=10)
    with_class = view(replace(FETCHING, error_class=PrefillReason.HTTP_5XX), after=10)

    assert (before["settled"], before["prefill"]["status"]) == (False, "pending")
    assert (after["settled"], after["prefill"]["status"], after["prefill"]["reason"]) == (
        True,
        "unavailable",
        "deadline",
    )
    assert with_class["prefill"]["reason"] == "http_5xx"


def test_view_past_the_deadline_tells_still_what_was_left_out_of_the_token() -> None:
    pending = Prefill(PrefillStatus.PENDING, warnings=("form.a: value_unusable",))

    body = view(replace(FETCHING, outcome=replace(ACCEPTED, prefill=pending)), after=10)

    assert (body["prefill"]["status"], body["prefill"]["warnings"]) == ("unavailable", ["form.a: value_unusable"])


def test_view_of_a_dead_letter_turned_ready_shows_the_prefill() -> None:
    ready = Prefill(PrefillStatus.READY, PrefillSource.PARTNER, form={"a": "1"})
    dead = replace(PENDING, stage=Stage.DEAD, outcome=replace(ACCEPTED, prefill=unavailable(PrefillReason.TIMEOUT)))

    assert view(dead)["prefill"]["reason"] == "timeout"
    assert view(replace(dead, stage=Stage.DONE, outcome=replace(ACCEPTED, prefill=ready)))["prefill"]["form"] == {
        "a": "1"
    }


@pytest.mark.parametrize(
    ("preferred", "title"),
    [
        pytest.param(("fr",), "Terminé", id="asked-language"),
        pytest.param(("fr-CA", "en"), "Terminé", id="regional-spelling"),
        pytest.param(("de",), "Finished", id="campaigns-first-language"),
        pytest.param((), "Finished", id="no-preference"),
    ],
)
def test_screen_is_in_the_participants_language(preferred: tuple[str, ...], title: str) -> None:
    screens = {
        "en": {ParticipationReason.LIMIT_REACHED: Screen("Finished", "…", "https://acme.example/")},
        "fr": {ParticipationReason.LIMIT_REACHED: Screen("Terminé", "…")},
    }
    campaign = replace(CAMPAIGN, languages=("en", "fr"), screens=screens)
    verdict = Verdict(allowed=False, reason=ParticipationReason.LIMIT_REACHED, remaining=0)
    session = replace(PENDING, stage=Stage.DONE, outcome=Outcome(TokenStatus.ACCEPTED, verdict, prefill=NO_PREFILL))

    body: Any = public_view(session, campaign, START, preferred)

    assert body["screen"]["title"] == title


def test_stage_decides_what_is_settled() -> None:
    settled = {stage: is_settled(replace(FETCHING, stage=stage), START) for stage in Stage}

    assert settled == {Stage.VERIFY: False, Stage.FETCH: False, Stage.DONE: True, Stage.DEAD: True}
