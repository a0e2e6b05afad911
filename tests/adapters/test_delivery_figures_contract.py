"""What waits where: counted by stage, partner and class."""

import os
from datetime import datetime, timedelta

import pytest

from app.adapters.database import delivery_figures
from app.domain.admission import UNKNOWN_LIMITS
from app.domain.health import PartnerLimits
from app.domain.session import Priority, Stage, TokenStatus
from app.fetch_ports import WaitingRows
from app.ports import Claim
from app.reasons import TokenReason
from app.steps.accept import first_session_id, session_ids
from tests.adapters.fetching import LATER, claim_fairly, finish, open_breaker, waiting
from tests.adapters.stores import Stores
from tests.builders import NOW, move, new_session, outcome
from tests.fakes import fetching


def test_partners_are_shown_with_what_waits_for_them(stores: Stores) -> None:
    waiting(stores, 5)
    waiting(stores, 2, priority=Priority.REPLAY, due_at=NOW + timedelta(hours=1))
    waiting(stores, 1, "globex", Priority.RETRY)
    claim_fairly(stores, {"acme": PartnerLimits(max_concurrency=2)})
    open_breaker(stores, "initech")

    acme, globex, initech = stores.figures.load_partners(None, LATER)

    assert (acme.partner_id, acme.waiting) == (
        "acme",
        {
            Priority.FRESH: WaitingRows(in_flight=2, due=3, later=0),
            Priority.RETRY: WaitingRows(),
            Priority.REPLAY: WaitingRows(later=2),
        },
    )
    assert acme.limits == PartnerLimits(max_concurrency=7, rate_per_second=20.0)
    assert globex.limits == UNKNOWN_LIMITS
    assert globex.waiting[Priority.RETRY] == WaitingRows(due=1)
    assert initech.health.breaker.openings == 1


def test_partner_that_nobody_knows_is_shown_as_healthy(stores: Stores) -> None:
    [figures] = stores.figures.load_partners("acme", NOW)

    assert set(figures.waiting.values()) == {WaitingRows()}
    assert figures.health.breaker.opened_until is None


def test_stages_are_counted_by_class(stores: Stores) -> None:
    waiting(stores, 3, priority=Priority.RETRY)
    waiting(stores, 2)
    claimed = claim_fairly(stores, limit=1)
    finish(stores, claimed.sessions)
    stores.intake.add([new_session(), new_session()], NOW)

    counts = stores.figures.count_stages()

    assert counts[Stage.VERIFY][Priority.FRESH] == 2
    assert sum(counts[Stage.FETCH].values()) == 4
    assert counts[Stage.FETCH][Priority.RETRY] >= 2
    assert sum(counts[Stage.DONE].values()) == 1
    assert sum(counts[Stage.DEAD].values()) == 0


def test_longest_due_is_told_of_each_stage_and_class_in_which_a_session_waits(stores: Stores) -> None:
    hour = timedelta(hours=1)
    waiting(stores, 2, due_at=NOW - hour)
    waiting(stores, 1, priority=Priority.REPLAY, due_at=NOW + hour)
    finish(stores, claim_fairly(stores, limit=1).sessions)
    stores.intake.add([new_session()], NOW)
    stores.intake.add([new_session()], LATER)

    due = stores.figures.find_longest_due()

    assert due == {
        Stage.VERIFY: {Priority.FRESH: NOW},
        Stage.FETCH: {Priority.FRESH: NOW - hour + timedelta(microseconds=1), Priority.REPLAY: NOW + hour},
    }


def test_tokens_are_counted_by_partner_and_verdict(stores: Stores) -> None:
    add(stores, NOW, 4)
    add(stores, NOW, 1, "globex")
    expired = outcome(token_status=TokenStatus.REJECTED, token_reason=TokenReason.TOKEN_EXPIRED)
    claimed = stores.queue.claim(Claim(Stage.VERIFY, 5, NOW, LATER))
    accepted, *refused = [session for session in claimed if session.partner_id == "acme"][:3]
    stores.queue.finish([move(accepted), *(move(session, outcome=expired) for session in refused)], NOW)

    counts = stores.figures.count_tokens(first_session_id(NOW))

    assert counts == {
        "acme": {TokenStatus.ACCEPTED: 1, TokenReason.TOKEN_EXPIRED: 2, TokenStatus.PENDING: 1},
        "globex": {TokenStatus.PENDING: 1},
    }


def test_tokens_are_counted_from_a_moment_on(stores: Stores) -> None:
    for seconds in (-1, 0, 1):
        add(stores, NOW + timedelta(seconds=seconds), 1)

    counts = [stores.figures.count_tokens(first_session_id(moment)) for moment in (NOW, LATER)]

    assert counts == [{"acme": {TokenStatus.PENDING: 2}}, {}]


def test_tokens_counted_are_the_newest_and_no_more_than_are_promised(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (delivery_figures, fetching):
        monkeypatch.setattr(module, "COUNTED_AT_MOST", 2)
    add(stores, NOW, 2, "globex")
    add(stores, LATER, 1)

    counts = stores.figures.count_tokens(first_session_id(NOW))

    assert counts == {"acme": {TokenStatus.PENDING: 1}, "globex": {TokenStatus.PENDING: 1}}


def add(stores: Stores, now: datetime, number: int, partner_id: str = "acme") -> None:
    """Take sessions in at that moment, under the ids that they would have."""
    ids = session_ids(number, now, os.urandom)
    stores.intake.add([new_session(id=id_, partner_id=partner_id, received_at=now) for id_ in ids], now)
