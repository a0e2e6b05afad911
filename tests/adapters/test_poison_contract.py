from datetime import datetime, timedelta

from app.domain.session import ClaimedSession, Stage, is_poison
from app.ports import Claim
from tests.adapters.stores import Stores
from tests.builders import NOW, move, new_session

LEASE = timedelta(seconds=30)


def claim(stores: Stores, now: datetime, *, alone: bool = False) -> list[ClaimedSession]:
    return list(stores.queue.claim(Claim(Stage.VERIFY, 256, now, now + LEASE, alone=alone)))


def test_claim_where_the_process_died_twice_is_made_alone(stores: Stores) -> None:
    poison, mate = new_session(), new_session()
    stores.intake.add([poison, mate], NOW)
    claim(stores, NOW)
    for session in claim(stores, NOW + 2 * LEASE):
        if session.id == mate.id:
            stores.queue.finish([move(session)], NOW)

    in_company = claim(stores, NOW + 4 * LEASE)
    alone = claim(stores, NOW + 4 * LEASE, alone=True)

    assert in_company == []
    assert [(session.id, session.crash_count, session.attempts) for session in alone] == [(poison.id, 2, 3)]


def test_claim_alone_takes_one_at_a_time(stores: Stores) -> None:
    stores.intake.add([new_session() for _ in range(3)], NOW)
    claim(stores, NOW)
    claim(stores, NOW + 2 * LEASE)

    taken = [len(claim(stores, NOW + 4 * LEASE, alone=True)) for _ in range(4)]

    assert taken == [1, 1, 1, 0]


def test_claim_alone_leaves_sessions_that_killed_at_most_once(stores: Stores) -> None:
    stores.intake.add([new_session()], NOW)
    claim(stores, NOW)

    assert claim(stores, NOW + 2 * LEASE, alone=True) == []


def test_crash_counted_three_times_makes_exactly_three_runs(stores: Stores) -> None:
    poison = new_session()
    mates = [new_session() for _ in range(3)]
    stores.intake.add([poison, *mates], NOW)
    runs: list[str] = []
    settled: set[str] = set()

    # Each round is a process: it dies where it meets the poison, and with it the claims of its batch.
    for number in range(12):
        now = NOW + 2 * number * LEASE
        batch = claim(stores, now) or claim(stores, now, alone=True)
        for session in batch:
            if is_poison(session):
                stores.queue.finish([move(session, Stage.DEAD)], now)
            elif session.id == poison.id:
                runs.append(session.id)
                break
            else:
                settled |= stores.queue.finish([move(session)], now)

    assert len(runs) == 3
    assert settled == {mate.id for mate in mates}
    assert stores.reads.load([poison.id])[poison.id].stage is Stage.DEAD
