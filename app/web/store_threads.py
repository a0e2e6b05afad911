"""Calls of the synchronous stores from the event loop: few threads, a time limit, and a circuit.

A thread stuck in a frozen database cannot be ended. It is given up, another takes its place, and nobody waits for it,
not even the end of the process. While the store is known to be down every call fails at once; a probe in the background
finds out when it is back. One that answers and stores nothing is not down: those who read are served. A call that finds
no thread in time says nothing of the store: it is refused as overload.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass
from queue import SimpleQueue
from time import monotonic
from typing import Any, Final, TypeVar

from structlog import get_logger

from app.errors import Overloaded, StoreUnavailable
from app.logs import fault_fields

PROBE_SECONDS: Final = 0.25
"""Between two looks at a store that is down: what a caller of 503 loses at most when it is back."""
TOLD_EVERY_SECONDS: Final = 60.0
"""How often it is said that the store only reads, as long as it does."""
MAX_STUCK: Final = 32
"""Threads given up and not yet back; beyond, none is replaced, and the store stays down until one returns."""
MAX_WAITING: Final = 2048
"""Calls that may wait for a thread, as many as sessions for their commit: a batch is one call, and so is a play."""

R = TypeVar("R")
_log = get_logger()


@dataclass(eq=False, slots=True)
class _Job:
    call: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"
    begun_at: float | None = None
    has_ended: bool = False
    is_given_up: bool = False
    is_replaced: bool = False
    """Whether another thread took the place of the one that has it."""


class StoreThreads:
    """Runs store calls on `size` threads; `probe` asks the store for anything.

    Each may wait for a thread for `timeout_seconds`, and have it for as long.
    """

    def __init__(self, size: int, timeout_seconds: float, probe: Callable[[], object]) -> None:
        self._timeout = timeout_seconds
        self._probe = probe
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._size = size
        self._started = False
        self._stuck = 0
        self._lock = threading.Lock()
        self._down = False
        self._told_again_at = 0.0
        self._probing: asyncio.Task[None] | None = None

    @property
    def is_down(self) -> bool:
        """Tell whether the store is known to be out of reach."""
        return self._down

    async def call(self, function: Callable[[], R]) -> R:
        """Return what `function` returns; raise StoreUnavailable, while the store is down at once, or Overloaded."""
        if not self._down and self._jobs.qsize() >= MAX_WAITING:
            raise self._overload()
        return await self.watch(lambda: self._run(function))

    async def watch(self, work: Callable[[], Awaitable[R]]) -> R:
        """Return what `work` asks of the store without a thread; the circuit is the same, and so is what it raises."""
        if self._down:
            raise StoreUnavailable("the store is known to be down")
        try:
            return await work()
        except StoreUnavailable as error:
            if error.only_reads:
                self._tell_that_it_only_reads(error)
            else:
                self._lose(error)
            raise

    async def close(self) -> None:
        """Stop probing and let the threads end; those that are stuck are left behind."""
        if self._probing is not None:
            self._probing.cancel()
        for _ in range(self._size if self._started else 0):
            self._jobs.put(None)

    async def _run(self, function: Callable[[], R]) -> R:
        if not self._started:
            self._started = True
            for _ in range(self._size):
                self._start_thread()
        loop = asyncio.get_running_loop()
        job = _Job(function, loop, loop.create_future())
        self._jobs.put(job)
        try:
            await asyncio.wait((job.future,), timeout=self._timeout)
            while not job.future.done() and (left := self._time_left(job)):
                await asyncio.wait((job.future,), timeout=left)
        except asyncio.CancelledError:
            job.future.cancel()
            self._watch(job)
            raise
        result: R = await job.future  # of a job that has ended it is set, or about to be
        return result

    def _watch(self, job: _Job) -> None:
        """See to a job whose caller has gone: its thread may be stuck like any other."""
        try:
            if left := self._time_left(job):
                job.loop.call_later(left, self._watch, job)
        except Overloaded:
            return  # it has not begun, and never will
        except StoreUnavailable as error:
            self._lose(error)

    def _time_left(self, job: _Job) -> float:
        """Return the seconds that a job at work may still take, 0 if it has ended; any other is given up: raise."""
        with self._lock:
            if job.has_ended:
                return 0
            left = 0.0 if job.begun_at is None else job.begun_at + self._timeout - monotonic()
            if left > 0:
                return left
            job.is_given_up = True
            is_stuck = job.begun_at is not None
            self._stuck += is_stuck
            job.is_replaced = is_stuck and self._stuck <= MAX_STUCK
        if job.is_replaced:
            self._start_thread()
        if is_stuck or self._down:
            raise StoreUnavailable("the store did not answer in time")
        raise self._overload()

    def _overload(self) -> Overloaded:
        return Overloaded(retry_after_seconds=self._timeout)  # whatever waits now has begun or gone by then

    def _lose(self, error: StoreUnavailable) -> None:
        if self._down:
            return
        self._down = True
        _log.error("store.lost", **fault_fields(error))
        self._probing = asyncio.get_running_loop().create_task(self._probe_until_back(), context=Context())

    def _tell_that_it_only_reads(self, error: StoreUnavailable) -> None:
        now = monotonic()
        if now >= self._told_again_at:
            self._told_again_at = now + TOLD_EVERY_SECONDS
            _log.error("store.only_reads", **fault_fields(error))

    async def _probe_until_back(self) -> None:
        refusal: dict[str, object] = {}
        while True:
            try:
                await self._run(self._probe)
            except (StoreUnavailable, Overloaded):
                await asyncio.sleep(PROBE_SECONDS)
                continue
            except Exception as error:  # noqa: BLE001 - it answers, if only to refuse: each call meets that too
                refusal = fault_fields(error)
            self._down = False
            _log.info("store.regained", **refusal)
            return

    def _start_thread(self) -> None:
        threading.Thread(target=self._work, name="store", daemon=True).start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self._begins(job):
                settle = _outcome_of(job)
                self._end(job)
                if job.is_replaced:
                    return
                if not job.is_given_up:
                    _tell(job.loop, settle)

    def _begins(self, job: _Job) -> bool:
        with self._lock:
            job.begun_at = None if job.is_given_up else monotonic()
            return not job.is_given_up

    def _end(self, job: _Job) -> None:
        with self._lock:
            job.has_ended = True
            self._stuck -= job.is_given_up


def _outcome_of(job: _Job) -> Callable[[], None]:
    try:
        result = job.call()
    except BaseException as error:  # noqa: BLE001 - it is raised where the call was made
        failure = error
        return lambda: None if job.future.done() else job.future.set_exception(failure)
    return lambda: None if job.future.done() else job.future.set_result(result)


def _tell(loop: asyncio.AbstractEventLoop, settle: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)
