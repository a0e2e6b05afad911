"""On which terms a session plays, by what became of its token and by the campaign's mode; and what counting finds."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.domain.campaign import MAX_SESSION_TTL, Mode
from app.domain.participation import ALLOWED, TOKEN_REJECTED, Limit, Ticket, Verdict
from app.domain.partner import MAX_LEEWAY
from app.domain.play import FOREVER, Play, Played, PlayRefusal, TokenUse, judge_play, played, prepare_play
from app.domain.session import Outcome, Stage, StoredSession, TokenStatus
from app.reasons import TokenReason
from tests.builders import NOW, campaign, outcome, stored

LIMIT = Limit(nb=2)
ACCEPTED = outcome(ticket=Ticket(LIMIT, "jti-digest", NOW))
EXPIRED = Outcome(TokenStatus.REJECTED, TOKEN_REJECTED, TokenReason.TOKEN_EXPIRED)
REUSED = Outcome(TokenStatus.REJECTED, TOKEN_REJECTED, TokenReason.TOKEN_REUSED)
ANONYMOUS = Outcome(TokenStatus.ANONYMOUS, ALLOWED)


def session(given: Outcome | None) -> StoredSession:
    return stored(id="ses_1", stage=Stage.DONE, outcome=given, participant_digest="digest")


def prepared(given: Outcome | None, **changes: Any) -> Play | PlayRefusal:
    return prepare_play(session(given), campaign(**changes), "par_1", "repeat", NOW)


@pytest.mark.parametrize(
    ("given", "mode", "refusal"),
    [
        pytest.param(None, Mode.REQUIRED, PlayRefusal.NOT_SETTLED, id="pending-required"),
        pytest.param(None, Mode.OPTIONAL, PlayRefusal.NOT_SETTLED, id="pending-optional"),
        pytest.param(EXPIRED, Mode.REQUIRED, PlayRefusal.TOKEN_REJECTED, id="rejected-required"),
        pytest.param(REUSED, Mode.REQUIRED, PlayRefusal.TOKEN_REUSED, id="reused-required"),
        pytest.param(ANONYMOUS, Mode.REQUIRED, PlayRefusal.TOKEN_REJECTED, id="anonymous-but-now-required"),
    ],
)
def test_play_is_refused_by_what_the_token_says(given: Outcome | None, mode: Mode, refusal: PlayRefusal) -> None:
    assert prepared(given, mode=mode) is refusal


@pytest.mark.parametrize(
    ("given", "mode", "waived"),
    [
        pytest.param(EXPIRED, Mode.OPTIONAL, None, id="rejected-optional"),
        pytest.param(REUSED, Mode.OPTIONAL, None, id="reused-optional"),
        pytest.param(ANONYMOUS, Mode.OPTIONAL, None, id="anonymous-optional"),
        pytest.param(None, Mode.REPORT_ONLY, PlayRefusal.NOT_SETTLED, id="pending-report-only"),
        pytest.param(EXPIRED, Mode.REPORT_ONLY, PlayRefusal.TOKEN_REJECTED, id="rejected-report-only"),
        pytest.param(REUSED, Mode.REPORT_ONLY, PlayRefusal.TOKEN_REUSED, id="reused-report-only"),
        pytest.param(ANONYMOUS, Mode.REPORT_ONLY, None, id="anonymous-report-only"),
    ],
)
def test_play_of_nobody_is_counted_by_its_session(
    given: Outcome | None, mode: Mode, waived: PlayRefusal | None
) -> None:
    play = prepared(given, mode=mode, single_use=True)

    assert play == Play(
        id="par_1",
        session_id="ses_1",
        campaign_id="945645",
        partner_id="acme",
        counted_as="ses_1",
        at=NOW,
        repeat_digest="repeat",
        is_enforced=mode is not Mode.REPORT_ONLY,
        waived=waived,
    )


@pytest.mark.parametrize("mode", [pytest.param(mode, id=mode) for mode in Mode])
def test_play_of_an_accepted_token_is_counted_by_its_participant(mode: Mode) -> None:
    play = prepared(ACCEPTED, mode=mode, single_use=True)

    assert play == Play(
        id="par_1",
        session_id="ses_1",
        campaign_id="945645",
        partner_id="acme",
        counted_as="digest",
        at=NOW,
        limit=LIMIT,
        use=TokenUse("jti-digest", NOW + MAX_LEEWAY + MAX_SESSION_TTL),
        repeat_digest="repeat",
        is_enforced=mode is not Mode.REPORT_ONLY,
    )


def test_play_of_a_session_whose_verdict_at_load_was_no_is_decided_anew() -> None:
    refused = replace(ACCEPTED, verdict=Verdict(allowed=False))

    assert isinstance(prepared(refused), Play)


@pytest.mark.parametrize(
    ("ticket", "single_use", "use"),
    [
        pytest.param(Ticket(LIMIT, "jti-digest", NOW), False, None, id="not-of-single-use"),
        pytest.param(Ticket(LIMIT, None, NOW), True, None, id="accepted-before-without-jti"),
        pytest.param(Ticket(LIMIT, "jti-digest"), True, TokenUse("jti-digest", FOREVER), id="without-exp"),
        pytest.param(
            Ticket(LIMIT, "jti-digest", FOREVER - timedelta(days=1)),
            True,
            TokenUse("jti-digest", FOREVER),
            id="exp-beyond-reason",
        ),
    ],
)
def test_play_uses_up_the_token_for_as_long_as_sessions_of_it_can_live(
    ticket: Ticket, single_use: bool, use: TokenUse | None
) -> None:
    play = prepared(replace(ACCEPTED, ticket=ticket), single_use=single_use)

    assert isinstance(play, Play)
    assert play.use == use


@pytest.mark.parametrize(
    ("limit", "used", "is_reused", "found"),
    [
        pytest.param(Limit(), 7, False, None, id="no-limit"),
        pytest.param(Limit(nb=2), 1, False, None, id="one-left"),
        pytest.param(Limit(nb=2), 2, False, PlayRefusal.LIMIT_REACHED, id="none-left"),
        pytest.param(Limit(nb=0), 0, False, PlayRefusal.LIMIT_REACHED, id="none-ever"),
        pytest.param(Limit(nb=2, can_play=False), 0, False, PlayRefusal.NOT_ELIGIBLE, id="not-eligible"),
        pytest.param(Limit(can_play=True), 7, False, None, id="eligible"),
        pytest.param(Limit(nb=2), 2, True, PlayRefusal.TOKEN_REUSED, id="the-token-is-judged-first"),
    ],
)
def test_play_is_judged_by_what_is_counted(limit: Limit, used: int, is_reused: bool, found: PlayRefusal | None) -> None:
    play = prepared(replace(ACCEPTED, ticket=Ticket(limit)))

    assert isinstance(play, Play)
    assert judge_play(play, used, is_reused=is_reused) is found


@pytest.mark.parametrize(
    ("limit", "used", "remaining"),
    [
        pytest.param(Limit(), 7, None, id="no-limit"),
        pytest.param(Limit(nb=3), 1, 2, id="two-left"),
        pytest.param(Limit(nb=3), 5, 0, id="beyond-the-limit-where-nothing-is-enforced"),
    ],
)
def test_played_tells_what_remains(limit: Limit, used: int, remaining: int | None) -> None:
    play = prepared(replace(ACCEPTED, ticket=Ticket(limit)))

    assert isinstance(play, Play)
    assert played(play, used, None) == Played("par_1", used, remaining)
