"""The batches that most participants need, asked of the store on the event loop: no thread is woken for them.

What cannot be asked there, nothing having been done, a thread asks instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.session import Stage, StoredSession
from app.loop_ports import LoopSessions, NotOnLoop, Tell
from app.ports import ReadRecord, TakenIn
from app.steps.accept import AcceptTokens, Arrival
from app.web.batching import Job
from app.web.store_threads import StoreThreads


@dataclass(slots=True)
class CommitJob:
    """Commits what arrives; on a thread where a request may repeat another, or as long as the time is not known.

    `tell` is told of sessions that are settled by their commit.
    """

    accept: AcceptTokens
    sessions: LoopSessions
    threads: StoreThreads
    on_thread: Job[Arrival, TakenIn]
    tell: Tell
    _has_time: bool = field(default=False, init=False)
    """Whether a thread has asked the store for anything, and with it for the time."""

    async def __call__(self, arrivals: Sequence[Arrival]) -> Sequence[TakenIn | Exception]:
        """Return one committed session each, in order, or what its request failed of."""
        if not self._has_time or any(arrival.idempotency_key is not None for arrival in arrivals):
            results = await self.on_thread(arrivals)
            self._has_time = True
            return results
        sessions = self.accept.prepare(arrivals)
        try:
            await self.threads.watch(lambda: self.sessions.add(sessions))
        except NotOnLoop:
            return await self.on_thread(arrivals)
        self.accept.announce(sessions)
        self.tell([session.id for session in sessions if session.stage is Stage.DONE])
        return [TakenIn(session.id, session.expires_at) for session in sessions]


@dataclass(frozen=True, slots=True)
class LookJob:
    """Loads those sessions that have settled."""

    sessions: LoopSessions
    threads: StoreThreads
    on_thread: Job[str, StoredSession | None]

    async def __call__(self, ids: Sequence[str]) -> Sequence[StoredSession | Exception | None]:
        """Return each session that is in a terminal stage, or None; or why it cannot be read."""
        try:
            settled = await self.threads.watch(lambda: self.sessions.load_settled(ids))
        except NotOnLoop:
            return await self.on_thread(ids)
        return [settled.get(id_) for id_ in ids]


@dataclass(frozen=True, slots=True)
class MarkJob:
    """Marks what was read."""

    sessions: LoopSessions
    threads: StoreThreads
    record: ReadRecord

    async def __call__(self, read_at: Mapping[str, datetime]) -> frozenset[str]:
        """Return which were passed over."""
        try:
            return await self.threads.watch(lambda: self.sessions.mark_read(read_at))
        except NotOnLoop:
            return await self.threads.call(lambda: self.record.mark_read(read_at))
