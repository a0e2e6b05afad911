"""What a participant left behind goes, of nobody else, and under the hands of workers: twin, SQLite, PostgreSQL."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.adapters.database import erasures
from app.adapters.database.engine import open_database
from app.domain.erasure import ErasedPlays, ErasedStretch, Erasure
from app.domain.participation import Limit
from app.domain.play import Play, Played, TokenUse
from app.domain.session import Stage
from app.management_ports import DocumentKind
from app.ports import Attempt, Claim, ParticipantKey
from tests.adapters.stores import Stores, sql_stores
from tests.builders import NOW, move, new_session
from tests.documents.examples import campaign_body, partner_body

SECOND = timedelta(seconds=1)
LEASE = timedelta(seconds=30)
ADA = Erasure("acme", "ada", NOW + SECOND)
KEY = ParticipantKey("945645", "acme", "ada")


def judge(stores: Stores, digest: str, stage: Stage = Stage.DONE, **changes: Any) -> str:
    """Store a session of the participant of that digest, with an attempt, and return its id."""
    session = new_session(**changes)
    stores.intake.add([session], NOW)
    now = session.received_at
    [claimed] = stores.queue.claim(Claim(Stage.VERIFY, 1, now, now + LEASE))
    attempts = [Attempt(session.id, session.partner_id, 1, NOW, SECOND)]
    due_at = NOW if stage is Stage.FETCH else None
    stores.queue.finish([move(claimed, stage, participant_digest=digest, due_at=due_at)], NOW, attempts)
    return session.id


def erase(stores: Stores, *erasures: Erasure) -> ErasedStretch:
    """Go through all sessions and return what went in sum."""
    found, is_over = ErasedStretch(), False
    while not is_over:
        stretch = stores.erasures.erase_stretch(erasures or [ADA], found.after)
        is_over = stretch.after is None
        found = ErasedStretch(
            found.sessions + stretch.sessions,
            found.attempts + stretch.attempts,
            found.left + stretch.left,
            stretch.after,
        )
    return found


def configure(stores: Stores) -> None:
    stores.documents.put(DocumentKind.PARTNER, "acme", partner_body(), None, NOW)
    stores.documents.put(DocumentKind.CAMPAIGN, "945645", campaign_body(), None, NOW)


def play(stores: Stores, session_id: str, **changes: Any) -> None:
    use = TokenUse(f"jti-{session_id}", NOW + LEASE)
    wish = Play(f"par_{session_id}", session_id, "945645", "acme", "ada", NOW, Limit(nb=3), use, repeat_digest="repeat")
    assert isinstance(stores.ledger.record(replace(wish, **changes)), Played)


@pytest.mark.parametrize("stage", [Stage.DONE, Stage.FETCH, Stage.DEAD])
def test_erasure_deletes_the_sessions_of_one_participant_of_one_partner(stores: Stores, stage: Stage) -> None:
    mine = [judge(stores, "ada", stage) for _ in range(2)]
    others = [judge(stores, "bob"), judge(stores, "ada", partner_id="globex")]

    erased = erase(stores)

    assert (erased.sessions, erased.attempts, erased.left) == (2, 2, 0)
    assert sorted(stores.reads.load([*mine, *others])) == sorted(others)
    assert erase(stores).sessions == 0


def test_erasure_reaches_beyond_one_stretch(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasures, "STRETCH", 2)
    ids = [judge(stores, "bob" if number % 2 else "ada") for number in range(5)]

    erased = erase(stores)

    assert erased.sessions == 3
    assert sorted(stores.reads.load(ids)) == sorted(ids[1::2])


def test_erasure_during_a_call_leaves_nothing_of_that_call(stores: Stores) -> None:
    id_ = judge(stores, "ada", Stage.FETCH)
    [called] = stores.queue.claim(Claim(Stage.FETCH, 1, NOW, NOW + LEASE))
    erase(stores)

    moved = stores.queue.finish([move(called)], NOW, [Attempt(id_, "acme", 1, NOW + SECOND, SECOND)])

    assert moved == frozenset()
    assert stores.housekeeping.purge(NOW + timedelta(days=91), 10)["old_attempts"] == 0


def test_erasure_leaves_for_later_whose_call_is_just_being_recorded(migrated_postgres_url: str) -> None:
    recording, erasing = (open_database(migrated_postgres_url, name) for name in ("fetch", "web"))
    stores = sql_stores(recording)
    id_ = judge(stores, "ada")

    with recording.together():
        stores.queue.finish([], NOW, [Attempt(id_, "acme", 2, NOW + SECOND, SECOND)])
        beside = erase(sql_stores(erasing))
    afterwards = erase(sql_stores(erasing))

    recording.dispose()
    erasing.dispose()
    assert (beside.sessions, beside.left) == (0, 1)
    assert (afterwards.sessions, afterwards.attempts, afterwards.left) == (1, 2, 0)


def test_erasures_of_several_share_a_search_each_by_its_own_time(stores: Stores) -> None:
    bob = Erasure("globex", "bob", NOW - SECOND)
    gone = [judge(stores, "ada"), judge(stores, "bob", partner_id="globex", received_at=NOW - SECOND)]
    kept = [judge(stores, "bob"), judge(stores, "bob", partner_id="globex")]

    erased = erase(stores, ADA, bob)

    assert (erased.sessions, sorted(stores.reads.load([*gone, *kept]))) == (2, sorted(kept))


def test_erasure_leaves_who_came_after_it(stores: Stores) -> None:
    later = judge(stores, "ada", received_at=NOW + 2 * SECOND)

    assert erase(stores).sessions == 0
    assert later in stores.reads.load([later])


def test_worker_whose_session_was_erased_saves_nothing(stores: Stores) -> None:
    id_ = judge(stores, "ada", Stage.FETCH)
    [held] = stores.queue.claim(Claim(Stage.FETCH, 1, NOW, NOW + LEASE))

    erased = erase(stores)
    moved = stores.queue.finish([move(held, Stage.DONE)], NOW)

    assert (erased.sessions, moved) == (1, frozenset())
    assert stores.reads.load([id_]) == {}


def test_erasure_keeps_no_more_of_what_was_played_than_that_it_counts(stores: Stores) -> None:
    configure(stores)
    play(stores, "ses_1")
    play(stores, "ses_2", counted_as="bob")

    first = stores.erasures.erase_plays(ADA)
    second = stores.erasures.erase_plays(ADA)

    assert (first, second) == (ErasedPlays(1, 1), ErasedPlays(0, 0))
    assert stores.ledger.count(frozenset({KEY})) == {KEY: 1}
    assert stores.ledger.find_repeat("ses_1", "repeat") is None
    uses = frozenset({("acme", "jti-ses_1"), ("acme", "jti-ses_2")})
    assert stores.ledger.find_uses(uses) == {("acme", "jti-ses_1"): "", ("acme", "jti-ses_2"): "ses_2"}


def test_erasure_that_forgets_plays_lets_the_participant_play_anew(stores: Stores) -> None:
    configure(stores)
    play(stores, "ses_1")
    play(stores, "ses_2", at=NOW + 2 * SECOND)
    play(stores, "ses_3", counted_as="bob")

    gone = stores.erasures.erase_plays(replace(ADA, forgets_plays=True))

    bob = replace(KEY, digest="bob")
    assert gone == ErasedPlays(1, 1)
    assert stores.ledger.count(frozenset({KEY, bob})) == {KEY: 1, bob: 1}
    assert stores.ledger.find_uses(frozenset({("acme", "jti-ses_1")})) == {}


def test_erasure_is_ripe_when_everything_from_before_is_judged(stores: Stores) -> None:
    before, other, later = new_session(), new_session(partner_id="globex"), new_session(received_at=NOW + 2 * SECOND)
    stores.intake.add([before, other, later], NOW)

    unjudged = stores.erasures.add(ADA)
    meanwhile = stores.erasure_queue.load_ripe(NOW + LEASE, 10)
    claimed = stores.queue.claim(Claim(Stage.VERIFY, 3, NOW, NOW + LEASE))
    stores.queue.finish([move(one) for one in claimed if one.id == before.id], NOW)

    assert (unjudged, meanwhile) == (1, [])
    assert stores.erasure_queue.load_ripe(NOW, 10) == []
    assert stores.erasure_queue.load_ripe(NOW + LEASE, 10) == [ADA]


def test_erasure_that_ended_is_forgotten_unless_asked_for_anew(stores: Stores) -> None:
    anew = replace(ADA, asked_at=NOW + 2 * SECOND, forgets_plays=True)
    stores.erasures.add(ADA)
    stores.erasures.add(anew)

    stores.erasures.end(ADA)
    still = stores.erasure_queue.load_ripe(NOW + LEASE, 10)
    stores.erasures.end(anew)

    assert still == [anew]
    assert stores.erasure_queue.load_ripe(NOW + LEASE, 10) == []
