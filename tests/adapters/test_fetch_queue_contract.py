"""Claims partner by partner: limits hold, partners and classes get their parts, a blocked partner is left alone."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.budget import Bucket
from app.domain.health import PartnerLimits, paused, resumed
from app.domain.session import Priority, Stage
from app.reasons import PrefillReason
from tests.adapters.fetching import LATER, LEASE, WIDE, claim_fairly, end_calls, failed, finish, open_breaker, waiting
from tests.adapters.stores import Stores
from tests.builders import NOW

SECOND = timedelta(seconds=1)


def test_list_due_names_the_partners_that_have_due_rows(stores: Stores) -> None:
    waiting(stores, 3, "globex", Priority.REPLAY)
    waiting(stores, 2, "acme")
    waiting(stores, 1, "initech", due_at=NOW + 60 * SECOND)

    assert list(stores.fetches.list_due(LATER)) == ["acme", "globex"]
    assert list(stores.fetches.list_due(NOW + 61 * SECOND)) == ["acme", "globex", "initech"]


def test_list_due_without_rows_is_empty(stores: Stores) -> None:
    assert list(stores.fetches.list_due(LATER)) == []


def test_claim_returns_the_oldest_with_all_they_hold(stores: Stores) -> None:
    ids = waiting(stores, 5)

    claimed = claim_fairly(stores, limit=3)

    assert [session.id for session in claimed.sessions] == ids[:3]
    assert claimed.is_full
    first = claimed.sessions[0]
    assert (first.stage, first.partner_id, first.attempts, first.crash_count) == (Stage.FETCH, "acme", 1, 0)
    assert first.request is not None


def test_claim_stops_at_the_calls_in_flight_and_goes_on_when_they_end(stores: Stores) -> None:
    waiting(stores, 20)
    limits = {"acme": PartnerLimits(max_concurrency=7)}

    first = claim_fairly(stores, limits, limit=5)
    second = claim_fairly(stores, limits, limit=5)
    third = claim_fairly(stores, limits, limit=5)
    finish(stores, first.sessions[:3])
    fourth = claim_fairly(stores, limits, limit=5)

    assert [len(claimed.sessions) for claimed in (first, second, third, fourth)] == [5, 2, 0, 3]
    assert (second.is_full, second.awaits_answers, third.awaits_answers) == (False, True, True)


def test_claim_with_a_limit_that_was_lowered_takes_nothing(stores: Stores) -> None:
    waiting(stores, 100)
    claim_fairly(stores, {"acme": PartnerLimits(max_concurrency=60)})

    lowered = claim_fairly(stores, {"acme": PartnerLimits(max_concurrency=10)}, limit=5)

    assert lowered.sessions == []


def test_claim_counts_leases_that_ran_out_no_more(stores: Stores) -> None:
    waiting(stores, 10)
    limits = {"acme": PartnerLimits(max_concurrency=4)}
    claim_fairly(stores, limits)

    again = claim_fairly(stores, limits, now=LATER + 2 * LEASE)

    assert [(session.attempts, session.crash_count) for session in again.sessions] == [(2, 1)] * 4


def test_claim_leaves_a_suspect_to_be_worked_on_alone(stores: Stores) -> None:
    waiting(stores)
    claim_fairly(stores)
    claim_fairly(stores, now=LATER + 2 * LEASE)

    assert claim_fairly(stores, now=LATER + 4 * LEASE).sessions == []


def test_claim_gives_partners_equal_parts_and_lends_what_one_does_not_need(stores: Stores) -> None:
    waiting(stores, 100, "acme")
    waiting(stores, 100, "globex")
    waiting(stores, 5, "initech")
    limits = dict.fromkeys(("acme", "globex", "initech"), WIDE)

    claimed = claim_fairly(stores, limits, limit=45)

    assert Counter(session.partner_id for session in claimed.sessions) == {"acme": 20, "globex": 20, "initech": 5}


def test_claim_under_pressure_shares_by_class(stores: Stores) -> None:
    priorities = {id_: priority for priority in Priority for id_ in waiting(stores, 200, priority=priority)}

    claims = [claim_fairly(stores, limit=10, turn=turn / 20) for turn in range(20)]

    taken = Counter(priorities[session.id] for claimed in claims for session in claimed.sessions)
    assert taken == {Priority.FRESH: 160, Priority.RETRY: 30, Priority.REPLAY: 10}


def test_claim_without_fresh_ones_lends_their_share(stores: Stores) -> None:
    waiting(stores, 20, priority=Priority.RETRY)
    waiting(stores, 20, priority=Priority.REPLAY)

    assert len(claim_fairly(stores, limit=30).sessions) == 30


def test_claim_of_a_partner_with_an_open_breaker_takes_nothing_and_spends_no_attempt(stores: Stores) -> None:
    waiting(stores, 10)
    open_breaker(stores)

    blocked = claim_fairly(stores)

    assert (blocked.sessions, blocked.again_at) == ([], LATER + 5 * SECOND)
    after = claim_fairly(stores, now=LATER + 5 * SECOND)
    assert [session.attempts for session in after.sessions] == [1]


def test_claim_half_open_lets_one_and_then_five_through(stores: Stores) -> None:
    waiting(stores, 50)
    open_breaker(stores)
    now = LATER + 5 * SECOND

    first = claim_fairly(stores, now=now)
    none = claim_fairly(stores, now=now)
    end_calls(stores, 1, now)
    finish(stores, first.sessions, now)
    five = claim_fairly(stores, now=now)
    end_calls(stores, 5, now)
    finish(stores, five.sessions, now)
    rest = claim_fairly(stores, now=now)

    assert [len(claimed.sessions) for claimed in (first, none, five, rest)] == [1, 0, 5, 44]


def test_claim_half_open_whose_probe_died_gives_out_another(stores: Stores) -> None:
    waiting(stores, 50)
    open_breaker(stores)
    claim_fairly(stores, now=LATER + 5 * SECOND)

    again = claim_fairly(stores, now=LATER + 5 * SECOND + 2 * LEASE)

    assert len(again.sessions) == 1


def test_claim_half_open_prefers_who_waits(stores: Stores) -> None:
    waiting(stores, 5, priority=Priority.RETRY)
    [fresh] = waiting(stores, due_at=NOW + SECOND)
    open_breaker(stores)

    claimed = claim_fairly(stores, now=LATER + 5 * SECOND)

    assert [session.id for session in claimed.sessions] == [fresh]


def test_claim_of_a_paused_partner_takes_nothing_until_it_is_resumed(stores: Stores) -> None:
    waiting(stores, 3)
    stores.health.change({"acme": lambda health: paused(health, "ops")}, NOW)

    blocked = claim_fairly(stores, now=LATER + 5 * SECOND)
    stores.health.change({"acme": resumed}, NOW)

    assert (blocked.sessions, blocked.again_at) == ([], None)
    assert len(claim_fairly(stores).sessions) == 3


def test_claim_of_a_blocked_partner_ends_what_has_expired(stores: Stores) -> None:
    [expired] = waiting(stores, expires_at=NOW + SECOND)
    waiting(stores)
    stores.health.change({"acme": lambda health: paused(health, "ops")}, NOW)

    claimed = claim_fairly(stores)

    assert [session.id for session in claimed.sessions] == [expired]


def test_claim_with_an_empty_bank_takes_fresh_ones_and_a_retry_a_second(stores: Stores) -> None:
    failed(stores, 20)
    fresh = waiting(stores, 3)
    stores.health.change({"acme": lambda health: replace(health, bank=Bucket(0, LATER))}, NOW)

    first = claim_fairly(stores)
    held_up = claim_fairly(stores)
    a_second_later = claim_fairly(stores, now=LATER + SECOND)

    assert {session.id for session in first.sessions} == set(fresh)
    assert (held_up.sessions, held_up.again_at) == ([], LATER + SECOND)
    assert len(a_second_later.sessions) == 1


def test_claim_stays_within_a_rate(stores: Stores) -> None:
    waiting(stores, 100)
    limits = {"acme": PartnerLimits(max_concurrency=1000, rate_per_second=20)}

    moments = [LATER + timedelta(seconds=tenth / 10) for tenth in range(11)]
    sizes = [len(claim_fairly(stores, limits, now=now).sessions) for now in moments]

    assert sizes == [2] * 11


def test_claim_of_one_partner_does_not_wait_for_another(stores: Stores) -> None:
    waiting(stores, 300, "dead")
    waiting(stores, 10, "acme")
    limits = {"acme": WIDE, "dead": PartnerLimits(max_concurrency=50)}

    first = claim_fairly(stores, limits)
    waiting(stores, 10, "acme")
    second = claim_fairly(stores, limits)

    assert Counter(session.partner_id for session in first.sessions) == {"acme": 10, "dead": 50}
    assert Counter(session.partner_id for session in second.sessions) == {"acme": 10}


@pytest.mark.parametrize(
    ("is_blocked", "reason"),
    [pytest.param(True, PrefillReason.BREAKER_OPEN, id="open"), pytest.param(False, None, id="closed")],
)
def test_load_of_a_session_that_waits_tells_whether_a_breaker_is_why(
    stores: Stores, is_blocked: bool, reason: PrefillReason | None
) -> None:
    [id_] = waiting(stores)
    if is_blocked:
        open_breaker(stores)

    assert stores.reads.load([id_])[id_].error_class is reason
