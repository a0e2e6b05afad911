"""Gathers what single requests ask into batches: the group commit, and one query for all who read.

A lone request goes at once. While a batch is under way the next one gathers; batches begin at most every
`wait_seconds`, unless one is full. What may wait is bounded. Knows nothing of what is asked.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context
from copy import copy
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Final, Generic, TypeVar

from app.errors import Overloaded, StoreUnavailable
from app.web.admission import Admission
from app.web.own_loop import OnOneLoop
from app.web.store_threads import StoreThreads

Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Sequence[Item]], Sequence[Result]]
Job = Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]]
"""Returns one result or error for each item, in order; raises what becomes of all of them."""
_Held = tuple[Item, "asyncio.Future[Result]", float]
"""What waits, its answer, and since when, as the loop tells time."""
Observe = Callable[[int, float], None]
"""Records rows and duration in seconds of one batch."""

_SMOOTHING: Final = 0.2
_NO_RATE_YET: Final = 1000.0
"""Rows a second that are assumed until a batch was measured."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """At most `rows` in a batch, `queue` that are held (wait or are under way), `in_flight` batches at a time."""

    rows: int
    wait_seconds: float
    queue: int
    in_flight: int = 1


class Batcher(OnOneLoop, Generic[Item, Result]):
    """Hands items to `job`; while the store of `threads` is down, nothing is held.

    Where there is an `admission`, it says how many are held, instead of `limits`.
    """

    def __init__(
        self,
        job: Job[Item, Result],
        threads: StoreThreads,
        limits: BatchLimits,
        observe: Observe = lambda *_: None,
        admission: Admission | None = None,
    ) -> None:
        self._job = job
        self._threads = threads
        self._limits = limits
        self._admission = admission or Admission(limits.queue)
        self._observe = observe
        self._waiting: deque[_Held[Item, Result]] = deque()
        self._held = 0
        self._batches: set[asyncio.Task[None]] = set()
        self._timer: asyncio.Handle | None = None
        self._began_at = 0.0
        self._rate = _NO_RATE_YET

    @property
    def has_room(self) -> bool:
        """Tell whether one more may be held."""
        return self._held < self._admission.most

    def send_away(self) -> float:
        """Note that there was no room for somebody, and return the seconds until there is, at the measured rate."""
        now = self._loop.time()
        return self._held / self._rate + self._admission.note_sent_away(now, self._rate)

    def note_late(self) -> None:
        """Note that items come late, for all that is done for others."""
        self._admission.note_late(self._loop.time())

    @property
    def depth(self) -> int:
        """Return how many items are held: waiting, or in a batch under way."""
        return self._held

    async def submit(self, item: Item) -> Result:
        """Return the result for `item`; raise Overloaded, StoreUnavailable, or what the work raised."""
        return await self.begin(item)

    def begin(self, item: Item) -> "asyncio.Future[Result]":
        """Return what will be the result for `item`; raise Overloaded or StoreUnavailable where it is not even held."""
        if self._threads.is_down:
            raise StoreUnavailable("the store is known to be down")
        if not self.has_room:
            raise Overloaded(retry_after_seconds=self.send_away())
        now = self._loop.time()
        if not self._held:
            self._admission.note_first(now)
        future: asyncio.Future[Result] = self._loop.create_future()
        self._waiting.append((item, future, now))
        self._held += 1
        if self._timer is None:
            self._schedule()
        elif len(self._waiting) == self._limits.rows:
            self._begin()
        return future

    async def drain(self) -> None:
        """Return when everything that was submitted has its answer."""
        while self._held:
            self._begin()
            await asyncio.wait(self._batches)

    def _schedule(self) -> None:
        if len(self._batches) >= self._limits.in_flight:
            return
        due = self._began_at + self._limits.wait_seconds
        if len(self._waiting) >= self._limits.rows or due <= self._loop.time():
            self._timer = self._loop.call_soon(self._begin)
        else:
            self._timer = self._loop.call_at(due, self._begin)

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting or len(self._batches) >= self._limits.in_flight:
            return
        self._began_at = self._loop.time()
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._limits.rows))]
        task = self._loop.create_task(self._run(batch), context=Context())  # it belongs to no single request
        self._batches.add(task)
        task.add_done_callback(self._end)
        if self._waiting:
            self._schedule()

    async def _run(self, batch: Sequence["_Held[Item, Result]"]) -> None:
        began_at = perf_counter()
        items = [item for item, _, _ in batch]
        try:
            results: Sequence[Result | Exception] = await self._job(items)
        except (StoreUnavailable, Overloaded) as error:
            results = [copy(error) for _ in batch]
        except Exception as error:  # noqa: BLE001 - raised in each request of the batch
            results = [error] * len(batch)
        finally:
            self._held -= len(batch)
        for (_, future, _), result in zip(batch, results, strict=True):
            settle(future, result)
        now = self._loop.time()
        self._admission.note_wait(now - batch[0][2], self._held, now)
        seconds = perf_counter() - began_at
        self._rate += _SMOOTHING * (len(batch) * self._limits.in_flight / max(seconds, 1e-6) - self._rate)
        self._observe(len(batch), seconds)

    def _end(self, task: "asyncio.Task[None]") -> None:
        self._batches.discard(task)
        if self._waiting and self._timer is None:
            self._schedule()


def on_thread(work: Work[Item, Result], threads: StoreThreads) -> Job[Item, Result]:
    """Return the job of doing `work` on a thread, where one item fails alone."""

    async def job(items: Sequence[Item]) -> Sequence[Result | Exception]:
        return await threads.call(partial(apart, work, items))

    return job


def each(load: Callable[[Sequence[Item]], Mapping[Item, Result]]) -> Work[Item, Result | None]:
    """Return the work of looking up each item in what `load` returns for all of them."""

    def load_each(items: Sequence[Item]) -> Sequence[Result | None]:
        found = load(items)
        return [found.get(item) for item in items]

    return load_each


def apart(work: Work[Item, Result], items: Sequence[Item]) -> Sequence[Result | Exception]:
    """Return one result or error each: where a batch fails, its halves are tried, so that one item fails alone."""
    try:
        return _one_each(work, items)
    except StoreUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - it is raised in the request that it belongs to
        if len(items) == 1:
            return [error]
        half = len(items) // 2
        return [*apart(work, items[:half]), *apart(work, items[half:])]


def settle(future: "asyncio.Future[Result]", result: Result | Exception) -> None:
    """Answer `future` with a result or an error, unless its request has gone."""
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)


def _one_each(work: Work[Item, Result], items: Sequence[Item]) -> Sequence[Result]:
    results = work(items)
    if len(results) != len(items):  # else somebody would wait for ever
        raise LookupError("the work did not return one result for each item")
    return results
