"""How often those who wait are looked for."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from app.domain.session import Stage, StoredSession
from app.errors import StoreUnavailable
from app.web import long_polls
from app.web.batching import each, on_thread
from app.web.long_polls import (
    LATEST_FIRST_LOOK_SECONDS,
    LONGEST_PAUSE_SECONDS,
    LOOK_ROWS,
    SHORTEST_PAUSE_SECONDS,
    LongPolls,
    pause,
)
from app.web.store_threads import StoreThreads
from tests.web.page_stand import session_with
from tests.web.settling import Store
from tests.web.stage import eventually
from tests.web.virtual_time import in_virtual_time


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        pytest.param(-1.0, SHORTEST_PAUSE_SECONDS, id="born-in-the-future"),
        pytest.param(0.0, SHORTEST_PAUSE_SECONDS, id="just-born"),
        pytest.param(0.08, 0.01, id="as-long-as-the-shortest"),
        pytest.param(0.8, 0.1, id="in-proportion"),
        pytest.param(3600.0, LONGEST_PAUSE_SECONDS, id="old"),
    ],
)
def test_pause_grows_with_the_age_of_the_session(age: float, expected: float) -> None:
    assert pause(age) == pytest.approx(expected)


@in_virtual_time
async def test_old_sessions_are_looked_for_less_often_than_young_ones() -> None:
    store = Store()
    polls = LongPolls(store.look)

    waiting = [asyncio.create_task(polls.wait(*who)) for who in (("young", 60.0, 0.0), ("old", 60.0, 60.0))]
    await eventually(lambda: store.looked_for("young") >= 8, seconds=30)

    assert store.looked_for("old") <= 2
    polls.close()
    await asyncio.gather(*waiting)


@in_virtual_time
async def test_short_wait_that_joins_a_long_one_ends_in_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_polls, "LONGEST_PAUSE_SECONDS", 60.0)
    store = Store()
    polls = LongPolls(store.look)
    stays = polls.begin("one", 60.0, 240.0)
    await eventually(lambda: store.looked_for("one") == 1)

    ended = await asyncio.wait_for(polls.begin("one", 0.02, 240.0), 5)

    assert (ended, stays.done()) == (None, False)
    polls.close()


@in_virtual_time
async def test_session_that_is_waited_for_again_and_again_is_looked_for_as_often_as_once() -> None:
    store = Store()
    polls = LongPolls(store.look)
    stays = asyncio.create_task(polls.wait("other", 0.4, 60.0))

    for _ in range(20):
        await polls.wait("again", 0.001, 60.0)
    await polls.wait("again", 0.2, 60.0)

    assert await stays is None
    assert store.looked_for("again") <= 2


@in_virtual_time
async def test_newcomer_is_answered_while_all_others_are_old() -> None:
    store = Store({"new": session_with(None, Stage.DONE)})
    polls = LongPolls(store.look)
    old = [asyncio.create_task(polls.wait(f"old-{number}", 5.0, 60.0)) for number in range(100)]
    await asyncio.sleep(0.05)

    async with asyncio.timeout(LONGEST_PAUSE_SECONDS / 2):
        found = await polls.wait("new", 5.0, 0.0)

    assert found is store.settled["new"]
    polls.close()
    assert set(await asyncio.gather(*old)) == {None}


async def test_session_is_found_after_a_look_that_found_no_thread(
    threads: StoreThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store({"one": session_with(None, Stage.DONE)})
    polls = LongPolls(on_thread(each(store.load_settled), threads))
    with monkeypatch.context() as crowd:
        crowd.setattr("app.web.store_threads.MAX_WAITING", 0)
        waits = asyncio.create_task(polls.wait("one", 5.0, 0.0))
        await asyncio.sleep(5 * SHORTEST_PAUSE_SECONDS)
        assert not waits.done()

    assert await waits is store.settled["one"]


@in_virtual_time
async def test_one_more_than_may_wait_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.long_polls.MAX_WAITING", 2)
    polls = LongPolls(Store().look)
    waiting = [asyncio.create_task(polls.wait(session_id, 5.0, 0.0)) for session_id in ("one", "one")]
    await asyncio.sleep(0)

    async with asyncio.timeout(1):
        assert await polls.wait("two", 5.0, 0.0) is None

    assert (polls.is_open, polls.waiting) == (False, 2)
    polls.close()
    await asyncio.gather(*waiting)
    assert polls.waiting == 0


@in_virtual_time
async def test_many_who_wait_are_looked_for_a_stretch_at_a_time() -> None:
    store = Store()
    polls = LongPolls(store.look)
    ids = {f"ses-{number}" for number in range(2 * LOOK_ROWS + 1)}

    waiting = [asyncio.create_task(polls.wait(id_, 60.0, 60.0)) for id_ in ids]
    await eventually(lambda: set().union(*store.looks) == ids, seconds=30)
    polls.close()
    await asyncio.gather(*waiting)

    assert max(map(len, store.looks)) <= LOOK_ROWS


@in_virtual_time
async def test_wait_that_was_begun_ends_with_the_session() -> None:
    store = Store()
    polls = LongPolls(store.look)
    waits = polls.begin("one", 60.0, 0.0)
    await eventually(lambda: store.looked_for("one") >= 2)
    assert (waits.done(), polls.waiting) == (False, 1)

    store.settled["one"] = session_with(None, Stage.DONE)

    assert await asyncio.wait_for(waits, 2) is store.settled["one"]
    await eventually(lambda: polls.waiting == 0)


@pytest.mark.parametrize("seconds", [pytest.param(0.0, id="none"), pytest.param(0.1, id="a-tenth")])
@in_virtual_time
async def test_wait_that_was_begun_ends_with_the_first_look_after_its_seconds(seconds: float) -> None:
    store = Store()
    polls = LongPolls(store.look)
    loop = asyncio.get_running_loop()
    began_at = loop.time()

    waits = polls.begin("one", seconds, 0.0)
    async with asyncio.timeout(seconds + LONGEST_PAUSE_SECONDS):
        assert await waits is None

    assert loop.time() - began_at >= seconds
    assert store.looked_for("one") >= 1
    await eventually(lambda: polls.waiting == 0)


@in_virtual_time
async def test_wait_that_was_begun_for_an_old_session_ends_in_time_though_it_is_seldom_looked_for() -> None:
    polls = LongPolls(Store().look)
    age, seconds = 3.0, 0.1
    began_at = asyncio.get_running_loop().time()

    assert await polls.begin("one", seconds, age) is None

    assert seconds <= asyncio.get_running_loop().time() - began_at < SHORTEST_PAUSE_SECONDS + pause(age)


@in_virtual_time
async def test_look_that_finds_the_session_after_the_seconds_of_a_wait_is_told() -> None:
    store = Store({"one": session_with(None, Stage.DONE)})
    polls = LongPolls(store.look)

    assert await asyncio.wait_for(polls.begin("one", 0.0, 0.0), 2) is store.settled["one"]


@in_virtual_time
async def test_waits_for_one_session_end_each_at_its_own_time() -> None:
    store = Store()
    polls = LongPolls(store.look)
    stays = polls.begin("one", 60.0, 0.0)
    others = [polls.begin("one", 0.02, 0.0), asyncio.ensure_future(polls.wait("one", 0.02, 0.0))]

    assert await asyncio.wait_for(asyncio.gather(*others), 2) == [None, None]

    await eventually(lambda: polls.waiting == 1)
    assert not stays.done()
    store.settled["one"] = session_with(None, Stage.DONE)
    assert await asyncio.wait_for(stays, 2) is store.settled["one"]


@in_virtual_time
async def test_wait_that_was_begun_and_given_up_is_waited_for_no_more() -> None:
    store = Store()
    polls = LongPolls(store.look)
    given_up, stays = polls.begin("one", 60.0, 0.0), polls.begin("two", 60.0, 0.0)
    await eventually(lambda: store.looked_for("one") >= 1)

    given_up.cancel()
    await eventually(lambda: polls.waiting == 1)
    looked = store.looked_for("one")
    seen = store.looked_for("two")
    await eventually(lambda: store.looked_for("two") >= seen + 3)

    assert store.looked_for("one") <= looked + 1  # the look that was under way
    assert not stays.done()
    stays.cancel()
    await eventually(lambda: polls.waiting == 0 and polls._poller is None)


@in_virtual_time
async def test_wait_that_was_begun_ends_when_nobody_may_wait_any_more() -> None:
    polls = LongPolls(Store().look)
    waits = polls.begin("one", 60.0, 0.0)

    polls.close()

    assert await asyncio.wait_for(waits, 1) is None
    await eventually(lambda: polls.waiting == 0)
    assert not polls.is_open


async def test_wait_that_was_begun_fails_with_the_store(threads: StoreThreads) -> None:
    def lost(_: Sequence[str]) -> Mapping[str, StoredSession]:
        raise StoreUnavailable("the test took the store away")

    polls = LongPolls(on_thread(each(lost), threads))

    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(polls.begin("one", 60.0, 0.0), 2)

    await eventually(lambda: polls.waiting == 0)


async def _settle_after(seconds: float, store: Store, polls: LongPolls, ids: Sequence[str]) -> float:
    """Let sessions wait that settle so late, and return how often each was looked for."""
    asyncio.get_running_loop().call_later(seconds, store.settled.update, {id_: session_with(None) for id_ in ids})
    await asyncio.gather(*(polls.wait(id_, 10.0, 0.0) for id_ in ids))
    return sum(map(store.looked_for, ids)) / len(ids)


@in_virtual_time
async def test_first_look_comes_when_sessions_settle_these_days() -> None:
    store = Store()
    polls = LongPolls(store.look)

    looks = [
        await _settle_after(0.1, store, polls, [f"{crowd}-{number}" for number in range(100)]) for crowd in range(4)
    ]

    assert looks[0] > 8
    assert looks[-1] == 1


@in_virtual_time
async def test_sessions_that_wait_for_a_partner_do_not_keep_others_from_being_looked_for() -> None:
    store = Store()
    polls = LongPolls(store.look)
    stuck = [asyncio.create_task(polls.wait(f"stuck-{number}", 60.0, 0.0)) for number in range(300)]
    await eventually(lambda: store.looked_for("stuck-299") >= 8, seconds=30)

    began_at = asyncio.get_running_loop().time()
    store.settled["quick"] = session_with(None)
    await polls.wait("quick", 10.0, 0.0)

    assert asyncio.get_running_loop().time() - began_at < LATEST_FIRST_LOOK_SECONDS
    polls.close()
    await asyncio.gather(*stuck)
