"""Dead letters and replays: the twin and both databases keep the same promises."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.domain.dead_letter import LetterFilter, Obstacles
from app.domain.prefill import PrefillRequest
from app.domain.replay import Replay, ReplayFilter, ReplayState
from app.domain.session import Priority, Stage, TokenStatus
from app.domain.timeline import PastAttempt
from app.errors import ReplayActive
from app.ports import Attempt, Claim
from app.reasons import PrefillReason
from tests.adapters.stores import Stores
from tests.builders import NOW, move, new_session, outcome, request
from tests.builders import replay as a_replay

DAY = timedelta(days=1)
LEASE = timedelta(seconds=30)
LATER = NOW + timedelta(hours=1)
EVERYTHING = LetterFilter()


def bury(
    stores: Stores,
    number: int = 1,
    died_at: datetime = NOW,
    error_class: PrefillReason = PrefillReason.TIMEOUT,
    call: PrefillRequest | None = None,
    **changes: Any,
) -> list[str]:
    """Make dead letters: verified, tried once, given up; return their ids in the order of their arrival."""
    sessions = [new_session(**changes) for _ in range(number)]
    stores.intake.add(sessions, NOW)
    verified = stores.queue.claim(Claim(Stage.VERIFY, number, NOW, NOW + LEASE))
    call = call or request()
    stores.queue.finish([move(one, Stage.FETCH, due_at=NOW, request=call) for one in verified], NOW)
    fetched = stores.queue.claim(Claim(Stage.FETCH, number, NOW, NOW + LEASE))
    attempts = [Attempt(one.id, one.partner_id, 1, NOW, LEASE, error_class, 503) for one in fetched]
    dead = [move(one, Stage.DEAD, request=one.request, error_class=error_class) for one in fetched]
    stores.queue.finish(dead, died_at, attempts)
    return sorted(session.id for session in sessions)


def listed(stores: Stores, letters: LetterFilter, after: str = "", limit: int = 10) -> list[str]:
    return [letter.session_id for letter in stores.dead_letters.load_page(letters, after, limit)]


def test_dead_letter_is_listed_with_what_is_known_of_it(stores: Stores) -> None:
    [id_] = bury(stores, died_at=LATER, call=request(bearer_expires_at=LATER))

    [letter] = stores.dead_letters.load_page(EVERYTHING, "", 10)

    assert (letter.session_id, letter.partner_id, letter.campaign_id) == (id_, "acme", "945645")
    assert (letter.error_class, letter.attempts, letter.has_request) == (PrefillReason.TIMEOUT, 1, True)
    assert (letter.received_at, letter.died_at, letter.expires_at) == (NOW, LATER, NOW + DAY)
    assert letter.bearer_expires_at == LATER


def test_dead_letters_are_listed_page_by_page_without_double_or_gap(stores: Stores) -> None:
    ids = [*bury(stores, 3, partner_id="acme"), *bury(stores, 3, partner_id="globex")]

    first = stores.dead_letters.load_page(EVERYTHING, "", 4)
    place = f"{first[-1].partner_id}/{first[-1].session_id}"

    assert [letter.session_id for letter in first] + listed(stores, EVERYTHING, place) == ids


@pytest.mark.parametrize(
    ("letters", "is_listed"),
    [
        pytest.param(LetterFilter(partner_id="acme"), True, id="partner"),
        pytest.param(LetterFilter(partner_id="globex"), False, id="other-partner"),
        pytest.param(LetterFilter(campaign_id="945645"), True, id="campaign"),
        pytest.param(LetterFilter(campaign_id="other"), False, id="other-campaign"),
        pytest.param(LetterFilter(error_class=PrefillReason.TIMEOUT), True, id="class"),
        pytest.param(LetterFilter(error_class=PrefillReason.DNS), False, id="other-class"),
        pytest.param(LetterFilter(since=LATER), True, id="since-is-inclusive"),
        pytest.param(LetterFilter(since=LATER + LEASE), False, id="since"),
        pytest.param(LetterFilter(until=LATER), False, id="until-is-exclusive"),
        pytest.param(LetterFilter(until=LATER + LEASE), True, id="until"),
        pytest.param(LetterFilter("acme", error_class=PrefillReason.DNS), False, id="all-conditions-together"),
    ],
)
def test_filter_picks_dead_letters(stores: Stores, letters: LetterFilter, *, is_listed: bool) -> None:
    ids = bury(stores, died_at=LATER)

    assert listed(stores, letters) == (ids if is_listed else [])


def test_count_tells_partners_and_obstacles_apart(stores: Stores) -> None:
    bury(stores, 2)
    bury(stores, partner_id="globex", error_class=PrefillReason.AUTH, call=request(bearer_expires_at=LATER))
    bury(stores, died_at=LATER + LEASE)
    bury(stores, expires_at=LATER, call=request(bearer_expires_at=None))

    groups = stores.dead_letters.count(EVERYTHING, LATER)

    known = {(group.partner_id, group.obstacles): group.letters for group in groups}
    timeout = PrefillReason.TIMEOUT
    assert known == {
        ("acme", Obstacles(timeout, has_request=True, is_session_over=False, is_bearer_over=True)): 2,
        ("acme", Obstacles(timeout, has_request=True, is_session_over=True, is_bearer_over=False)): 1,
        ("globex", Obstacles(PrefillReason.AUTH, has_request=True, is_session_over=False, is_bearer_over=True)): 1,
    }


def test_dead_letter_without_a_call_is_known_as_such(stores: Stores) -> None:
    stores.intake.add([new_session()], NOW)
    [poison] = stores.queue.claim(Claim(Stage.VERIFY, 1, NOW, NOW + LEASE))
    stores.queue.finish([move(poison, Stage.DEAD, error_class=PrefillReason.POISON)], NOW)

    [group] = stores.dead_letters.count(EVERYTHING, NOW)

    assert group.obstacles == Obstacles(
        PrefillReason.POISON, has_request=False, is_session_over=False, is_bearer_over=False
    )


def test_replay_is_found_as_it_was_added(stores: Stores) -> None:
    letters = ReplayFilter("acme", "945645", PrefillReason.DNS, since=NOW, until=LATER)
    replay = a_replay(filter=letters, rate_per_second=0.5, force=True)

    stores.replays.add(replay)

    assert stores.replays.find(replay.id) == replay
    assert stores.replays.find("rpl_other") is None
    assert stores.replays.count_stages(replay.id) == {}


@pytest.mark.parametrize(
    ("first", "second", "is_barred"),
    [
        pytest.param("acme", "acme", True, id="same-partner"),
        pytest.param("acme", "globex", False, id="other-partner"),
        pytest.param("", "acme", True, id="several-partners-first"),
        pytest.param("acme", "", True, id="several-partners-second"),
    ],
)
def test_replay_of_a_partner_bars_another(stores: Stores, first: str, second: str, *, is_barred: bool) -> None:
    stores.replays.add(a_replay(partner_id=first))

    if is_barred:
        with pytest.raises(ReplayActive):
            stores.replays.add(a_replay(id="rpl_2", partner_id=second))

    else:
        stores.replays.add(a_replay(id="rpl_2", partner_id=second))
    assert (stores.replays.find("rpl_2") is None) is is_barred


@pytest.mark.parametrize("state", [ReplayState.DONE, ReplayState.CANCELLED])
def test_replay_that_is_over_bars_none(stores: Stores, state: ReplayState) -> None:
    stores.replays.add(a_replay(state=state))

    stores.replays.add(a_replay(id="rpl_2"))

    assert [running.id for running in stores.replay_queue.load_running()] == ["rpl_2"]


def test_replay_is_changed_from_the_state_that_was_read_alone(stores: Stores) -> None:
    stores.replays.add(a_replay())
    paused = a_replay(state=ReplayState.PAUSED, updated_at=LATER, paced_at=LATER)

    changed = [stores.replays.change(paused, ReplayState.RUNNING) for _ in range(2)]

    assert changed == [True, False]
    assert stores.replays.find(paused.id) == paused
    assert stores.replay_queue.load_running() == []


def test_advance_moves_dead_letters_back_to_fetch_as_if_new(stores: Stores) -> None:
    first, second = bury(stores, 2)
    before = added(stores, matched=2)
    after = a_replay(matched=2, cursor=f"acme/{first}", paced_at=LATER)

    released = stores.replay_queue.advance(before, after, [first], LATER)

    [claimed] = stores.queue.claim(Claim(Stage.FETCH, 9, LATER, LATER + LEASE))
    assert released == 1
    assert (claimed.id, claimed.attempts, claimed.crash_count, claimed.request) == (first, 1, 0, request())
    assert listed(stores, EVERYTHING) == [second]
    assert stores.replays.count_stages(before.id) == {Stage.FETCH: 1}
    stored = a_replay(matched=2, cursor=f"acme/{first}", paced_at=LATER, moved=1, updated_at=LATER)
    assert stores.replays.find(before.id) == stored


def test_replayed_session_waits_behind_retries(stores: Stores) -> None:
    [replayed] = bury(stores)
    [retried] = bury(stores)
    stores.replay_queue.advance(added(stores), a_replay(cursor="x/x"), [replayed, retried], NOW)
    claimed = stores.queue.claim(Claim(Stage.FETCH, 9, NOW, NOW + LEASE))
    [mine] = [one for one in claimed if one.id == retried]
    stores.queue.finish([move(mine, Stage.FETCH, due_at=LATER, priority=Priority.RETRY)], NOW)

    first = stores.queue.claim(Claim(Stage.FETCH, 1, LATER, LATER + LEASE))

    assert [one.id for one in first] == [retried]


def test_advance_from_a_cursor_that_was_passed_changes_nothing(stores: Stores) -> None:
    first, second = bury(stores, 2)
    before = added(stores)
    stores.replay_queue.advance(before, a_replay(cursor=f"acme/{first}"), [first], NOW)

    again = stores.replay_queue.advance(before, a_replay(cursor=f"acme/{second}"), [second], NOW)

    assert again is None
    assert listed(stores, EVERYTHING) == [second]


@pytest.mark.parametrize("state", [ReplayState.PAUSED, ReplayState.CANCELLED])
def test_advance_of_a_replay_that_does_not_run_changes_nothing(stores: Stores, state: ReplayState) -> None:
    [id_] = bury(stores)
    before = added(stores)
    stores.replays.change(a_replay(state=state), ReplayState.RUNNING)

    assert stores.replay_queue.advance(before, a_replay(cursor=f"acme/{id_}"), [id_], NOW) is None
    assert listed(stores, EVERYTHING) == [id_]


def test_advance_counts_what_was_purged_meanwhile_as_skipped(stores: Stores) -> None:
    [id_] = bury(stores)

    released = stores.replay_queue.advance(
        added(stores, matched=2), a_replay(matched=2, skipped=0, cursor="acme/x"), [id_, "ses_gone"], NOW
    )

    found = stores.replays.find(a_replay().id)
    assert released == 1
    assert found is not None
    assert (found.moved, found.skipped) == (1, 1)


def test_advance_leaves_what_is_dead_no_more_as_it_is(stores: Stores) -> None:
    [id_] = bury(stores)
    stores.replay_queue.advance(added(stores), a_replay(cursor=f"acme/{id_}"), [id_], NOW)
    claimed = stores.queue.claim(Claim(Stage.FETCH, 1, NOW, NOW + LEASE))
    stores.queue.finish([move(one) for one in claimed], NOW)
    stores.replays.change(a_replay(state=ReplayState.CANCELLED), ReplayState.RUNNING)
    other = added(stores, id="rpl_other")

    released = stores.replay_queue.advance(other, replace(other, cursor=f"acme/{id_}"), [id_], NOW)

    assert released == 0
    assert stores.replays.count_stages(a_replay().id) == {Stage.DONE: 1}


def test_replay_looks_at_what_was_dead_when_it_started_and_no_more(stores: Stores) -> None:
    ids = bury(stores, 3)
    bury(stores, died_at=LATER)
    bury(stores, partner_id="globex")
    bury(stores, error_class=PrefillReason.DNS)
    replay = a_replay(filter=ReplayFilter(error_class=PrefillReason.TIMEOUT), partner_id="acme")

    found = stores.replay_queue.load_next(replay, 10)
    rest = stores.replay_queue.load_next(a_replay(cursor=f"acme/{ids[0]}"), 1)

    assert [letter.session_id for letter in found] == ids
    assert [letter.session_id for letter in rest] == [ids[1]]


def test_replay_of_several_partners_looks_at_all(stores: Stores) -> None:
    ids = [*bury(stores, partner_id="acme"), *bury(stores, partner_id="globex")]
    replay = a_replay(filter=ReplayFilter(campaign_id="945645"), partner_id="")

    found = stores.replay_queue.load_next(replay, 10)
    behind = stores.replay_queue.load_next(a_replay(filter=replay.filter, partner_id="", cursor=f"acme/{ids[0]}"), 10)

    assert [letter.session_id for letter in found] == ids
    assert [letter.session_id for letter in behind] == ids[1:]


def test_purge_keeps_what_a_replay_brought_as_long_as_a_dead_letter(stores: Stores) -> None:
    [id_] = bury(stores)
    stores.replay_queue.advance(added(stores), a_replay(cursor=f"acme/{id_}"), [id_], NOW)
    claimed = stores.queue.claim(Claim(Stage.FETCH, 1, NOW, NOW + LEASE))
    stores.queue.finish([move(one) for one in claimed], NOW)

    kept = stores.housekeeping.purge(NOW + 7 * DAY, 10)
    found = stores.records.find_replayable(id_)
    gone = stores.housekeeping.purge(NOW + 8 * DAY + LEASE, 10)

    assert (kept["sessions"], gone["sessions"]) == (0, 1)
    assert found is not None
    assert (found[0], found[1].stage, found[1].outcome) == ("acme", Stage.DONE, outcome())


def test_session_that_never_died_is_not_read_as_a_dead_letter(stores: Stores) -> None:
    session = new_session(token=None, stage=Stage.DONE, outcome=outcome())
    stores.intake.add([session], NOW)

    assert stores.records.find_replayable(session.id) is None
    assert stores.records.find_replayable("ses_other") is None


def test_history_tells_what_happened_to_a_session(stores: Stores) -> None:
    [id_] = bury(stores, died_at=LATER)

    history = stores.records.find_history(id_)

    assert history is not None
    assert (history.session_id, history.partner_id, history.stage) == (id_, "acme", Stage.DEAD)
    assert (history.received_at, history.verified_at, history.settled_at) == (NOW, NOW, LATER)
    assert (history.token_status, history.token_reason) == (TokenStatus.ACCEPTED, None)
    assert (history.replayed_at, history.replay_id) == (None, None)
    assert list(history.attempts) == [PastAttempt(1, NOW, LEASE, PrefillReason.TIMEOUT, 503)]


def test_history_tells_of_a_replay(stores: Stores) -> None:
    [id_] = bury(stores)
    stores.replay_queue.advance(added(stores), a_replay(cursor=f"acme/{id_}"), [id_], LATER)

    history = stores.records.find_history(id_)

    assert history is not None
    assert (history.replayed_at, history.replay_id, history.settled_at) == (LATER, a_replay().id, None)
    assert stores.records.find_history("ses_other") is None


def added(stores: Stores, **changes: Any) -> Replay:
    replay = a_replay(**changes)
    stores.replays.add(replay)
    return replay


def test_purge_deletes_replays_that_were_over_long_ago(stores: Stores) -> None:
    over = a_replay(id="rpl_over", state=ReplayState.DONE)
    recent = a_replay(id="rpl_recent", state=ReplayState.CANCELLED, updated_at=NOW + DAY)
    running = a_replay(id="rpl_running")
    for replay in (over, recent, running):
        stores.replays.add(replay)

    purged = [stores.housekeeping.purge(NOW + days * DAY + LEASE, 10)["replays"] for days in (399, 400)]

    assert purged == [0, 1]
    assert [stores.replays.find(replay.id) for replay in (over, recent, running)] == [None, recent, running]
