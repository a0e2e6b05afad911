"""Claims when rows come in any order: limits hold, and nobody waits behind rows that need no call."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from app.domain.budget import Bucket
from app.domain.health import PartnerLimits, paused
from app.domain.session import Priority
from app.fetch_ports import FetchClaimed
from tests.adapters.fetching import LATER, LEASE, WIDE, claim_fairly, failed, finish, replayed, waiting
from tests.adapters.stores import Stores
from tests.builders import NOW, request

SECOND = timedelta(seconds=1)


def test_claim_counts_the_calls_in_flight_however_many_rows_come_in_late_and_older(stores: Stores) -> None:
    waiting(stores, 50)
    limits = {"acme": PartnerLimits(max_concurrency=50)}
    first = claim_fairly(stores, limits)
    late = [*waiting(stores, 256, due_at=NOW - 2 * SECOND), *waiting(stores, 256, due_at=NOW - SECOND)]

    none = claim_fairly(stores, limits)
    finish(stores, first.sessions[:10])
    ten = claim_fairly(stores, limits)

    assert (len(first.sessions), none.sessions) == (50, [])
    assert [session.id for session in ten.sessions] == late[:10]


def test_claim_with_many_expired_rows_of_one_partner_takes_the_others_too(stores: Stores) -> None:
    expired = waiting(stores, 60, expires_at=NOW + SECOND)
    good = waiting(stores, 30, "globex")
    limits = {"acme": WIDE, "globex": WIDE}

    claims = [claim_fairly(stores, limits, limit=20) for _ in range(6)]

    taken = [{session.id for session in claimed.sessions} for claimed in claims]
    assert [len(ids & set(expired)) for ids in taken] == [5, 5, 20, 20, 10, 0]
    assert set(good) <= taken[0] | taken[1]
    assert [claimed.is_full for claimed in claims] == [True] * 4 + [False] * 2


def test_claim_with_expired_rows_of_two_partners_takes_of_both(stores: Stores) -> None:
    expired = {id_ for name in ("acme", "globex") for id_ in waiting(stores, 40, name, expires_at=NOW + SECOND)}
    stores.health.change({"acme": lambda health: paused(health, "ops")}, NOW)

    claimed = claim_fairly(stores, {"acme": WIDE, "globex": WIDE}, limit=20)

    assert {session.id for session in claimed.sessions} <= expired
    assert sorted(session.partner_id for session in claimed.sessions) == ["acme"] * 10 + ["globex"] * 10


def test_claim_of_rows_given_back_counts_them_no_more(stores: Stores) -> None:
    waiting(stores, 20)
    limits = {"acme": PartnerLimits(max_concurrency=5)}
    first = claim_fairly(stores, limits)
    stores.queue.release({session.id: session.lease_token for session in first.sessions})

    again = claim_fairly(stores, limits, now=LATER + LEASE)

    assert [session.attempts for session in again.sessions] == [1] * 5


def test_claim_takes_who_waits_before_those_who_left_and_then_these(stores: Stores) -> None:
    left = waiting(stores, 20, deadline_at=LATER)
    waits = waiting(stores, 3, due_at=NOW + SECOND)
    limits = {"acme": PartnerLimits(max_concurrency=4)}
    stores.health.change({"acme": lambda health: replace(health, bank=Bucket(0, LATER))}, NOW)

    first = claim_fairly(stores, limits, limit=3)
    second = claim_fairly(stores, {"acme": WIDE})

    assert {session.id for session in first.sessions} == set(waits)
    assert {session.id for session in second.sessions} == set(left)  # the empty bank does not hold up first tries
    assert {session.priority for session in second.sessions} == {Priority.RETRY}


def test_claim_with_more_who_left_than_it_looks_at_comes_back_at_once_for_who_waits(stores: Stores) -> None:
    waiting(stores, 1400, deadline_at=LATER)
    [waits] = waiting(stores, due_at=NOW + SECOND)
    limits = {"acme": PartnerLimits(max_concurrency=6)}

    claims = [claim_fairly(stores, limits, limit=3) for _ in range(2)]

    assert claims[0].is_full
    assert waits in {session.id for claimed in claims for session in claimed.sessions}


def test_claim_of_a_blocked_partner_leaves_who_left_where_the_figures_show_them(stores: Stores) -> None:
    waiting(stores, 3, deadline_at=LATER)
    stores.health.change({"acme": lambda health: paused(health, "ops")}, NOW)

    blocked = claim_fairly(stores)

    [figures] = stores.figures.load_partners("acme", LATER)
    assert blocked.sessions == []
    assert {priority: waits.due for priority, waits in figures.waiting.items()} == {
        Priority.FRESH: 0,
        Priority.RETRY: 3,
        Priority.REPLAY: 0,
    }


def test_claim_of_a_replay_with_an_empty_bank_goes_by_its_own_rate(stores: Stores) -> None:
    failed(stores, 5)
    waiting(stores, 20, priority=Priority.REPLAY)
    stores.health.change({"acme": lambda health: replace(health, bank=Bucket(2, LATER))}, NOW)

    claimed = claim_fairly(stores)

    taken = [session.priority for session in claimed.sessions]
    assert (taken.count(Priority.REPLAY), taken.count(Priority.RETRY)) == (20, 2)
    assert stores.health.load(["acme"])["acme"].bank == Bucket(0, LATER)


DAYS = timedelta(days=1)


@pytest.mark.parametrize(
    ("force", "expires_at", "now", "is_over"),
    [
        pytest.param(False, NOW + 2 * DAYS, LATER, False, id="readable"),
        pytest.param(False, NOW + SECOND, LATER, True, id="expired"),
        pytest.param(True, NOW + SECOND, LATER, False, id="expired-and-forced"),
        pytest.param(True, NOW + SECOND, LATER + 8 * DAYS, True, id="forced-and-past-its-keeping"),
    ],
)
def test_claim_of_a_replay_ends_what_has_expired_unless_forced(
    stores: Stores, force: bool, expires_at: datetime, now: datetime, is_over: bool
) -> None:
    replayed(stores, expires_at, force=force)

    assert _over(claim_fairly(stores, now=now)) == [is_over]


@pytest.mark.parametrize("priority", [Priority.RETRY, Priority.REPLAY])
def test_claim_of_a_blocked_partner_ends_what_has_no_access_token_any_more(stores: Stores, priority: Priority) -> None:
    waiting(stores, priority=priority, call=request(bearer_expires_at=LATER))
    stores.health.change({"acme": lambda health: paused(health, "ops")}, NOW)

    assert _over(claim_fairly(stores)) == [True]


def _over(claimed: FetchClaimed) -> list[bool]:
    return [session.is_over for session in claimed.sessions]
