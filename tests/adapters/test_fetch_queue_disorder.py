"""Claims when rows come in any order: limits hold, and nobody waits behind rows that need no call."""

from datetime import timedelta

from app.domain.health import PartnerLimits, paused
from tests.adapters.fetching import LATER, LEASE, WIDE, claim_fairly, finish, waiting
from tests.adapters.stores import Stores
from tests.builders import NOW

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
