from dataclasses import replace
from datetime import timedelta

from app.domain.keyset import DroppedKey, Keyset, KeysetPolicy, KeysetState, keyset_state
from app.domain.keyset_refresh import after_failure
from app.domain.session import ClaimedSession, SessionMove, Stage
from app.ports import Claim, Work
from tests.adapters.stores import Stores
from tests.builders import NOW, SOURCE, jwk, keyset, move, new_session

POLICY = KeysetPolicy()
SECOND = timedelta(seconds=1)
LEASE = timedelta(seconds=15)
OTHER = "https://other.example/jwks.json"


def ask(stores: Stores, *kids: str, at: timedelta = timedelta(0)) -> bool:
    return stores.keysets.ask({SOURCE: frozenset(kids)}, NOW + at)


def fetched(stores: Stores, at: timedelta = timedelta(0), **changes: object) -> Keyset:
    """Ask, claim and save a key set that was fetched with success at that time."""
    now = NOW + at
    ask(stores, at=at)
    [claimed] = stores.keyset_queue.claim_due(10, now, now + LEASE)
    times = {"fetched_at": now, "attempted_at": now, "refresh_at": now + timedelta(minutes=42)}
    saved = keyset(**{**times, **changes})
    assert stores.keyset_queue.save(saved, claimed.lease_token or "", now)
    return saved


def load(stores: Stores) -> Keyset:
    return stores.keysets.load(frozenset({SOURCE}))[SOURCE]


def test_load_of_an_unknown_source_is_empty(stores: Stores) -> None:
    assert stores.keysets.load(frozenset({SOURCE})) == {}
    assert stores.keysets.load(frozenset()) == {}


def test_ask_for_an_unknown_source_makes_it_empty_and_due(stores: Stores) -> None:
    is_due = ask(stores)

    assert is_due
    assert keyset_state(load(stores), NOW) is KeysetState.EMPTY
    assert [claimed.source for claimed in stores.keyset_queue.claim_due(10, NOW, NOW + LEASE)] == [SOURCE]


def test_save_is_read_as_it_was_written(stores: Stores) -> None:
    dropped = (DroppedKey("k2", "key_too_small"), DroppedKey(None, "kid_missing"))

    saved = fetched(stores, keys=(jwk("a"), jwk("b")), dropped=dropped, etag='"1"', last_modified="Mon", version=3)

    assert load(stores) == saved


def test_save_is_seen_by_who_had_loaded_before(stores: Stores) -> None:
    fetched(stores)
    before = load(stores)

    fetched(stores, at=timedelta(hours=1), keys=(jwk("k2"),), version=2)

    after = load(stores)
    assert [key["kid"] for key in before.keys] == ["k1"]
    assert [key["kid"] for key in after.keys] == ["k2"]


def test_claim_due_leaves_what_is_leased_or_not_due(stores: Stores) -> None:
    stores.keysets.ask({SOURCE: frozenset(), OTHER: frozenset()}, NOW)

    first = stores.keyset_queue.claim_due(1, NOW, NOW + LEASE)
    second = stores.keyset_queue.claim_due(10, NOW, NOW + LEASE)
    third = stores.keyset_queue.claim_due(10, NOW + LEASE, NOW + 2 * LEASE)

    assert {claimed.source for claimed in (*first, *second)} == {SOURCE, OTHER}
    assert third == []
    assert len(stores.keyset_queue.claim_due(10, NOW + 2 * LEASE, NOW + 3 * LEASE)) == 2


def test_save_of_a_late_writer_is_fenced_out(stores: Stores) -> None:
    ask(stores)
    [late] = stores.keyset_queue.claim_due(1, NOW, NOW + LEASE)
    [heir] = stores.keyset_queue.claim_due(1, NOW + 2 * LEASE, NOW + 3 * LEASE)

    is_late_saved = stores.keyset_queue.save(keyset(keys=(jwk("late"),)), late.lease_token or "", NOW)
    is_heir_saved = stores.keyset_queue.save(keyset(keys=(jwk("heir"),)), heir.lease_token or "", NOW)
    is_saved_twice = stores.keyset_queue.save(keyset(keys=(jwk("twice"),)), heir.lease_token or "", NOW)

    assert (is_late_saved, is_heir_saved, is_saved_twice) == (False, True, False)
    assert [key["kid"] for key in load(stores).keys] == ["heir"]


def test_ask_for_an_unknown_kid_waits_for_the_cool_down(stores: Stores) -> None:
    fetched(stores)

    early = ask(stores, "new", at=29 * SECOND)
    in_time = ask(stores, "new", at=30 * SECOND)

    assert (early, in_time) == (False, True)
    assert load(stores).asked_at == (NOW + 30 * SECOND,)


def test_ask_while_a_refresh_is_due_spends_the_budget_once(stores: Stores) -> None:
    fetched(stores)

    answers = [ask(stores, f"new-{n}", at=(30 + n) * SECOND) for n in range(20)]

    assert all(answers)
    assert len(load(stores).asked_at) == 1


def test_ask_while_a_refresh_is_under_way_needs_no_hint(stores: Stores) -> None:
    ask(stores)
    stores.keyset_queue.claim_due(1, NOW, NOW + LEASE)

    assert not ask(stores, at=SECOND)


def test_ask_of_invented_kids_causes_ten_refreshes_in_ten_minutes(stores: Stores) -> None:
    fetched(stores)
    refreshes = 0

    for number in range(1, 61):
        at = number * 10 * SECOND
        if ask(stores, f"invented-{number}", at=at):
            refreshes += 1
            fetched(stores, at=at)

    assert refreshes == 10


def test_save_remembers_the_kids_that_a_good_fetch_lacked(stores: Stores) -> None:
    fetched(stores)
    ask(stores, "lacked", "present", at=30 * SECOND)

    fetched(stores, at=31 * SECOND, keys=(jwk(), jwk("present")), version=2)

    assert load(stores).negative_kids == {"lacked": NOW + 91 * SECOND}


def test_save_of_a_failed_fetch_judges_no_kid_and_keeps_the_keys(stores: Stores) -> None:
    fetched(stores)
    ask(stores, "new", at=30 * SECOND)
    now = NOW + 31 * SECOND
    [claimed] = stores.keyset_queue.claim_due(1, now, now + LEASE)
    failed = after_failure(claimed, "timeout", now, now, 0.5, None, POLICY)

    stores.keyset_queue.save(failed, claimed.lease_token or "", now)

    assert all(until <= now for until in load(stores).negative_kids.values())
    assert [key["kid"] for key in load(stores).keys] == ["k1"]
    assert (load(stores).failures, load(stores).last_error) == (1, "timeout")


def test_ask_during_a_fetch_is_answered_by_the_next_one(stores: Stores) -> None:
    fetched(stores)
    ask(stores, "early", at=30 * SECOND)
    now = NOW + 31 * SECOND
    [claimed] = stores.keyset_queue.claim_due(1, now, now + LEASE)
    ask(stores, "late", at=32 * SECOND)

    stores.keyset_queue.save(
        keyset(fetched_at=now, attempted_at=now, refresh_at=now + timedelta(hours=1)), claimed.lease_token or "", now
    )

    assert load(stores).negative_kids == {"early": now + POLICY.negative_kid_ttl}
    assert load(stores).asked_kids == {"late": NOW + 32 * SECOND}


def test_save_wakes_what_is_parked_on_the_source_and_nothing_else(stores: Stores) -> None:
    parked, elsewhere = new_session(), new_session()
    stores.intake.add([parked, elsewhere], NOW)
    claimed = stores.queue.claim(Claim(Stage.VERIFY, 10, NOW, NOW + LEASE))
    sources = {parked.id: SOURCE, elsewhere.id: OTHER}
    due_at = NOW + timedelta(seconds=90)
    moves = [move(one, Stage.VERIFY, outcome=None, due_at=due_at, parked_on=sources[one.id]) for one in claimed]
    stores.queue.finish(moves, NOW)

    fetched(stores, at=SECOND)

    woken = stores.queue.claim(Claim(Stage.VERIFY, 10, NOW + SECOND, NOW + LEASE))
    assert [session.id for session in woken] == [parked.id]


def test_save_leaves_alone_what_was_parked_and_is_settled(stores: Stores) -> None:
    session = new_session()
    stores.intake.add([session], NOW)
    [claimed] = stores.queue.claim(Claim(Stage.VERIFY, 10, NOW, NOW + LEASE))
    stores.queue.finish([move(claimed, parked_on=SOURCE)], NOW)

    fetched(stores, at=SECOND)

    assert stores.housekeeping.count_due(NOW + SECOND)[Work.VERIFY] == 0


def parked(stores: Stores, judged_at: timedelta = timedelta(0)) -> tuple[ClaimedSession, SessionMove]:
    """Take a session in and claim it; return it with the move that parks it for its cool-down."""
    session = new_session()
    stores.intake.add([session], NOW)
    [claimed] = stores.queue.claim(Claim(Stage.VERIFY, 1, NOW + judged_at, NOW + LEASE))
    until = NOW + judged_at + timedelta(seconds=30)
    return claimed, move(claimed, Stage.VERIFY, outcome=None, due_at=until, parked_on=SOURCE)


def is_due(stores: Stores, session: ClaimedSession, at: timedelta) -> bool:
    due = stores.queue.claim(Claim(Stage.VERIFY, 10, NOW + at, NOW + at + LEASE))
    return [one.id for one in due] == [session.id]


def test_save_that_comes_between_judging_and_parking_still_wakes(stores: Stores) -> None:
    fetched(stores, refresh_at=NOW)
    judged_by = load(stores)
    session, parking = parked(stores, judged_at=SECOND)

    fetched(stores, at=2 * SECOND, keys=(jwk("k2"),), version=2)
    stores.queue.finish([parking], NOW + 2 * SECOND)
    is_woken = stores.keysets.wake_if_renewed({SOURCE: judged_by}, NOW + 3 * SECOND)

    assert is_woken
    assert is_due(stores, session, 3 * SECOND)


def test_save_that_comes_between_judging_by_nothing_and_parking_still_wakes(stores: Stores) -> None:
    session, parking = parked(stores)

    fetched(stores, at=SECOND)
    stores.queue.finish([parking], NOW + SECOND)
    is_woken = stores.keysets.wake_if_renewed({SOURCE: None}, NOW + 2 * SECOND)

    assert is_woken
    assert is_due(stores, session, 2 * SECOND)


def test_save_that_still_lacks_the_kid_brings_the_session_back_for_its_verdict(stores: Stores) -> None:
    fetched(stores, refresh_at=NOW)
    judged_by = load(stores)
    session, parking = parked(stores)

    fetched(stores, at=SECOND)
    stores.queue.finish([parking], NOW + SECOND)

    assert stores.keysets.wake_if_renewed({SOURCE: judged_by}, NOW + SECOND)
    assert is_due(stores, session, SECOND)


def test_nothing_new_wakes_nobody(stores: Stores) -> None:
    fetched(stores)
    judged_by = load(stores)
    session, parking = parked(stores)
    stores.queue.finish([parking], NOW)

    is_woken = stores.keysets.wake_if_renewed({SOURCE: judged_by, OTHER: None}, NOW + SECOND)

    assert not is_woken
    assert not is_due(stores, session, SECOND)


def test_save_of_a_failed_fetch_wakes_nobody(stores: Stores) -> None:
    fetched(stores)
    session, parking = parked(stores)
    stores.queue.finish([parking], NOW)
    judged_by = load(stores)
    now = NOW + timedelta(hours=1)
    ask(stores, at=timedelta(hours=1))
    [claimed] = stores.keyset_queue.claim_due(1, now, now + LEASE)

    stores.keyset_queue.save(after_failure(claimed, "dns", now, now, 0.5, None, POLICY), claimed.lease_token or "", now)

    assert not stores.keysets.wake_if_renewed({SOURCE: judged_by}, now)
    assert stores.queue.claim(Claim(Stage.VERIFY, 1, NOW + 29 * SECOND, NOW + LEASE)) == []
    assert is_due(stores, session, 30 * SECOND)


def test_ask_before_a_retry_after_is_over_does_not_hurry_the_source(stores: Stores) -> None:
    ask(stores)
    [claimed] = stores.keyset_queue.claim_due(1, NOW, NOW + LEASE)
    failed = after_failure(replace(claimed, keys=(jwk(),)), "http_429", NOW, NOW, 0.0, timedelta(minutes=5), POLICY)
    stores.keyset_queue.save(failed, claimed.lease_token or "", NOW)

    early = ask(stores, "new", at=timedelta(minutes=4))
    in_time = ask(stores, "new", at=timedelta(minutes=5))

    assert (early, in_time) == (False, True)


def test_ask_revives_a_source_that_nobody_asked_any_more(stores: Stores) -> None:
    fetched(stores, refresh_at=None)

    assert ask(stores, at=SECOND)
    assert load(stores).refresh_at == NOW + SECOND
