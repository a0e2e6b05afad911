"""Which calls are made now, and which wait for a slot: only so many at once, and of one partner fewer.

Lives on one loop; knows nothing of what a call does.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import ceil

from app.domain.session import ClaimedSession
from app.steps.fetch import PlannedCall

_AHEAD = 8
_PART_OF_ONE = 0.75
"""Of the calls of one process, for one partner: however many it allows and however slow it is, there is room beside."""


def calls_at_once(of_one: int) -> int:
    """Return how many calls a process makes at once that makes `of_one` of them for one partner."""
    return ceil(of_one / _PART_OF_ONE)


def in_hand(calls: int) -> int:
    """Return how many sessions are in hand at most for so many calls at once."""
    return calls + max(1, calls // _AHEAD)


@dataclass(slots=True)
class CallSlots:
    """At most `capacity` calls at once, `of_one` of them to one partner; `crashed` is told of one that raised."""

    call: Callable[[PlannedCall], Coroutine[None, None, None]]
    crashed: Callable[[str, BaseException], None]
    capacity: int
    of_one: int
    _calls: set[asyncio.Task[None]] = field(default_factory=set)
    _calls_of: Counter[str] = field(default_factory=Counter)
    _waiting: deque[PlannedCall] = field(default_factory=deque)
    _stopping: bool = False

    def start(self, planned: PlannedCall) -> None:
        """Make the call, or let it wait for a slot."""
        if self._stopping or not self._has_slot(planned):
            self._waiting.append(planned)
            return
        task = asyncio.create_task(self.call(planned))
        self._calls.add(task)
        self._calls_of[planned.session.partner_id] += 1
        task.add_done_callback(partial(self._end, planned.session))

    def stop(self) -> None:
        """Begin no call any more."""
        self._stopping = True

    def set_aside(self) -> Sequence[ClaimedSession]:
        """Return the sessions that still wait for their call, and forget them."""
        waiting = [planned.session for planned in self._waiting]
        self._waiting.clear()
        return waiting

    async def cut_off(self) -> None:
        """End the calls that are in flight; return when they have."""
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    def _has_slot(self, planned: PlannedCall) -> bool:
        return len(self._calls) < self.capacity and self._calls_of[planned.session.partner_id] < self.of_one

    def _end(self, session: ClaimedSession, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        self._calls_of[session.partner_id] -= 1
        if not self._calls_of[session.partner_id]:
            del self._calls_of[session.partner_id]
        if not task.cancelled() and (fault := task.exception()) is not None:
            self.crashed(session.id, fault)
        if not self._stopping:
            self._start_next()

    def _start_next(self) -> None:
        """Make the call that has waited longest of those that have a slot, if there is one."""
        for place, planned in enumerate(self._waiting):
            if self._has_slot(planned):
                del self._waiting[place]
                self.start(planned)
                return
