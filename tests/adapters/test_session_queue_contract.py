from datetime import datetime, timedelta

from app.domain.session import ClaimedSession, Priority, Stage
from app.ports import Attempt, Claim
from app.reasons import PrefillReason
from tests.adapters.stores import Stores
from tests.builders import JWS, NOW, move, new_session, outcome, request

SECOND = timedelta(seconds=1)
LEASE = timedelta(seconds=30)


def taken_in(stores: Stores, number: int = 1) -> list[str]:
    sessions = [new_session(received_at=NOW + SECOND * n) for n in range(number)]
    stores.intake.add(sessions, NOW)
    return [session.id for session in sessions]


def claim(stores: Stores, now: datetime = NOW, stage: Stage = Stage.VERIFY, limit: int = 256) -> list[ClaimedSession]:
    return list(stores.queue.claim(Claim(stage, limit, now, now + LEASE)))


def test_claim_returns_what_was_taken_in(stores: Stores) -> None:
    session = new_session()
    stores.intake.add([session], NOW)

    [claimed] = claim(stores)

    assert (claimed.id, claimed.campaign_id, claimed.partner_id) == (session.id, "945645", "acme")
    assert (claimed.received_at, claimed.deadline_at) == (session.received_at, session.deadline_at)
    assert (claimed.expires_at, claimed.token, claimed.stage) == (session.expires_at, JWS, Stage.VERIFY)
    assert (claimed.attempts, claimed.crash_count, claimed.outcome, claimed.request) == (1, 0, None, None)


def test_claim_takes_the_oldest_first_and_no_more_than_the_limit(stores: Stores) -> None:
    ids = taken_in(stores, 5)

    first = claim(stores, NOW + 10 * SECOND, limit=3)
    second = claim(stores, NOW + 10 * SECOND, limit=3)

    assert [session.id for session in first] == ids[:3]
    assert [session.id for session in second] == ids[3:]


def test_claim_leaves_what_is_not_due_yet(stores: Stores) -> None:
    ids = taken_in(stores, 3)

    claimed = claim(stores, NOW + SECOND)

    assert [session.id for session in claimed] == ids[:2]


def test_claim_prefers_fresh_sessions_to_older_retries(stores: Stores) -> None:
    ids = taken_in(stores, 3)
    first, second, third = claim(stores, NOW + 10 * SECOND)
    moves = [
        move(first, Stage.FETCH, due_at=NOW, priority=Priority.REPLAY),
        move(second, Stage.FETCH, due_at=NOW + SECOND, priority=Priority.RETRY),
        move(third, Stage.FETCH, due_at=NOW + 2 * SECOND),
    ]
    stores.queue.finish(moves, NOW)

    claimed = claim(stores, NOW + 20 * SECOND, Stage.FETCH, limit=2)

    assert [session.id for session in claimed] == [ids[2], ids[1]]


def test_claim_of_one_stage_leaves_the_other(stores: Stores) -> None:
    taken_in(stores)

    assert claim(stores, stage=Stage.FETCH) == []


def test_finish_settles_the_session_and_blanks_its_token(stores: Stores) -> None:
    [id_] = taken_in(stores)
    [claimed] = claim(stores)

    moved = stores.queue.finish([move(claimed)], NOW + SECOND)

    assert moved == {id_}
    stored = stores.reads.load_settled([id_])[id_]
    assert (stored.stage, stored.outcome, stored.error_class) == (Stage.DONE, outcome(), None)
    assert claim(stores, NOW + 60 * LEASE) == []


def test_finish_to_the_next_stage_keeps_the_request_and_begins_to_count_anew(stores: Stores) -> None:
    [id_] = taken_in(stores)
    claim(stores)
    [crashed] = claim(stores, NOW + 2 * LEASE)
    due_at = NOW + 2 * LEASE + SECOND

    stores.queue.finish([move(crashed, Stage.FETCH, due_at=due_at, request=request())], NOW)

    assert (crashed.attempts, crashed.crash_count) == (2, 1)
    assert claim(stores, due_at - SECOND, Stage.FETCH) == []
    [claimed] = claim(stores, due_at, Stage.FETCH)
    assert (claimed.id, claimed.attempts, claimed.crash_count) == (id_, 1, 0)
    assert (claimed.token, claimed.request, claimed.outcome) == (None, request(), outcome())


def test_finish_in_the_same_stage_keeps_what_it_does_not_say_and_counts_on(stores: Stores) -> None:
    taken_in(stores)
    [claimed] = claim(stores)
    stores.queue.finish([move(claimed, Stage.FETCH, due_at=NOW, request=request())], NOW)
    [fetching] = claim(stores, stage=Stage.FETCH)
    retry = move(fetching, Stage.FETCH, due_at=NOW, outcome=None, error_class=PrefillReason.TIMEOUT)

    stores.queue.finish([retry], NOW)

    [again] = claim(stores, stage=Stage.FETCH)
    assert (again.attempts, again.request, again.outcome) == (2, request(), outcome())
    assert stores.reads.load([again.id])[again.id].error_class is PrefillReason.TIMEOUT


def test_finish_keeps_the_token_while_the_session_is_parked(stores: Stores) -> None:
    taken_in(stores)
    [claimed] = claim(stores)
    parked = move(claimed, Stage.VERIFY, due_at=NOW + SECOND, outcome=None, parked_on="https://acme.example/jwks.json")

    stores.queue.finish([parked], NOW)

    [again] = claim(stores, NOW + SECOND)
    assert (again.token, again.attempts, again.outcome) == (JWS, 2, None)


def test_finish_that_puts_off_in_verify_counts_no_attempt(stores: Stores) -> None:
    taken_in(stores)
    [claimed] = claim(stores)

    stores.queue.finish([move(claimed, Stage.VERIFY, due_at=NOW + SECOND, outcome=None)], NOW)

    [again] = claim(stores, NOW + SECOND)
    assert (again.token, again.attempts) == (JWS, 1)


def test_finish_that_puts_off_a_call_counts_no_attempt(stores: Stores) -> None:
    taken_in(stores)
    [claimed] = claim(stores)
    stores.queue.finish([move(claimed, Stage.FETCH, due_at=NOW, request=request())], NOW)
    [fetching] = claim(stores, stage=Stage.FETCH)

    stores.queue.finish([move(fetching, Stage.FETCH, due_at=NOW + SECOND, outcome=None)], NOW)

    [again] = claim(stores, NOW + SECOND, stage=Stage.FETCH)
    assert (again.attempts, again.request, again.outcome) == (1, request(), outcome())


def test_finish_of_a_zombie_changes_nothing(stores: Stores) -> None:
    [id_] = taken_in(stores)
    [zombie] = claim(stores)
    [heir] = claim(stores, NOW + 2 * LEASE)

    moved = stores.queue.finish([move(zombie, Stage.DEAD)], NOW + 2 * LEASE)

    assert moved == frozenset()
    assert stores.reads.load([id_])[id_].stage is Stage.VERIFY
    assert stores.queue.finish([move(heir)], NOW + 2 * LEASE) == {id_}


def test_finish_moves_only_those_whose_lease_holds(stores: Stores) -> None:
    ids = taken_in(stores, 2)
    first, second = claim(stores, NOW + SECOND)
    stores.queue.release({second.id: second.lease_token})

    moved = stores.queue.finish([move(first), move(second)], NOW + SECOND)

    assert moved == {ids[0]}


def test_finish_twice_moves_once(stores: Stores) -> None:
    [id_] = taken_in(stores)
    [claimed] = claim(stores)

    first = stores.queue.finish([move(claimed)], NOW)
    second = stores.queue.finish([move(claimed, Stage.DEAD)], NOW)

    assert first == {id_}
    assert second == frozenset()
    assert stores.reads.load([id_])[id_].stage is Stage.DONE


def test_finish_with_attempts_and_no_moves_is_taken(stores: Stores) -> None:
    attempt = Attempt("ses_gone", "acme", 1, NOW, SECOND, PrefillReason.HTTP_5XX, 503)

    assert stores.queue.finish([], NOW, [attempt]) == frozenset()


def test_attempt_told_again_since_its_caller_never_heard_of_it_stands_once(stores: Stores) -> None:
    [id_] = taken_in(stores)
    [claimed] = claim(stores)
    attempt = Attempt(id_, "acme", 1, NOW, SECOND, None, 200)
    later = Attempt(id_, "acme", 1, NOW + SECOND, SECOND, None, 200)

    stores.queue.finish([move(claimed)], NOW, [attempt])
    stores.queue.finish([move(claimed)], NOW, [attempt, later])

    history = stores.records.find_history(id_)
    assert history is not None
    assert [made.started_at for made in history.attempts] == [NOW, NOW + SECOND]


def test_renew_keeps_a_claim_from_others(stores: Stores) -> None:
    [id_] = taken_in(stores)
    [claimed] = claim(stores)

    renewed = stores.queue.renew({id_: claimed.lease_token}, NOW + 3 * LEASE)

    assert renewed == {id_}
    assert claim(stores, NOW + 2 * LEASE) == []
    assert stores.queue.finish([move(claimed)], NOW + 2 * LEASE) == {id_}


def test_renew_of_a_lost_lease_changes_nothing(stores: Stores) -> None:
    [id_] = taken_in(stores)
    [zombie] = claim(stores)
    claim(stores, NOW + 2 * LEASE)

    renewed = stores.queue.renew({id_: zombie.lease_token}, NOW + 100 * LEASE)

    assert renewed == frozenset()
    assert len(claim_alone(stores, NOW + 4 * LEASE)) == 1


def test_release_gives_back_without_attempt_or_crash(stores: Stores) -> None:
    [id_] = taken_in(stores)
    [claimed] = claim(stores)

    stores.queue.release({id_: claimed.lease_token})

    [again] = claim(stores)
    assert (again.id, again.attempts, again.crash_count) == (id_, 1, 0)


def test_release_for_later_is_due_later_and_counts_nothing_either(stores: Stores) -> None:
    [id_] = taken_in(stores)
    [claimed] = claim(stores)

    stores.queue.release({id_: claimed.lease_token}, NOW + SECOND)

    assert claim(stores) == []
    [again] = claim(stores, NOW + SECOND)
    assert (again.id, again.attempts, again.crash_count) == (id_, 1, 0)


def test_release_for_a_moment_that_is_over_keeps_the_place_in_the_queue(stores: Stores) -> None:
    ids = taken_in(stores, 2)
    claimed = claim(stores, NOW + SECOND)

    stores.queue.release({session.id: session.lease_token for session in reversed(claimed)}, NOW - SECOND)

    assert [session.id for session in claim(stores, NOW + SECOND)] == ids


def claim_alone(stores: Stores, now: datetime) -> list[ClaimedSession]:
    return list(stores.queue.claim(Claim(Stage.VERIFY, 256, now, now + LEASE, alone=True)))
