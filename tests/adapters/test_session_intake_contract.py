from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.participation import Verdict
from app.domain.session import Outcome, Stage, TokenStatus
from app.ports import Claim, TakenIn
from tests.adapters.stores import Stores
from tests.builders import JWE, JWS, NOW, move, new_session


def test_intake_returns_one_answer_each_in_order(stores: Stores) -> None:
    sessions = [new_session() for _ in range(5)]

    taken = stores.intake.add(sessions, NOW)

    assert taken == [TakenIn(session.id, session.expires_at) for session in sessions]
    assert stores.reads.load([session.id for session in sessions]).keys() == {session.id for session in sessions}


def test_intake_of_nothing_answers_nothing(stores: Stores) -> None:
    assert list(stores.intake.add([], NOW)) == []


@pytest.mark.parametrize(
    ("token", "encrypted"), [pytest.param(JWS, False, id="three parts"), pytest.param(JWE, True, id="five parts")]
)
def test_intake_remembers_whether_the_token_is_encrypted(stores: Stores, token: str, encrypted: bool) -> None:
    session = new_session(token=token)

    stores.intake.add([session], NOW)

    stored = stores.reads.load([session.id])[session.id]
    assert stored.encrypted is encrypted
    assert (stored.stage, stored.received_at, stored.deadline_at, stored.expires_at) == (
        Stage.VERIFY,
        session.received_at,
        session.deadline_at,
        session.expires_at,
    )


def test_intake_of_an_anonymous_session_is_settled_at_once(stores: Stores) -> None:
    outcome = Outcome(TokenStatus.ANONYMOUS, Verdict(allowed=True))
    session = new_session(token=None, stage=Stage.DONE, outcome=outcome)

    stores.intake.add([session], NOW)

    assert stores.reads.load_settled([session.id])[session.id].outcome == outcome


def test_intake_of_a_repeat_answers_with_the_earlier_session(stores: Stores) -> None:
    first = new_session(repeat_digest="digest")
    again = new_session(repeat_digest="digest", expires_at=NOW + timedelta(days=2))
    stores.intake.add([first], NOW)

    taken = stores.intake.add([again, other := new_session(repeat_digest="another")], NOW + timedelta(minutes=9))

    assert taken == [TakenIn(first.id, first.expires_at), TakenIn(other.id, other.expires_at)]
    assert stores.reads.load([again.id, other.id]).keys() == {other.id}


def test_intake_of_a_repeat_inside_one_batch_stores_the_first(stores: Stores) -> None:
    first, again = new_session(repeat_digest="digest"), new_session(repeat_digest="digest")
    between = new_session()

    taken = stores.intake.add([first, between, again], NOW)

    assert [answer.id for answer in taken] == [first.id, between.id, first.id]
    assert stores.reads.load([first.id, between.id, again.id]).keys() == {first.id, between.id}


def test_intake_of_a_repeat_after_ten_minutes_makes_a_new_session(stores: Stores) -> None:
    first = new_session(repeat_digest="digest")
    stores.intake.add([first], NOW)
    later = replace(new_session(repeat_digest="digest"), received_at=NOW + timedelta(minutes=10))

    taken = stores.intake.add([later], later.received_at)
    repeated = stores.intake.add([new_session(repeat_digest="digest")], later.received_at)

    assert [taken[0].id, repeated[0].id] == [later.id, later.id]


def test_intake_of_a_repeat_after_the_session_ended_makes_a_new_session(stores: Stores) -> None:
    end = NOW + timedelta(seconds=2)
    first = new_session(repeat_digest="digest", expires_at=end)
    stores.intake.add([first], NOW)

    [in_time] = stores.intake.add([new_session(repeat_digest="digest")], end - timedelta(milliseconds=1))
    [late] = stores.intake.add([later := new_session(repeat_digest="digest")], end)
    [repeated] = stores.intake.add([new_session(repeat_digest="digest")], end)

    assert [in_time.id, late.id, repeated.id] == [first.id, later.id, later.id]
    assert stores.reads.load([first.id, later.id]).keys() == {first.id, later.id}


@pytest.mark.parametrize("digest", [pytest.param(None, id="without a key"), pytest.param("digest", id="with a key")])
def test_intake_of_the_same_sessions_again_changes_nothing(stores: Stores, digest: str | None) -> None:
    session = new_session(repeat_digest=digest)
    stores.intake.add([session], NOW)
    [claimed] = stores.queue.claim(Claim(Stage.VERIFY, 1, NOW, NOW + timedelta(seconds=30)))
    stores.queue.finish([move(claimed)], NOW)

    taken = stores.intake.add([session], NOW)

    assert taken == [TakenIn(session.id, session.expires_at)]
    assert stores.reads.load([session.id])[session.id].stage is Stage.DONE


def test_reads_leave_out_what_does_not_exist(stores: Stores) -> None:
    session = new_session()
    stores.intake.add([session], NOW)

    assert stores.reads.load([session.id, "ses_unknown"]).keys() == {session.id}
    assert stores.reads.load_settled([session.id]) == {}
    assert stores.reads.load([]) == {}
