"""The batches that most participants need, asked of the store on the event loop: no thread is woken for them.

What a store refuses otherwise than by being away, a thread does again, item by item: so one of them fails alone. A
statement that was refused did nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from structlog import get_logger

from app.domain.session import StoredSession
from app.errors import Overloaded, StoreUnavailable
from app.logs import fault_fields
from app.loop_ports import LoopSessions
from app.ports import TakenIn
from app.steps.accept import AcceptTokens, Arrival
from app.web.batching import Job
from app.web.store_threads import StoreThreads

Item = TypeVar("Item")
Result = TypeVar("Result")
_log = get_logger()


@dataclass(slots=True)
class CommitJob:
    """Commits what arrives; on a thread where a request may repeat another, or as long as the time is not known."""

    accept: AcceptTokens
    sessions: LoopSessions
    threads: StoreThreads
    on_thread: Job[Arrival, TakenIn]
    _has_time: bool = field(default=False, init=False)
    """Whether a thread has asked the store for anything, and with it for the time."""

    async def __call__(self, arrivals: Sequence[Arrival]) -> Sequence[TakenIn | Exception]:
        """Return one committed session each, in order, or what its request failed of."""
        if not self._has_time or any(arrival.idempotency_key is not None for arrival in arrivals):
            results = await self.on_thread(arrivals)
            self._has_time = True
            return results
        return await _else_on_thread(self._commit, self.on_thread, arrivals)

    async def _commit(self, arrivals: Sequence[Arrival]) -> Sequence[TakenIn]:
        sessions = self.accept.prepare(arrivals)
        await self.threads.watch(lambda: self.sessions.add(sessions))
        self.accept.announce(sessions)
        return [TakenIn(session.id, session.expires_at) for session in sessions]


@dataclass(frozen=True, slots=True)
class LookJob:
    """Loads those sessions that have settled."""

    sessions: LoopSessions
    threads: StoreThreads
    on_thread: Job[str, StoredSession | None]

    async def __call__(self, ids: Sequence[str]) -> Sequence[StoredSession | Exception | None]:
        """Return each session that is in a terminal stage, or None; or why it cannot be read."""
        return await _else_on_thread(self._look, self.on_thread, ids)

    async def _look(self, ids: Sequence[str]) -> Sequence[StoredSession | None]:
        settled = await self.threads.watch(lambda: self.sessions.load_settled(ids))
        return [settled.get(id_) for id_ in ids]


async def _else_on_thread(
    work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]], on_thread: Job[Item, Result], items: Sequence[Item]
) -> Sequence[Result | Exception]:
    try:
        return await work(items)
    except (StoreUnavailable, Overloaded):
        raise
    except Exception as error:  # noqa: BLE001 - told, and met again by the item that it belongs to
        _log.warning("batch.taken_apart", items=len(items), **fault_fields(error))
        return await on_thread(items)
