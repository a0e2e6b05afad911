"""Claims of sessions that have killed two processes: one at a time, and only if their partner may be called."""

from datetime import datetime, timedelta

import pytest

from app.domain.health import PartnerLimits, paused
from app.domain.session import ClaimedSession, Stage
from app.fetch_ports import FetchClaimed
from app.reasons import PrefillReason
from tests.adapters.fetching import LATER, LEASE, WIDE, claim_fairly, open_breaker, waiting
from tests.adapters.stores import Stores
from tests.builders import NOW, move

SECOND = timedelta(seconds=1)
AFTERWARDS = LATER + 4 * LEASE


def suspects(
    stores: Stores, number: int, partner_id: str = "acme", expires_at: datetime = NOW + 99 * LEASE
) -> list[str]:
    """Put sessions before their call that have killed two processes; return their ids."""
    ids = waiting(stores, number, partner_id, expires_at=expires_at)
    for now in (LATER, LATER + 2 * LEASE):
        claim_fairly(stores, {partner_id: WIDE}, now=now)
    return ids


def claim_alone(
    stores: Stores, limits: PartnerLimits = WIDE, now: datetime = AFTERWARDS, partner_id: str = "acme"
) -> FetchClaimed:
    return claim_fairly(stores, {partner_id: limits}, limit=1, now=now, alone=True)


def ids_of(claimed: FetchClaimed) -> list[str]:
    return [session.id for session in claimed.sessions]


def test_claim_alone_takes_suspects_one_by_one_and_nobody_else(stores: Stores) -> None:
    ids = suspects(stores, 2)
    waiting(stores, 3)

    claims = [claim_alone(stores) for _ in range(3)]

    assert [ids_of(claimed) for claimed in claims] == [ids[:1], ids[1:], []]
    assert [session.crash_count for session in claims[0].sessions] == [2]


def test_list_due_alone_names_the_partners_that_have_suspects(stores: Stores) -> None:
    suspects(stores, 2, "globex")
    waiting(stores, 1, "acme")

    assert list(stores.fetches.list_due(AFTERWARDS, alone=True)) == ["globex"]
    claim_alone(stores, partner_id="globex")
    claim_alone(stores, partner_id="globex")
    assert list(stores.fetches.list_due(AFTERWARDS, alone=True)) == []


@pytest.mark.parametrize("blocks", ["pause", "breaker", "concurrency", "rate"])
def test_claim_alone_of_a_partner_that_may_not_be_called_takes_nothing(stores: Stores, blocks: str) -> None:
    suspects(stores, 2)
    limits = WIDE
    match blocks:
        case "pause":
            stores.health.change({"acme": lambda health: paused(health, "ops")}, NOW)
        case "breaker":
            open_breaker(stores, now=AFTERWARDS)
        case "concurrency":
            limits = PartnerLimits(max_concurrency=1)
            waiting(stores, 1)
            claim_fairly(stores, now=AFTERWARDS)
        case "rate":
            limits = PartnerLimits(max_concurrency=10, rate_per_second=1)
            claim_alone(stores, limits)

    assert claim_alone(stores, limits).sessions == []


def test_claim_alone_of_a_paused_partner_ends_what_has_expired(stores: Stores) -> None:
    ids = suspects(stores, 1, expires_at=AFTERWARDS)
    stores.health.change({"acme": lambda health: paused(health, "ops")}, NOW)

    assert ids_of(claim_alone(stores)) == ids


def test_suspect_whose_call_ended_is_none_any_more(stores: Stores) -> None:
    [id_] = suspects(stores, 1)
    [suspect] = claim_alone(stores).sessions
    _fail(stores, suspect)

    again = claim_fairly(stores, now=AFTERWARDS + SECOND)

    assert [(session.id, session.crash_count, session.attempts) for session in again.sessions] == [(id_, 0, 4)]


def _fail(stores: Stores, session: ClaimedSession) -> None:
    failed = move(session, Stage.FETCH, due_at=AFTERWARDS, error_class=PrefillReason.TIMEOUT)
    stores.queue.finish([failed], AFTERWARDS)
