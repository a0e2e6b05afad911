"""While master keys are rotated, or one process is configured wrongly: what it cannot open is not lost."""

from contextlib import suppress
from datetime import timedelta

import pytest

from app.adapters.database.claimed_rows import TRY_AGAIN
from app.adapters.database.engine import Database
from app.adapters.sealing import AesSealing, KeyRing
from app.domain.session import Stage, is_poison
from app.errors import MasterKeyMissing, SealBroken
from app.ports import Claim
from tests.adapters.fetching import LATER, claim_fairly, waiting
from tests.adapters.stores import sql_stores
from tests.builders import NOW, new_session, request

LEASE = timedelta(seconds=30)


def sealing(key: bytes) -> AesSealing:
    return AesSealing(KeyRing.of((key * 32,)))


def test_claim_without_the_master_key_gives_back_untouched_to_a_process_that_has_it(database: Database) -> None:
    session = new_session()
    sql_stores(database).intake.add([session], NOW)
    other = sql_stores(database, sealing(b"x"))

    for number in range(5):  # as often as would make it poison, had it cost a crash each time
        with pytest.raises(MasterKeyMissing):
            other.queue.claim(Claim(Stage.VERIFY, 1, NOW + number * TRY_AGAIN, NOW + LEASE))

    [claimed] = sql_stores(database).queue.claim(Claim(Stage.VERIFY, 1, NOW + 5 * TRY_AGAIN, NOW + LEASE))
    assert (claimed.id, claimed.token, claimed.attempts, claimed.crash_count) == (session.id, session.token, 1, 0)


def test_claim_with_one_of_two_master_keys_takes_what_it_can_open(database: Database) -> None:
    old, new = sealing(b"o"), sealing(b"n")
    mine, foreign = new_session(), new_session()
    sql_stores(database, new).intake.add([foreign], NOW)
    sql_stores(database, old).intake.add([mine], NOW)

    claimed = sql_stores(database, old).queue.claim(Claim(Stage.VERIFY, 2, NOW, NOW + LEASE))

    later = sql_stores(database, new).queue.claim(Claim(Stage.VERIFY, 2, NOW + TRY_AGAIN, NOW + LEASE))
    assert [session.id for session in claimed] == [mine.id]
    assert [(session.id, session.crash_count) for session in later] == [(foreign.id, 0)]


def test_fair_claim_without_the_master_key_gives_back_untouched(database: Database) -> None:
    stores = sql_stores(database)
    [id_] = waiting(stores)
    later = LATER + TRY_AGAIN

    with pytest.raises(MasterKeyMissing):
        claim_fairly(sql_stores(database, sealing(b"x")))

    [claimed] = claim_fairly(stores, now=later).sessions
    assert (claimed.id, claimed.request, claimed.attempts, claimed.crash_count) == (id_, request(), 1, 0)


def test_session_whose_master_key_is_lost_is_ended_once_its_life_is_over(database: Database) -> None:
    session = new_session()
    sql_stores(database).intake.add([session], NOW)
    other = sql_stores(database, sealing(b"x"))
    ended: list[bool] = []

    for number in range(4):
        now = session.expires_at + 2 * number * LEASE
        with suppress(SealBroken):
            for alone in (False, True):
                claimed = other.queue.claim(Claim(Stage.VERIFY, 1, now, now + LEASE, alone=alone))
                ended += map(is_poison, claimed)

    assert ended == [True]
