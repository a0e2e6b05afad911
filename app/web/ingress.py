"""The batches of one web process, put together: what takes tokens in and what reads sessions, over the ports.

Knows neither HTTP nor settings.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from app.ports import Clock, Hints, MarkedConfiguration, ParticipationLedger, ReadRecord, SessionIntake, SessionReads
from app.steps.accept import AcceptTokens
from app.steps.participate import RecordParticipation
from app.steps.read import ReadSessions, Visit
from app.web.batching import Batcher, BatchLimits
from app.web.campaign_cache import CampaignCache
from app.web.long_polls import LongPolls
from app.web.metrics import WebMetrics
from app.web.participants import Participants, SessionKeys
from app.web.read_marks import ReadMarks
from app.web.store_threads import StoreThreads

MAX_READS: Final = 16_384
"""Reads that may wait; they are shed last, so eight times as many as writes by default."""
READ_ROWS: Final = 512


@dataclass(frozen=True, slots=True)
class IngressStores:
    """What the ingress needs of the world; `probe` asks the store for anything."""

    intake: SessionIntake
    reads: SessionReads
    read_record: ReadRecord
    ledger: ParticipationLedger
    configuration: MarkedConfiguration
    hints: Hints
    clock: Clock
    keys: SessionKeys
    probe: Callable[[], object]


@dataclass(frozen=True, slots=True)
class IngressLimits:
    """Sizes and times of the ingress; `commits` are made at a time at most.

    Who arrives is sent away rather than made to wait for the commit longer than about `patience_seconds`.
    """

    commit_rows: int = 256
    commit_wait_seconds: float = 0.008
    queue: int = 2048
    commits: int = 1
    patience_seconds: float = 0.15
    store_timeout_seconds: float = 3.0
    threads: int = 6


@dataclass(frozen=True, slots=True)
class Ingress:
    """The running parts: `close` them in the end."""

    participants: Participants
    campaigns: CampaignCache
    threads: StoreThreads

    async def close(self) -> None:
        """Answer whoever waits, commit what was taken in, and let the threads go."""
        self.participants.polls.close()
        await self.participants.intake.drain()
        await self.participants.reads.drain()
        await self.participants.lookups.drain()
        await self.participants.marks.close()
        await self.threads.close()


def build_ingress(stores: IngressStores, limits: IngressLimits, metrics: WebMetrics) -> Ingress:
    """Wire the batches of one process; starts nothing."""
    threads = StoreThreads(limits.threads, limits.store_timeout_seconds, stores.probe)
    campaigns = CampaignCache(stores.configuration)
    accept = AcceptTokens(stores.intake, stores.hints, stores.clock)
    commits = BatchLimits(
        limits.commit_rows, limits.commit_wait_seconds, limits.queue, limits.commits, limits.patience_seconds
    )
    reading = BatchLimits(READ_ROWS, 0.0, MAX_READS)
    read_each = _each(ReadSessions(stores.reads, campaigns))
    intake = Batcher(accept, threads, commits, metrics.batch_observer("commit"))
    reads = Batcher(read_each, threads, reading, metrics.batch_observer("read"))
    lookups = Batcher(campaigns.load_each, threads, reading, metrics.batch_observer("campaign"))
    polls = LongPolls(stores.reads.load_settled, threads)
    metrics.watch("commit_queue", lambda: intake.depth)
    metrics.watch("read_queue", lambda: reads.depth)
    metrics.watch("long_polls", lambda: polls.waiting)
    metrics.watch("store_down", lambda: threads.is_down)
    record = RecordParticipation(stores.ledger, stores.clock)
    marks = ReadMarks(stores.read_record.mark_read, threads)
    metrics.count("vestibule_read_marks_lost", "Readings that no timeline tells of.", lambda: marks.lost)
    participants = Participants(
        campaigns, lookups, intake, reads, polls, stores.keys, stores.clock, record, threads, marks
    )
    metrics.add(participants.refusals)
    return Ingress(participants, campaigns, threads)


def _each(read: ReadSessions) -> Callable[[Sequence[str]], Sequence[Visit | None]]:
    def read_each(ids: Sequence[str]) -> Sequence[Visit | None]:
        visits = read(ids)
        return [visits.get(id_) for id_ in ids]

    return read_each
