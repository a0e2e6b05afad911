"""Keeps partners' calls in flight: claims as many sessions as there is room for, starts their calls, saves in batches.

Lives on the loop of its process; the database is spoken to in threads. Knows nothing of HTTP, nor of what a call means.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import TypeVar

import structlog

from app.domain.session import ClaimedSession
from app.errors import InsideError, StoreUnavailable
from app.steps.claim_fetch import FetchBatch
from app.steps.fetch import Fetched, PlannedCall
from workers.call_slots import CallSlots, in_hand
from workers.leases import HeldLeases
from workers.loop import Pulse, wait_for
from workers.pump_steps import ClaimStep, FetchStep

_log = structlog.get_logger()

T = TypeVar("T")

SAVE_AT_MOST = 256
GATHER_SECONDS = 0.010
THREADS = 3
"""One claims, one saves, one renews: none waits for another's query."""
ALONE_SECONDS = 2.0
"""For those that are worked on alone, after each time that everything else in hand was waited for."""
CUT_OFF_SECONDS = 1.0
"""For saving what became of calls that a drain ended."""
GIVE_BACK_SECONDS = 2.0
"""At the end of a drain: what a frozen database does not take back is left to its lease."""
_JITTER = 1 / 3
_LEAST_PAUSE_SECONDS = 0.005
"""Between claims that time alone brings: a rate of thousands per second is claimed in handfuls."""
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 2.0


@dataclass(slots=True)
class FetchPump:
    """One per process; at most `capacity` calls are in flight, `of_one` of them to one partner.

    An eighth as many sessions are in hand beside them, which wait for their call, or were called and are to be saved:
    so a slot that becomes free is taken at once. `owed` holds claims that nothing was done with: the database went away
    in between, or a drain began. What is in `_called` was called and is not saved: it is never given back, since that
    would hide an attempt.
    """

    claim: ClaimStep
    fetch: FetchStep
    held: HeldLeases
    owed: HeldLeases
    capacity: int
    of_one: int
    lease: timedelta
    sweep_seconds: float
    pulse: Pulse = field(default_factory=Pulse)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _slots: CallSlots = field(init=False)
    _called: set[str] = field(default_factory=set)
    _fetched: asyncio.Queue[Fetched] = field(default_factory=asyncio.Queue)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _saved: asyncio.Event = field(default_factory=asyncio.Event)
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(THREADS, "pump"))
    _last: FetchBatch = field(default_factory=FetchBatch)
    _stopping: bool = False
    _renewed_at: float = field(default_factory=monotonic)

    def __post_init__(self) -> None:
        self._slots = CallSlots(self._call, self._crashed, self.capacity, self.of_one)

    async def start(self) -> None:
        """Begin to claim, call, save and renew."""
        loops = (self._claim_until_stopped, self._save_forever, self._renew_forever, self.pulse.run)
        self._tasks = [asyncio.create_task(loop()) for loop in loops]

    def wake(self) -> None:
        """Look for due sessions now."""
        self._woken.set()

    def stop(self) -> None:
        """Claim no more."""
        self._stopping = True
        self._slots.stop()
        self._woken.set()
        self._saved.set()

    async def drain(self, seconds: float) -> int:
        """Finish what is in hand within `seconds`, then end the calls; give back what had none, return how many."""
        self.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.shield(self._tasks[0])
                self._set_aside()
                await self._until(lambda: not len(self.held))
        with suppress(TimeoutError):
            async with asyncio.timeout(CUT_OFF_SECONDS):
                await self._cut_off()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, self._slots.cut_off(), return_exceptions=True)
        given_back = await self._give_back()
        self._threads.shutdown(wait=False)
        return given_back

    async def _claim_until_stopped(self) -> None:
        alone_at = 0.0
        now = asyncio.get_running_loop().time
        while not self._stopping:
            self._woken.clear()
            await self._guarded(self._claim_for_room)
            began = now()
            if began >= alone_at and not self._stopping:  # rare rows: not worth a query after each hint
                await self._guarded(self._work_alone)
                alone_at = now() + max(self.sweep_seconds, now() - began)  # at least half of the time is the others'
            if not self._last.is_full or self._room() <= 0:
                await wait_for(self._woken, self._pause_seconds())

    async def _claim_for_room(self) -> None:
        limit = min(self._room(), self.claim.limit)
        if limit <= 0:
            return
        self._last = FetchBatch()  # also when the claim fails
        self._last, planned = await self._in_thread(lambda: self._claim(limit))
        for one in planned:
            self._slots.start(one)

    async def _work_alone(self) -> None:
        """Work on sessions that have killed two processes, each with nothing beside it that it could take along."""
        ends_at: float | None = None
        while not self._stopping and (ends_at is None or monotonic() < ends_at):
            suspects = await self._in_thread(self._claim_alone)
            if not suspects:
                return
            await self._until(lambda: len(self.held) <= 1 or self._stopping)
            ends_at = ends_at or monotonic() + ALONE_SECONDS
            for one in suspects:
                self._slots.start(one)
            await self._until(lambda: not len(self.held) or self._stopping)

    def _claim(self, limit: int) -> tuple[FetchBatch, Sequence[PlannedCall]]:
        if monotonic() - self._renewed_at > self._half_a_lease:
            self._renew()  # the database was away, or we were frozen: do not claim what is in hand
        self.owed.give_back()
        began = monotonic()
        batch = self.claim(limit, self.held.count_by_partner())
        return batch, self._planned(batch.sessions, began)

    def _claim_alone(self) -> Sequence[PlannedCall]:
        began = monotonic()
        return self._planned(self.claim.alone(), began)

    def _planned(self, sessions: Sequence[ClaimedSession], began: float) -> Sequence[PlannedCall]:
        """Return the calls of a claim that began at `began`; only of what is still ours, where that is long ago."""
        self.held.hold(sessions)
        try:
            planned = self.fetch.plan(sessions) if sessions else ()
            is_late = monotonic() - began > self._half_a_lease  # it waited for locks: its leases are as old
            return self._still_ours(planned) if planned and is_late else planned
        except Exception as error:
            self.held.drop([session.id for session in sessions])
            if isinstance(error, StoreUnavailable):
                self.owed.hold(sessions)
            raise

    def _still_ours(self, planned: Sequence[PlannedCall]) -> Sequence[PlannedCall]:
        renewed = self._renew()
        self.held.drop([one.session.id for one in planned if one.session.id not in renewed])
        return [one for one in planned if one.session.id in renewed]

    def _crashed(self, session_id: str, fault: BaseException) -> None:
        _log.error("call.crashed", session_id=session_id, error=type(fault).__name__, exc_info=fault)
        self._forget([session_id])  # as good as a crash: counted when its lease runs out

    def _set_aside(self) -> None:
        """Give no call any more to what still waits for one."""
        waiting = self._slots.set_aside()
        self.owed.hold(waiting)
        self.held.drop([session.id for session in waiting])

    async def _cut_off(self) -> None:
        """End the calls that are in flight, and wait until all that was called is saved."""
        self._set_aside()
        await self._slots.cut_off()
        await self._until(lambda: not self._called)

    async def _call(self, planned: PlannedCall) -> None:
        self._called.add(planned.session.id)
        self._fetched.put_nowait(await self.fetch.call(planned))

    async def _save_forever(self) -> None:
        while True:
            batch = await self._gather()
            await self._save(batch)
            self._forget([one.move.id for one in batch])
            if self._last.is_full or self._last.awaits_answers:
                self._woken.set()

    async def _gather(self) -> list[Fetched]:
        """Wait for a result, and a little for more unless it is the last one in hand."""
        batch = [await self._fetched.get()]
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHER_SECONDS):
                while len(batch) < min(SAVE_AT_MOST, len(self.held)):
                    batch.append(await self._fetched.get())
        return batch

    async def _save(self, batch: Sequence[Fetched]) -> None:
        """Save `batch`, however long the database is away; what cannot be saved by itself is left to its lease."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._in_thread(lambda: self.fetch.save(batch))
            except StoreUnavailable as error:
                _log.warning("batch.waiting", sessions=len(batch), error=error.code)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            except Exception:  # noqa: BLE001 - logged; one session must not keep the others from being saved
                _log.exception("batch.unsaved", sessions=len(batch))
                for one in batch if len(batch) > 1 else ():
                    await self._save([one])
                return
            else:
                return

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(self.lease.total_seconds() / 3)
            await self._guarded(lambda: self._in_thread(self._renew))

    def _renew(self) -> frozenset[str]:
        began = monotonic()
        renewed = self.held.renew(self.lease)
        self._renewed_at = began
        return renewed

    def _forget(self, ids: Sequence[str]) -> None:
        self.held.drop(ids)
        self._called.difference_update(ids)
        self._saved.set()

    async def _guarded(self, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except InsideError as error:
            _log.warning("sweep.failed", sweeper="fetch", error=error.code)
        except Exception:  # noqa: BLE001 - logged; the next round must come, whatever this one hit
            _log.exception("sweep.crashed", sweeper="fetch")

    async def _until(self, holds: Callable[[], bool]) -> None:
        """Wait until that holds; it is looked at after each save, and when a drain begins."""
        while not holds():
            self._saved.clear()
            await self._saved.wait()

    def _pause_seconds(self) -> float:
        spread = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - spreads, hides nothing
        seconds = self.sweep_seconds * spread
        again_in = self._last.again_in.total_seconds() if self._last.again_in else seconds
        return min(seconds, max(_LEAST_PAUSE_SECONDS, again_in))

    def _room(self) -> int:
        return in_hand(self.capacity) - len(self.held)

    @property
    def _half_a_lease(self) -> float:
        return self.lease.total_seconds() / 2

    async def _give_back(self) -> int:
        self.held.drop(self._called)
        try:
            async with asyncio.timeout(GIVE_BACK_SECONDS):
                return await self._in_thread(lambda: self.held.give_back() + self.owed.give_back())
        except (StoreUnavailable, TimeoutError):
            _log.warning("leases.kept", sessions=len(self.held) + len(self.owed))
            return 0

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
