"""A participation is recorded, or refused with the error of its reason; and what is told of it."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.domain.campaign import Mode
from app.domain.participation import TOKEN_REJECTED, Limit, Ticket
from app.domain.play import Played, PlayRefusal
from app.domain.session import Outcome, Stage, StoredSession, TokenStatus
from app.play_errors import LimitReached, NotEligible, NotSettled, PlayRefused, SessionRejected, TokenReused
from app.reasons import TokenReason
from app.steps.participate import RecordParticipation
from app.steps.read import Visit
from tests.builders import campaign, outcome, stored
from tests.fakes import FixedClock, MemoryLedger

REJECTED = Outcome(TokenStatus.REJECTED, TOKEN_REJECTED, TokenReason.TOKEN_EXPIRED)


@dataclass(slots=True)
class Scene:
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    _drawn: int = 0

    def play(self, session: StoredSession, key: str | None = None, **campaign_changes: Any) -> Played:
        record = RecordParticipation(self.ledger, FixedClock(), self._entropy)
        return record(Visit(session, campaign(**campaign_changes)), key)

    def _entropy(self, count: int) -> bytes:
        self._drawn += 1
        return self._drawn.to_bytes(count, "big")


def session(given: Outcome | None = None, ticket: Ticket | None = None, **changes: Any) -> StoredSession:
    judged = given or outcome(ticket=ticket or Ticket())
    return stored(**{"stage": Stage.DONE, "outcome": judged, "participant_digest": "digest", **changes})


def test_participation_is_recorded_with_an_id_that_sorts_by_time() -> None:
    recorded = Scene().play(session(ticket=Ticket(Limit(nb=3))))

    assert recorded == Played(recorded.id, used=1, remaining=2)
    assert recorded.id.startswith("par_01k")
    assert len(recorded.id) == 30


def test_participations_of_two_sessions_of_one_participant_are_counted_together() -> None:
    scene, ticket = Scene(), Ticket(Limit(nb=2))

    told = [scene.play(session(ticket=ticket)) for _ in range(2)]

    assert [(one.used, one.remaining) for one in told] == [(1, 1), (2, 0)]
    with pytest.raises(LimitReached):
        scene.play(session(ticket=ticket))


def test_participations_without_a_key_are_plays_of_their_own() -> None:
    scene, visitor = Scene(), session()

    told = [scene.play(visitor) for _ in range(2)]

    assert [(one.used, one.remaining) for one in told] == [(1, None), (2, None)]


def test_participation_requested_again_is_answered_as_before() -> None:
    scene, visitor = Scene(), session(ticket=Ticket(Limit(nb=1)))
    first = scene.play(visitor, "key")

    again = scene.play(visitor, "key")

    assert again == replace(first, is_repeat=True)
    assert len(scene.ledger.plays) == 1


def test_participation_requested_again_is_answered_as_before_though_the_key_was_revoked_since() -> None:
    scene, visitor = Scene(), session()
    first = scene.play(visitor, "key")
    revoked = replace(visitor, outcome=REJECTED)

    again = scene.play(revoked, "key")

    assert again.id == first.id
    with pytest.raises(SessionRejected):
        scene.play(revoked, "another")


@pytest.mark.parametrize(
    ("visitor", "error"),
    [
        pytest.param(session(outcome=None, stage=Stage.VERIFY), NotSettled, id="not-settled"),
        pytest.param(session(REJECTED), SessionRejected, id="token-rejected"),
        pytest.param(
            session(replace(REJECTED, token_reason=TokenReason.TOKEN_REUSED)), TokenReused, id="token-reused-at-load"
        ),
        pytest.param(session(ticket=Ticket(Limit(can_play=False))), NotEligible, id="not-eligible"),
        pytest.param(session(ticket=Ticket(Limit(nb=0))), LimitReached, id="limit-reached"),
    ],
)
def test_participation_that_is_refused_leaves_nothing_behind(visitor: StoredSession, error: type[PlayRefused]) -> None:
    scene = Scene()

    with pytest.raises(error), capture_logs() as logs:
        scene.play(visitor, "key")

    assert scene.ledger == MemoryLedger(_lock=scene.ledger._lock)
    assert logs == [
        {
            "event": "participation.refused",
            "log_level": "info",
            "session_id": visitor.id,
            "campaign_id": "945645",
            "partner_id": "acme",
            "reason": error.code,
        }
    ]


def test_token_of_single_use_is_used_up_by_the_session_that_plays() -> None:
    scene, ticket = Scene(), Ticket(jti_digest="jti")
    mine, other = session(ticket=ticket), session(ticket=ticket)

    scene.play(mine, single_use=True)
    again = scene.play(mine, single_use=True)

    assert again.used == 2
    with pytest.raises(TokenReused):
        scene.play(other, single_use=True)


def test_token_of_single_use_counts_once_in_a_campaign_that_asks_for_none_too() -> None:
    scene, ticket = Scene(), Ticket(jti_digest="jti")
    scene.play(session(ticket=ticket), single_use=True, mode=Mode.OPTIONAL)

    with pytest.raises(TokenReused):
        scene.play(session(ticket=ticket), single_use=True, mode=Mode.OPTIONAL)


@pytest.mark.parametrize(
    ("visitor", "waived"),
    [
        pytest.param(session(outcome=None, stage=Stage.VERIFY), PlayRefusal.NOT_SETTLED, id="not-settled"),
        pytest.param(session(REJECTED), PlayRefusal.TOKEN_REJECTED, id="token-rejected"),
        pytest.param(session(ticket=Ticket(jti_digest="used")), PlayRefusal.TOKEN_REUSED, id="token-reused"),
        pytest.param(session(ticket=Ticket(Limit(can_play=False))), PlayRefusal.NOT_ELIGIBLE, id="not-eligible"),
        pytest.param(session(ticket=Ticket(Limit(nb=0))), PlayRefusal.LIMIT_REACHED, id="limit-reached"),
        pytest.param(session(), None, id="allowed"),
    ],
)
def test_participation_where_nothing_is_enforced_is_recorded_with_what_was_found(
    visitor: StoredSession, waived: PlayRefusal | None
) -> None:
    scene = Scene(MemoryLedger(uses={("acme", "used"): "ses_another"}))

    recorded = scene.play(visitor, mode=Mode.REPORT_ONLY, single_use=True)

    assert (recorded.used, recorded.waived) == (1, waived)
    assert scene.ledger.uses["acme", "used"] == "ses_another"


def test_participation_is_logged_without_its_participant() -> None:
    visitor = session(ticket=Ticket(Limit(nb=2)))

    with capture_logs() as logs:
        recorded = Scene().play(visitor, "key")

    assert logs == [
        {
            "event": "participation.recorded",
            "log_level": "info",
            "session_id": visitor.id,
            "campaign_id": "945645",
            "partner_id": "acme",
            "participation_id": recorded.id,
            "used": 1,
            "remaining": 1,
            "waived": None,
            "is_repeat": False,
        }
    ]
