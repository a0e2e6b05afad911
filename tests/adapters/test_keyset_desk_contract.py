"""Key sets as operators see and change them: on the twin, SQLite and PostgreSQL."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from app.domain.keyset import Keyset, KeysetMode, KeysetPolicy, KeysetState, keyset_state
from app.domain.keyset_history import KeyEvent, thumbprint_of
from app.domain.keyset_override import after_pin, after_revoke, after_unpin
from app.domain.keyset_refresh import after_failure
from app.domain.participation import TOKEN_REJECTED
from app.domain.prefill import NO_PREFILL
from app.domain.session import Outcome, Stage, TokenStatus
from app.keyset_ports import AcceptedSession
from app.ports import Claim
from app.reasons import TokenReason
from tests.adapters.stores import Stores
from tests.builders import NOW, SOURCE, jwk, keyset, move, new_session, request

SECOND = timedelta(seconds=1)
LEASE = timedelta(seconds=15)
DAY = timedelta(days=1)
OTHER = "https://other.example/jwks.json"
VOIDED = Outcome(TokenStatus.REJECTED, TOKEN_REJECTED, TokenReason.KEY_REVOKED)


def fetched(stores: Stores, now: datetime = NOW, **changes: object) -> Keyset:
    """Make a refresh due and save what it brought."""
    stores.keyset_desk.request(SOURCE, now)
    [claimed] = stores.keyset_queue.claim_due(1, now, now + LEASE)
    saved = keyset(**{"fetched_at": now, "attempted_at": now, **changes})
    assert stores.keyset_queue.save(saved, claimed.lease_token or "", now)
    return saved


def load(stores: Stores) -> Keyset:
    return stores.keysets.load(frozenset({SOURCE}))[SOURCE]


def accepted(stores: Stores, thumbprint: str, version: int | None = 1, **changes: object) -> str:
    """Store a session that a key had accepted; return its id."""
    session = new_session(**{name: value for name, value in changes.items() if name == "partner_id"})
    stores.intake.add([session], NOW)
    [claimed] = stores.queue.claim(Claim(Stage.VERIFY, 1, NOW, NOW + LEASE))
    moved = move(claimed, key_thumbprint=thumbprint, keyset_version=version)
    stores.queue.finish([replace(moved, **{name: v for name, v in changes.items() if name != "partner_id"})], NOW)  # type: ignore[arg-type]  # fields by name
    return session.id


def search(stores: Stores, *thumbprints: str) -> list[AcceptedSession]:
    """Search all sessions of `acme`, stretch by stretch."""
    found: list[AcceptedSession] = []
    after: str | None = None
    while True:
        page = stores.accepted.search("acme", frozenset(thumbprints), after)
        found += page.sessions
        after = page.after
        if after is None:
            return found


def test_find_of_an_unknown_source_is_none(stores: Stores) -> None:
    assert stores.keyset_desk.find(SOURCE) is None
    assert stores.keyset_desk.load_history(SOURCE, 10) == []


def test_find_tells_the_set_and_when_each_key_first_came(stores: Stores) -> None:
    fetched(stores)
    later = NOW + timedelta(hours=1)
    saved = fetched(stores, later, keys=(jwk(), jwk("k2")), version=2)

    found = stores.keyset_desk.find(SOURCE)

    assert found is not None
    assert found.keyset == saved
    assert found.first_seen == {thumbprint_of(jwk()): NOW, thumbprint_of(jwk("k2")): later}


def test_history_tells_what_became_of_each_key_newest_first(stores: Stores) -> None:
    steps = [(jwk("a"), jwk("b")), (jwk("a"),), (jwk("a", x="other"), jwk("b"))]

    for version, keys in enumerate(steps, start=1):
        fetched(stores, NOW + version * timedelta(minutes=1), keys=keys, version=version)

    events = stores.keyset_desk.load_history(SOURCE, 4)
    assert [(event.version, event.event, event.kid) for event in events] == [
        (3, KeyEvent.RETURNED, "b"),
        (3, KeyEvent.CHANGED, "a"),
        (2, KeyEvent.REMOVED, "b"),
        (1, KeyEvent.ADDED, "b"),
    ]


def test_request_is_due_a_second_after_the_last_attempt_whatever_the_backoff(stores: Stores) -> None:
    stores.keyset_desk.request(SOURCE, NOW)
    [claimed] = stores.keyset_queue.claim_due(1, NOW, NOW + LEASE)
    failed = after_failure(claimed, "http_429", NOW, NOW, 1.0, timedelta(minutes=15), KeysetPolicy())
    stores.keyset_queue.save(failed, claimed.lease_token or "", NOW)

    stores.keyset_desk.request(SOURCE, NOW)

    assert load(stores).refresh_at == NOW + SECOND


def test_request_during_a_fetch_asks_for_no_second_one(stores: Stores) -> None:
    stores.keyset_desk.request(SOURCE, NOW)
    stores.keyset_queue.claim_due(1, NOW, NOW + LEASE)

    stores.keyset_desk.request(SOURCE, NOW + SECOND)

    assert load(stores).refresh_at == NOW
    assert stores.keyset_queue.claim_due(1, NOW + SECOND, NOW + LEASE) == []


def test_revoked_key_stays_revoked_whatever_a_fetch_under_way_brings(stores: Stores) -> None:
    fetched(stores, refresh_at=NOW)
    [claimed] = stores.keyset_queue.claim_due(1, NOW, NOW + LEASE)
    revoked = frozenset({thumbprint_of(jwk())})

    stores.keyset_desk.change(SOURCE, lambda keyset: after_revoke(keyset, revoked), NOW)
    is_saved = stores.keyset_queue.save(replace(claimed, version=2), claimed.lease_token or "", NOW)

    assert is_saved
    assert (load(stores).revoked, load(stores).revoked_epoch, load(stores).version) == (revoked, 1, 2)


def test_revoked_key_that_its_partner_withdraws_is_still_known_by_its_kid(stores: Stores) -> None:
    fetched(stores)
    revoked = frozenset({thumbprint_of(jwk("k1"))})
    stores.keyset_desk.change(SOURCE, lambda keyset: after_pin(keyset, (jwk("k1"), jwk("k2"))), NOW)
    stores.keyset_desk.change(SOURCE, lambda keyset: after_revoke(keyset, revoked), NOW)
    published = load(stores).withdrawn
    stores.keyset_desk.change(SOURCE, lambda keyset: after_pin(keyset, (jwk("k2"),)), NOW)
    withdrawn = load(stores).withdrawn

    assert (published, withdrawn) == (frozenset(), frozenset({"k1"}))
    assert load(stores).revoked == revoked


def test_revocation_is_seen_by_who_had_loaded_before(stores: Stores) -> None:
    fetched(stores)
    before = load(stores)

    stores.keyset_desk.change(SOURCE, lambda keyset: after_revoke(keyset, frozenset({"print"})), NOW)

    assert (before.revoked, load(stores).revoked) == (frozenset(), frozenset({"print"}))


def test_pinned_keys_are_served_and_a_fetch_under_way_does_not_undo_them(stores: Stores) -> None:
    fetched(stores, refresh_at=NOW)
    [claimed] = stores.keyset_queue.claim_due(1, NOW, NOW + LEASE)

    stores.keyset_desk.change(SOURCE, lambda keyset: after_pin(keyset, (jwk("mine"),)), NOW)
    is_saved = stores.keyset_queue.save(claimed, claimed.lease_token or "", NOW)

    assert not is_saved
    assert [key["kid"] for key in load(stores).keys] == ["mine"]
    assert keyset_state(load(stores), NOW + timedelta(days=99)) is KeysetState.PINNED
    assert stores.keyset_queue.claim_due(1, NOW + timedelta(days=99), NOW + timedelta(days=100)) == []
    assert not stores.keysets.ask({SOURCE: frozenset({"new"})}, NOW + timedelta(days=99))


def test_pin_wakes_what_waits_for_keys(stores: Stores) -> None:
    session = new_session()
    stores.intake.add([session], NOW)
    [claimed] = stores.queue.claim(Claim(Stage.VERIFY, 1, NOW, NOW + LEASE))
    parking = move(claimed, Stage.VERIFY, outcome=None, due_at=NOW + 30 * SECOND, parked_on=SOURCE)
    stores.queue.finish([parking], NOW)

    stores.keyset_desk.change(SOURCE, lambda keyset: after_pin(keyset, (jwk("mine"),)), NOW)
    stores.keyset_desk.wake(SOURCE, NOW)

    assert len(stores.queue.claim(Claim(Stage.VERIFY, 1, NOW, NOW + LEASE))) == 1


def park(stores: Stores) -> None:
    """Have a session that comes now wait for the keys of SOURCE."""
    stores.intake.add([new_session()], NOW)
    [claimed] = stores.queue.claim(Claim(Stage.VERIFY, 1, NOW, NOW + LEASE))
    stores.queue.finish([move(claimed, Stage.VERIFY, outcome=None, due_at=NOW + DAY, parked_on=SOURCE)], NOW)


@pytest.mark.parametrize(
    ("change", "fetched_at", "now", "woken"),
    [
        pytest.param(None, NOW, NOW, 1, id="fetched-since"),
        pytest.param(None, NOW - SECOND, NOW, 0, id="fetched-before"),
        pytest.param(None, NOW, NOW + timedelta(hours=23, minutes=59), 1, id="stale"),
        pytest.param(lambda one: replace(one, stale_until=NOW), NOW, NOW, 0, id="expired"),
        pytest.param(lambda one: after_pin(one, (jwk("mine"),)), NOW - SECOND, NOW, 1, id="pinned"),
        pytest.param(lambda one: after_unpin(one, NOW), NOW, NOW, 0, id="unpinned"),
        pytest.param(lambda one: replace(one, mode=KeysetMode.DISABLED), NOW, NOW, 0, id="disabled"),
    ],
)
def test_session_that_nobody_woke_is_woken_where_its_source_can_judge_it(
    stores: Stores, change: Callable[[Keyset], Keyset] | None, fetched_at: datetime, now: datetime, woken: int
) -> None:
    fetched(stores, fetched_at=fetched_at)
    if change is not None:
        stores.keyset_desk.change(SOURCE, change, NOW)
    park(stores)

    sources = stores.parked_sessions.wake_overslept(now)

    assert sources == woken
    assert len(stores.queue.claim(Claim(Stage.VERIFY, 1, now, now + LEASE))) == woken


def test_unpinned_set_is_fetched_unconditionally_and_its_version_goes_on(stores: Stores) -> None:
    fetched(stores, etag='"1"', version=3)
    stores.keyset_desk.change(SOURCE, lambda keyset: after_pin(keyset, (jwk("mine"),)), NOW)

    unpinned = stores.keyset_desk.change(SOURCE, lambda keyset: after_unpin(keyset, NOW), NOW).keyset

    assert (unpinned.mode, unpinned.version, unpinned.etag) == (KeysetMode.REMOTE, 4, None)
    assert keyset_state(unpinned, NOW) is KeysetState.EMPTY
    [claimed] = stores.keyset_queue.claim_due(1, NOW, NOW + LEASE)
    assert (claimed.source, claimed.etag) == (SOURCE, None)


def test_figures_count_fetches_by_outcome_and_parked_sessions(stores: Stores) -> None:
    fetched(stores)
    fetched(stores, NOW + timedelta(minutes=1))
    later = NOW + timedelta(minutes=2)
    stores.keyset_desk.request(SOURCE, later)
    [claimed] = stores.keyset_queue.claim_due(1, later, later + LEASE)
    failed = after_failure(claimed, "contract: no usable key", later, later, 0.5, None, KeysetPolicy())
    stores.keyset_queue.save(failed, claimed.lease_token or "", later)
    session = new_session()
    stores.intake.add([session], NOW)
    [leased] = stores.queue.claim(Claim(Stage.VERIFY, 1, NOW, NOW + LEASE))
    stores.queue.finish([move(leased, Stage.VERIFY, outcome=None, due_at=later, parked_on=SOURCE)], NOW)

    [figures] = stores.keyset_figures.load_figures()

    assert figures.keyset.source == SOURCE
    assert figures.fetches == {"changed": 1, "unchanged": 1, "contract": 1}
    assert figures.parked == 1


def test_search_finds_what_a_key_had_accepted_by_thumbprint_and_version(stores: Stores) -> None:
    mine = [accepted(stores, "print-1", 1), accepted(stores, "print-1", 2), accepted(stores, "print-2", 3)]
    accepted(stores, "print-3")
    accepted(stores, "print-1", None)
    accepted(stores, "print-1", partner_id="globex")
    accepted(stores, "print-1", outcome=VOIDED)

    found = search(stores, "print-1", "print-2")

    assert [(one.id, one.thumbprint, one.keyset_version) for one in found] == [
        (mine[0], "print-1", 1),
        (mine[1], "print-1", 2),
        (mine[2], "print-2", 3),
    ]
    assert {one.campaign_id for one in found} == {"945645"}


def test_void_rejects_the_token_and_takes_the_prefill_away(stores: Stores) -> None:
    id_ = accepted(stores, "print-1")

    voided = stores.accepted.void([id_, "ses_unknown"], VOIDED, NOW + SECOND)
    again = stores.accepted.void([id_], VOIDED, NOW + SECOND)

    [stored] = stores.reads.load([id_]).values()
    assert (voided, again) == (frozenset({id_}), frozenset())
    assert (stored.stage, stored.outcome) == (Stage.DONE, VOIDED)
    assert stored.outcome is not None
    assert stored.outcome.prefill == NO_PREFILL
    assert search(stores, "print-1") == []


@pytest.mark.parametrize("stage", [pytest.param(Stage.FETCH, id="fetch"), pytest.param(Stage.DEAD, id="dead")])
def test_void_ends_a_session_whose_prefill_is_or_was_to_be_fetched(stores: Stores, stage: Stage) -> None:
    due_at = NOW if stage is Stage.FETCH else None
    id_ = accepted(stores, "print-1", stage=stage, due_at=due_at, request=request())
    under_way = stores.queue.claim(Claim(Stage.FETCH, 1, NOW, NOW + LEASE))

    stores.accepted.void([id_], VOIDED, NOW)

    late = stores.queue.finish([move(one) for one in under_way], NOW)
    [stored] = stores.reads.load([id_]).values()
    assert late == frozenset()
    assert (stored.stage, stored.outcome) == (Stage.DONE, VOIDED)


def test_source_that_nobody_names_is_refreshed_no_more_until_it_is_named_again(stores: Stores) -> None:
    saved = fetched(stores)

    retired = stores.source_users.retire_unused()
    revived = stores.source_users.revive_used(NOW)

    assert (retired, revived) == (1, 0)
    assert stores.keyset_queue.claim_due(1, NOW + timedelta(days=9), NOW + timedelta(days=10)) == []
    assert load(stores) == replace(saved, refresh_at=None)
    stores.keyset_desk.request(SOURCE, NOW + timedelta(days=9))
    assert len(stores.keyset_queue.claim_due(1, NOW + timedelta(days=9), NOW + timedelta(days=10))) == 1
