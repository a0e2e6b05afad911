"""The batches of one web process, put together: what takes tokens in and what reads sessions, over the ports.

Knows neither HTTP nor settings.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.domain.session import StoredSession
from app.loop_ports import LoopSessions, SettledNews
from app.ports import (
    Clock,
    Hints,
    MarkedConfiguration,
    ParticipationLedger,
    ReadRecord,
    SessionIntake,
    SessionReads,
    TakenIn,
)
from app.steps.accept import AcceptTokens, Arrival
from app.steps.participate import RecordParticipation
from app.steps.read import ReadSessions
from app.web.admission import Admission
from app.web.batching import Batcher, BatchLimits, Job, each, on_thread
from app.web.campaign_cache import CampaignCache
from app.web.long_polls import LongPolls
from app.web.loop_jobs import CommitJob, LookJob, MarkJob
from app.web.metrics import WebMetrics
from app.web.participants import Participants, SessionKeys
from app.web.read_marks import Mark, ReadMarks
from app.web.store_threads import StoreThreads
from app.web.turn_clock import TurnClock

MAX_READS: Final = 16_384
"""Reads that may wait; they are shed last, so eight times as many as writes by default."""
READ_ROWS: Final = 512
_LEAST_PART: Final = 8
"""Of a batch of commits, what is held under the worst of overloads."""


@dataclass(frozen=True, slots=True)
class IngressStores:
    """What the ingress needs of the world; `probe` asks the store for anything. Not each can be asked on the loop."""

    intake: SessionIntake
    reads: SessionReads
    read_record: ReadRecord
    ledger: ParticipationLedger
    configuration: MarkedConfiguration
    hints: Hints
    clock: Clock
    keys: SessionKeys
    probe: Callable[[], object]
    on_loop: LoopSessions | None = None
    news: SettledNews | None = None


@dataclass(frozen=True, slots=True)
class IngressLimits:
    """Sizes and times of the ingress; `commits` are made at a time at most.

    Who arrives is sent away rather than made to wait for the commit longer than about `patience_seconds`, or than
    `soon_seconds` while others are.
    """

    commit_rows: int
    commit_wait_seconds: float
    queue: int
    store_timeout_seconds: float
    commits: int = 1
    patience_seconds: float = 1.5
    soon_seconds: float = 0.025
    threads: int = 6


@dataclass(frozen=True, slots=True)
class Ingress:
    """The running parts: `close` them in the end."""

    participants: Participants
    campaigns: CampaignCache
    threads: StoreThreads
    on_loop: LoopSessions | None

    async def close(self) -> None:
        """Answer whoever waits, commit what was taken in, and let the threads go."""
        self.participants.polls.close()
        await self.participants.intake.drain()
        await self.participants.reads.drain()
        await self.participants.lookups.drain()
        await self.participants.marks.close()
        if self.on_loop is not None:
            await self.on_loop.close()
        await self.threads.close()


def build_ingress(stores: IngressStores, limits: IngressLimits, metrics: WebMetrics) -> Ingress:
    """Wire the batches of one process; starts nothing."""
    threads = StoreThreads(limits.threads, limits.store_timeout_seconds, stores.probe)
    campaigns = CampaignCache(stores.configuration)
    commits = BatchLimits(limits.commit_rows, limits.commit_wait_seconds, limits.queue, limits.commits)
    reading = BatchLimits(READ_ROWS, 0.0, MAX_READS)
    read = on_thread(each(ReadSessions(stores.reads, campaigns)), threads)
    find = on_thread(campaigns.load_each, threads)
    polls = LongPolls(_look(stores, threads), stores.news)
    observer = metrics.batch_observer
    intake = Batcher(_commit(stores, threads, polls), threads, commits, observer("commit"), _admission(limits))
    reads = Batcher(read, threads, reading, observer("read"))
    lookups = Batcher(find, threads, reading, observer("campaign"))
    metrics.watch("commit_queue", lambda: intake.depth)
    metrics.watch("read_queue", lambda: reads.depth)
    metrics.watch("long_polls", lambda: polls.waiting)
    metrics.watch("store_down", lambda: threads.is_down)
    record = RecordParticipation(stores.ledger, stores.clock)
    marks = ReadMarks(_mark(stores, threads))
    metrics.count("vestibule_read_marks_lost", "Readings that no timeline tells of.", lambda: marks.lost)
    participants = Participants(
        campaigns, lookups, intake, reads, polls, stores.keys, TurnClock(stores.clock), record, threads, marks
    )
    metrics.add(participants.refusals)
    return Ingress(participants, campaigns, threads, stores.on_loop)


def _admission(limits: IngressLimits) -> Admission:
    least = min(limits.queue, max(1, limits.commit_rows // _LEAST_PART))
    return Admission(limits.queue, least, limits.patience_seconds, limits.soon_seconds)


def _commit(stores: IngressStores, threads: StoreThreads, polls: LongPolls) -> Job[Arrival, TakenIn]:
    accept = AcceptTokens(stores.intake, stores.hints, stores.clock)
    job = on_thread(accept, threads)
    return job if stores.on_loop is None else CommitJob(accept, stores.on_loop, threads, job, polls.tell)


def _look(stores: IngressStores, threads: StoreThreads) -> Job[str, StoredSession | None]:
    job = on_thread(each(stores.reads.load_settled), threads)
    return job if stores.on_loop is None else LookJob(stores.on_loop, threads, job)


def _mark(stores: IngressStores, threads: StoreThreads) -> Mark:
    if stores.on_loop is None:
        return lambda read_at: threads.call(lambda: stores.read_record.mark_read(read_at))
    return MarkJob(stores.on_loop, threads, stores.read_record)
