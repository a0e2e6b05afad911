"""Participations are counted and tokens used up once, whoever plays at the same time: twin, SQLite, PostgreSQL."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import count
from multiprocessing import get_context
from threading import Barrier
from typing import Any

import pytest

from app.adapters.database import participations
from app.adapters.database.engine import Database, open_database
from app.adapters.database.participations import SqlParticipationLedger
from app.domain.participation import Limit
from app.domain.play import Play, Played, PlayRefusal, TokenUse
from app.domain.session import Stage
from app.errors import Overloaded
from app.ports import Claim, ParticipantKey, ParticipationLedger
from tests.adapters.stores import Stores, sql_stores
from tests.builders import NOW, move, new_session, outcome

ATTEMPTS = 10
NB = 3
HOUR = timedelta(hours=1)
_numbers = count(1)


def play(**changes: Any) -> Play:
    number = next(_numbers)
    wish = Play(f"par_{number}", f"ses_{number}", "945645", "acme", "digest", NOW, Limit(nb=NB))
    return replace(wish, **changes)


def play_at_once(ledger: ParticipationLedger, plays: Sequence[Play]) -> list[Played | PlayRefusal]:
    """Play all of them from a thread each, begun together."""
    together = Barrier(len(plays))

    def begin(one: Play) -> Played | PlayRefusal:
        together.wait(30)
        return ledger.record(one)

    with ThreadPoolExecutor(len(plays)) as threads:
        return list(threads.map(begin, plays))


def play_in_own_process(url: str, plays: Sequence[Play]) -> list[Played | PlayRefusal]:
    """Play on connections of this process alone."""
    database = open_database(url, "test", pool_size=len(plays))
    results = play_at_once(SqlParticipationLedger(database), plays)
    database.dispose()
    return results


def ordinals(results: Sequence[Played | PlayRefusal]) -> list[int]:
    return sorted(result.used for result in results if isinstance(result, Played))


def test_ledger_records_as_often_as_the_limit_allows(stores: Stores) -> None:
    results = [stores.ledger.record(play()) for _ in range(NB + 1)]

    told = [(result.used, result.remaining) for result in results if isinstance(result, Played)]
    assert told == [(1, 2), (2, 1), (3, 0)]
    assert results[-1] is PlayRefusal.LIMIT_REACHED


def test_ledger_counts_by_campaign_partner_and_participant(stores: Stores) -> None:
    mine, others = play(), [play(campaign_id="1"), play(partner_id="globex"), play(counted_as="other")]

    results = [stores.ledger.record(one) for one in (mine, *others)]

    assert ordinals(results) == [1, 1, 1, 1]
    key = ParticipantKey("945645", "acme", "digest")
    assert stores.ledger.count(frozenset({key})) == {key: 1}


def test_ledger_of_ten_parallel_attempts_with_three_allowed_records_three(stores: Stores) -> None:
    results = play_at_once(stores.ledger, [play() for _ in range(ATTEMPTS)])

    assert ordinals(results) == [1, 2, 3]
    assert Counter(results)[PlayRefusal.LIMIT_REACHED] == ATTEMPTS - NB


def test_ledger_of_two_processes_records_what_one_limit_allows(database_url: str) -> None:
    halves = [[play() for _ in range(ATTEMPTS // 2)] for _ in range(2)]

    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        results = [result for half in processes.map(play_in_own_process, [database_url] * 2, halves) for result in half]

    assert ordinals(results) == [1, 2, 3]
    assert Counter(results)[PlayRefusal.LIMIT_REACHED] == ATTEMPTS - NB


def test_ledger_of_parallel_attempts_without_a_limit_records_them_all(stores: Stores) -> None:
    results = play_at_once(stores.ledger, [play(limit=Limit()) for _ in range(ATTEMPTS)])

    assert ordinals(results) == list(range(1, ATTEMPTS + 1))


def test_ledger_where_the_oldest_count_no_more_plays_what_it_counts(stores: Stores) -> None:
    """What a participant is told when the page loads and when they play is the same."""
    old, late = NOW, NOW + timedelta(days=101)
    stores.ledger.record(play(at=old))
    stores.ledger.record(play(at=late))
    stores.housekeeping.purge(late, 10)
    key = ParticipantKey("945645", "acme", "digest")

    counted = stores.ledger.count(frozenset({key}))[key]
    played = [stores.ledger.record(play(at=late, session_id="ses_a", repeat_digest=digest)) for digest in ("1", "2")]
    repeated = stores.ledger.record(play(at=late, session_id="ses_a", repeat_digest="1"))
    refused = stores.ledger.record(play(at=late))

    assert counted == 1
    assert [(one.used, one.remaining) for one in played if isinstance(one, Played)] == [(2, 1), (3, 0)]
    assert isinstance(repeated, Played)
    assert (repeated.used, repeated.remaining) == (2, 1)
    assert refused is PlayRefusal.LIMIT_REACHED


def test_ledger_of_a_repeated_request_returns_what_it_told_before(stores: Stores) -> None:
    first = stores.ledger.record(play(session_id="ses_a", repeat_digest="repeat"))
    stores.ledger.record(play())
    stores.ledger.record(play())

    again = stores.ledger.record(play(session_id="ses_a", repeat_digest="repeat"))
    elsewhere = stores.ledger.record(play(session_id="ses_b", repeat_digest="repeat"))

    assert isinstance(first, Played)
    assert again == replace(first, is_repeat=True)
    assert stores.ledger.find_repeat("ses_a", "repeat") == again
    assert stores.ledger.find_repeat("ses_a", "another") is None
    assert elsewhere is PlayRefusal.LIMIT_REACHED


def test_ledger_of_parallel_repeats_records_one(stores: Stores) -> None:
    plays = [play(session_id="ses_a", repeat_digest="repeat") for _ in range(ATTEMPTS)]

    results = play_at_once(stores.ledger, plays)

    told = [result for result in results if isinstance(result, Played)]
    assert len(told) == ATTEMPTS
    assert len({one.id for one in told}) == 1
    assert sum(not one.is_repeat for one in told) == 1


def test_ledger_lets_one_session_alone_play_with_a_token_of_single_use(stores: Stores) -> None:
    use = TokenUse("jti", NOW + HOUR)
    plays = [play(use=use, limit=Limit()) for _ in range(ATTEMPTS)]

    results = play_at_once(stores.ledger, plays)

    [winner] = [one.session_id for one, result in zip(plays, results, strict=True) if isinstance(result, Played)]
    assert Counter(results)[PlayRefusal.TOKEN_REUSED] == ATTEMPTS - 1
    assert stores.ledger.find_uses(frozenset({("acme", "jti")})) == {("acme", "jti"): winner}
    again = stores.ledger.record(play(use=use, limit=Limit(), session_id=winner))
    assert isinstance(again, Played)
    assert again.used == 2


@pytest.mark.parametrize(
    ("limit", "refusal"),
    [
        pytest.param(Limit(nb=0), PlayRefusal.LIMIT_REACHED, id="limit-reached"),
        pytest.param(Limit(can_play=False), PlayRefusal.NOT_ELIGIBLE, id="not-eligible"),
    ],
)
def test_ledger_that_refuses_uses_up_no_token(stores: Stores, limit: Limit, refusal: PlayRefusal) -> None:
    refused = stores.ledger.record(play(limit=limit, use=TokenUse("jti", NOW + HOUR)))

    assert refused is refusal
    assert stores.ledger.find_uses(frozenset({("acme", "jti")})) == {}


def test_ledger_that_finds_a_token_used_counts_nothing(stores: Stores) -> None:
    use = TokenUse("jti", NOW + HOUR)
    stores.ledger.record(play(use=use))

    refused = stores.ledger.record(play(use=use, counted_as="other"))

    assert refused is PlayRefusal.TOKEN_REUSED
    assert stores.ledger.count(frozenset({ParticipantKey("945645", "acme", "other")})) == {}


def test_ledger_where_nothing_is_enforced_records_all_and_what_was_found(stores: Stores) -> None:
    plays = [play(limit=Limit(nb=1), is_enforced=False, session_id="ses_a", repeat_digest=str(n)) for n in range(2)]

    results = [stores.ledger.record(one) for one in plays]

    found = [(result.used, result.remaining, result.waived) for result in results if isinstance(result, Played)]
    assert found == [(1, 0, None), (2, 0, PlayRefusal.LIMIT_REACHED)]
    repeated = stores.ledger.find_repeat("ses_a", "1")
    assert repeated is not None
    assert repeated.waived is PlayRefusal.LIMIT_REACHED


def test_ledger_forgets_a_used_token_when_no_session_of_it_can_be_left(database: Database) -> None:
    ledger = SqlParticipationLedger(database)
    ledger.record(play(use=TokenUse("jti", NOW + HOUR)))
    purge = sql_stores(database).housekeeping.purge

    before, after = purge(NOW + HOUR, 10), purge(NOW + 2 * HOUR, 10)

    assert (before["used_tokens"], after["used_tokens"]) == (0, 1)


def test_ledger_that_others_outrun_again_and_again_gives_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(participations, "insert_if_absent", lambda *_: False)
    monkeypatch.setattr(participations, "MAX_TRIES", 2)

    with pytest.raises(Overloaded):
        SqlParticipationLedger(database).record(play())


def test_session_is_read_with_all_that_playing_needs(stores: Stores) -> None:
    session = new_session()
    stores.intake.add([session], NOW)
    [claimed] = stores.queue.claim(Claim(Stage.VERIFY, 1, NOW, NOW + HOUR))
    stores.queue.finish([move(claimed, participant_digest="digest")], NOW)

    stored = stores.reads.load([session.id])[session.id]

    assert (stored.partner_id, stored.participant_digest) == ("acme", "digest")
    assert stored.outcome == outcome()
