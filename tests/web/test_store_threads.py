"""The store's threads: what a call that waits, that takes too long, or whose caller has gone says of the store."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
from structlog.testing import capture_logs

from app.errors import Overloaded, SchemaOutdated, StoreUnavailable
from app.web import store_threads
from app.web.store_threads import MAX_WAITING, StoreThreads
from tests.web.stage import eventually


@asynccontextmanager
async def _threads(
    size: int, timeout_seconds: float, probe: Callable[[], object] = bool
) -> AsyncIterator[StoreThreads]:
    threads = StoreThreads(size, timeout_seconds, probe)
    yield threads
    await threads.close()


async def test_calls_that_find_no_thread_in_time_are_refused_and_the_store_stays_up() -> None:
    async with _threads(2, 0.2) as threads:
        calls = [threads.call(lambda: time.sleep(0.02)) for _ in range(60)]
        results = await asyncio.gather(*calls, return_exceptions=True)

        refused = [result for result in results if result is not None]
        assert 20 < len(refused) < 60
        assert {type(error) for error in refused} == {Overloaded}
        assert not threads.is_down


async def test_call_that_begins_late_has_as_long_as_any_other() -> None:
    async with _threads(1, 0.3) as threads:
        calls = [threads.call(lambda: time.sleep(0.2)) for _ in range(2)]

        assert await asyncio.gather(*calls) == [None, None]
        assert not threads.is_down


async def test_calls_beyond_what_may_wait_are_refused_at_once() -> None:
    gate = threading.Event()
    async with _threads(1, 5) as threads:
        waiting = [asyncio.create_task(threads.call(gate.wait))]
        await asyncio.sleep(0.05)
        waiting += [asyncio.create_task(threads.call(gate.wait)) for _ in range(MAX_WAITING)]
        await asyncio.sleep(0)

        with pytest.raises(Overloaded) as refusal:
            await threads.call(bool)
        gate.set()

        assert refusal.value.retry_after_seconds == 5
        assert set(await asyncio.gather(*waiting)) == {True}


async def test_call_that_ended_in_time_is_answered_though_the_loop_was_held_up() -> None:
    async with _threads(1, 0.05) as threads:
        call = asyncio.create_task(threads.call(lambda: "answer"))
        await asyncio.sleep(0)

        time.sleep(0.2)  # noqa: ASYNC251 - the loop is to be late

        assert await call == "answer"
        assert not threads.is_down


async def test_call_that_freezes_counts_though_its_caller_has_gone() -> None:
    gate, begun, probed = threading.Event(), threading.Event(), threading.Event()

    def freeze() -> None:
        begun.set()
        gate.wait(30)

    async with _threads(1, 0.05, probed.set) as threads:
        gone = asyncio.create_task(threads.call(freeze))
        await eventually(begun.is_set)
        gone.cancel()

        await eventually(probed.is_set)  # by a thread that took its place

        assert not gate.is_set()
        gate.set()


async def test_call_whose_caller_has_gone_is_not_begun() -> None:
    gate = threading.Event()
    calls: list[str] = []
    async with _threads(1, 5) as threads:
        first = asyncio.create_task(threads.call(gate.wait))
        gone = asyncio.create_task(threads.call(lambda: calls.append("begun")))
        await asyncio.sleep(0.05)

        gone.cancel()
        await asyncio.sleep(0)
        gate.set()

        assert await first
        assert await threads.call(lambda: calls) == []


async def test_store_that_only_reads_is_not_down_and_told_once() -> None:
    def write() -> None:
        error = StoreUnavailable("its disk is full")
        error.only_reads = True
        raise error

    with capture_logs() as events:
        async with _threads(1, 5) as threads:
            for _ in range(2):
                with pytest.raises(StoreUnavailable):
                    await threads.call(write)

            assert not threads.is_down
            assert await threads.call(lambda: "read") == "read"

    assert [event["event"] for event in events] == ["store.only_reads"]


async def test_store_that_answers_the_probe_with_a_refusal_is_back() -> None:
    def lose() -> None:
        raise StoreUnavailable("the test took the store away")

    def refuse() -> None:
        raise SchemaOutdated("what is restored is not whole yet")

    with capture_logs() as events:
        async with _threads(1, 5, refuse) as threads:
            with pytest.raises(StoreUnavailable):
                await threads.call(lose)

            await eventually(lambda: not threads.is_down)

            assert await threads.call(lambda: "answer") == "answer"

    assert [event["error"] for event in events if event["event"] == "store.regained"] == ["SchemaOutdated"]


async def test_thread_that_came_back_late_is_one_less_of_those_that_are_not_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store_threads, "MAX_STUCK", 1)
    async with _threads(1, 0.3) as threads:
        for gate in (threading.Event(), threading.Event()):
            with pytest.raises(StoreUnavailable):
                await threads.call(partial(gate.wait, 30))
            await eventually(lambda: not threads.is_down)  # by a thread that took its place
            gate.set()
            await eventually(lambda: not threads._stuck)


async def test_store_stays_down_where_no_more_threads_are_replaced_until_one_of_them_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store_threads, "MAX_STUCK", 0)
    gate = threading.Event()
    async with _threads(1, 0.3) as threads:
        with pytest.raises(StoreUnavailable):
            await threads.call(lambda: gate.wait(30))
        await asyncio.sleep(2 * store_threads.PROBE_SECONDS)  # in which a thread in its place would have found it

        was_down = threads.is_down
        gate.set()
        await eventually(lambda: not threads.is_down)

        assert was_down
        assert await threads.call(lambda: "answer") == "answer"


async def test_store_that_is_asked_without_a_thread_is_known_to_be_down_and_back() -> None:
    is_lost, asked = True, []

    async def ask() -> int:
        asked.append(is_lost)
        if is_lost:
            raise StoreUnavailable("the test took the store away")
        return 7

    def probe() -> None:
        if is_lost:
            raise StoreUnavailable("the test took the store away")

    async with _threads(1, 5, probe) as threads:
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await threads.watch(ask)
        with pytest.raises(StoreUnavailable):
            await threads.call(bool)
        is_lost = False
        await eventually(lambda: not threads.is_down)

        assert (await threads.watch(ask), asked) == (7, [True, False])
