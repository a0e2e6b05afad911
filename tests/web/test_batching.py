"""Batches: who waits for whom, how much may wait, and what one bad item does to the others."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from app.errors import Overloaded, StoreUnavailable
from app.web import admission
from app.web.admission import Admission
from app.web.batching import Batcher, BatchLimits, on_thread
from app.web.store_threads import StoreThreads
from tests.web.stage import eventually

LIMITS = BatchLimits(rows=4, wait_seconds=0, queue=8)


@dataclass(slots=True)
class _Doubling:
    """Doubles numbers; can be held up, and fails for negative ones."""

    batches: list[list[int]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def __call__(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        self.gate.wait(30)
        if min(items) < 0:
            raise LookupError("negative")
        return [2 * item for item in items]


@asynccontextmanager
async def _batching(
    limits: BatchLimits = LIMITS, room: Admission | None = None
) -> AsyncIterator[tuple[Batcher[int, int], _Doubling]]:
    work, threads = _Doubling(), StoreThreads(2, 5, bool)
    work.gate.set()
    batcher = Batcher(on_thread(work, threads), threads, limits, admission=room)
    try:
        yield batcher, work
    finally:
        work.gate.set()
        await batcher.drain()
        await threads.close()


async def test_lone_item_goes_at_once() -> None:
    async with _batching(BatchLimits(rows=4, wait_seconds=60, queue=8)) as (batcher, work):
        assert await asyncio.wait_for(batcher.submit(3), 2) == 6
        assert work.batches == [[3]]


async def test_items_gather_while_a_batch_is_under_way() -> None:
    async with _batching() as (batcher, work):
        work.gate.clear()
        first = asyncio.create_task(batcher.submit(1))
        await eventually(lambda: work.batches == [[1]])
        rest = [asyncio.create_task(batcher.submit(number)) for number in (2, 3, 4, 5, 6)]
        await eventually(lambda: batcher.depth == 6)

        work.gate.set()

        assert await asyncio.gather(first, *rest) == [2, 4, 6, 8, 10, 12]
        assert work.batches == [[1], [2, 3, 4, 5], [6]]


async def test_items_after_a_batch_wait_until_the_next_may_begin() -> None:
    async with _batching(BatchLimits(rows=4, wait_seconds=0.05, queue=8)) as (batcher, work):
        began_at = asyncio.get_running_loop().time()
        await batcher.submit(1)

        await asyncio.gather(batcher.submit(2), batcher.submit(3))

        assert work.batches == [[1], [2, 3]]
        assert asyncio.get_running_loop().time() - began_at >= 0.045


async def test_full_batch_does_not_wait() -> None:
    async with _batching(BatchLimits(rows=4, wait_seconds=60, queue=8)) as (batcher, work):
        await batcher.submit(0)

        await asyncio.wait_for(asyncio.gather(*map(batcher.submit, (1, 2, 3, 4))), 2)

        assert work.batches == [[0], [1, 2, 3, 4]]


async def test_item_beyond_the_queue_is_refused_with_a_time() -> None:
    async with _batching() as (batcher, work):
        work.gate.clear()
        held = [asyncio.create_task(batcher.submit(number)) for number in range(8)]
        await eventually(lambda: batcher.depth == 8)

        with pytest.raises(Overloaded) as refused:
            await batcher.submit(9)

        assert refused.value.retry_after_seconds is not None
        assert refused.value.retry_after_seconds > 0
        work.gate.set()
        assert await asyncio.gather(*held) == [2 * number for number in range(8)]


async def test_bad_item_fails_alone() -> None:
    async with _batching() as (batcher, _):
        results = await asyncio.gather(*map(batcher.submit, (1, -2, 3)), return_exceptions=True)

        assert [results[0], results[2]] == [2, 6]
        assert isinstance(results[1], LookupError)


async def test_batch_that_finds_no_thread_is_refused_as_overload(monkeypatch: pytest.MonkeyPatch) -> None:
    async with _batching() as (batcher, work):
        monkeypatch.setattr("app.web.store_threads.MAX_WAITING", 0)

        results = await asyncio.gather(batcher.submit(1), batcher.submit(2), return_exceptions=True)

        assert [type(result) for result in results] == [Overloaded, Overloaded]
        assert (work.batches, batcher.depth) == ([], 0)


async def test_work_that_returns_too_little_fails_instead_of_keeping_somebody_waiting() -> None:
    threads = StoreThreads(1, 5, bool)
    short: Batcher[int, int] = Batcher(on_thread(lambda _: [], threads), threads, LIMITS)

    with pytest.raises(LookupError):
        await asyncio.wait_for(short.submit(1), 2)

    await threads.close()


async def test_item_whose_request_has_gone_does_not_hold_up_the_others() -> None:
    async with _batching() as (batcher, work):
        work.gate.clear()
        gone, stays = (asyncio.create_task(batcher.submit(number)) for number in (1, 2))
        await eventually(lambda: batcher.depth == 2)

        gone.cancel()
        work.gate.set()

        assert await stays == 4
        assert batcher.depth == 0


async def test_drain_returns_when_everything_is_answered() -> None:
    async with _batching() as (batcher, work):
        work.gate.clear()
        held = [asyncio.create_task(batcher.submit(number)) for number in range(6)]
        await eventually(lambda: batcher.depth == 6)
        draining = asyncio.create_task(batcher.drain())
        await asyncio.sleep(0)
        assert not draining.done()

        work.gate.set()
        await draining

        assert await asyncio.gather(*held) == [0, 2, 4, 6, 8, 10]


class _Store:
    """A store that freezes, breaks and comes back."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.is_broken = False
        self.probes = 0

    def ask(self) -> str:
        self.gate.wait(30)
        if self.is_broken:
            raise StoreUnavailable("broken")
        return "answer"

    def probe(self) -> str:
        self.probes += 1
        return self.ask()


async def test_store_that_breaks_fails_at_once_until_the_probe_finds_it() -> None:
    store = _Store()
    threads = StoreThreads(1, 5, store.probe)
    store.is_broken = True
    with pytest.raises(StoreUnavailable, match="broken"):
        await threads.call(store.ask)

    with pytest.raises(StoreUnavailable, match="known to be down"):
        await threads.call(store.ask)
    store.is_broken = False
    await eventually(lambda: not threads.is_down)

    assert await threads.call(store.ask) == "answer"
    assert store.probes >= 1
    await threads.close()


async def test_store_that_freezes_is_given_up_and_found_again() -> None:
    store = _Store()
    threads = StoreThreads(1, 0.05, store.probe)
    store.gate.clear()
    with pytest.raises(StoreUnavailable, match="in time"):
        await threads.call(store.ask)
    await eventually(lambda: store.probes >= 2)  # the stuck thread was replaced, so that the probe could run

    store.gate.set()
    await eventually(lambda: not threads.is_down)

    assert await threads.call(store.ask) == "answer"
    await threads.close()


async def test_store_call_that_fails_otherwise_leaves_the_store_up() -> None:
    threads = StoreThreads(1, 5, bool)

    def fail() -> None:
        raise LookupError("a defect")

    with pytest.raises(LookupError):
        await threads.call(fail)

    assert not threads.is_down
    await threads.close()


async def test_queue_with_a_standing_wait_refuses_until_it_has_emptied() -> None:
    async with _batching(room=Admission(8, least=1, patience=0.01)) as (batcher, work):
        work.gate.clear()
        held = [asyncio.create_task(batcher.submit(number)) for number in range(8)]
        await eventually(lambda: len(work.batches) == 1)
        await asyncio.sleep(0.2)
        work.gate.set()
        await held[0]

        assert batcher.depth == 4
        with pytest.raises(Overloaded):
            await batcher.submit(9)

        await asyncio.gather(*held)
        assert await batcher.submit(9) == 18


async def test_burst_after_a_quiet_second_is_held_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "SENT_AWAY_SECONDS", 0.05)
    async with _batching(room=Admission(8, least=1, soon=0.0)) as (batcher, work):
        work.gate.clear()
        held = [asyncio.create_task(batcher.submit(number)) for number in range(8)]
        await eventually(lambda: len(work.batches) == 1)
        with pytest.raises(Overloaded):
            await batcher.submit(9)
        work.gate.set()
        await asyncio.gather(*held)
        await asyncio.sleep(0.1)

        assert await asyncio.gather(*(batcher.submit(number) for number in range(8))) == [2 * n for n in range(8)]


async def test_job_that_crashes_fails_in_each_of_its_requests() -> None:
    async def crash(_: Sequence[int]) -> Sequence[int]:
        raise LookupError("a defect")

    threads = StoreThreads(1, 5, bool)
    batcher: Batcher[int, int] = Batcher(crash, threads, LIMITS)

    results = await asyncio.gather(*(batcher.submit(number) for number in (1, 2)), return_exceptions=True)

    assert [type(result) for result in results] == [LookupError, LookupError]
    assert batcher.depth == 0
    await threads.close()
