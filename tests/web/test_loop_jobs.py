"""Batches on the event loop: what goes by a thread all the same, and what becomes of what is refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest
from structlog.testing import capture_logs

from app.domain.campaign import Mode
from app.domain.session import NewSession, StoredSession
from app.errors import StoreUnavailable
from app.loop_ports import NotOnLoop
from app.ports import TakenIn, Work
from app.steps.accept import AcceptTokens, Arrival
from app.web.batching import each, on_thread
from app.web.loop_jobs import CommitJob, LookJob, MarkJob
from app.web.store_threads import StoreThreads
from tests.builders import NOW, campaign
from tests.fakes import FixedClock, MemorySessions, RecordingHints
from tests.web.page_stand import session_with

JWS = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"


@dataclass
class OnLoop:
    """Stores what the memory does, unless it refuses one of them."""

    sessions: MemorySessions
    refused: str | None = None
    is_lost: bool = False
    added: list[int] = field(default_factory=list)
    settled: dict[str, StoredSession] = field(default_factory=dict)

    async def add(self, sessions: Sequence[NewSession]) -> None:
        if self.is_lost:
            raise StoreUnavailable("the test took the store away")
        if any(session.campaign_id == self.refused for session in sessions):
            raise NotOnLoop
        self.added.append(len(sessions))
        self.sessions.add(sessions, sessions[0].received_at)

    async def load_settled(self, ids: Sequence[str]) -> Mapping[str, StoredSession]:
        if self.refused in ids:
            raise NotOnLoop
        return {id_: self.settled[id_] for id_ in ids if id_ in self.settled}

    async def mark_read(self, read_at: Mapping[str, datetime]) -> frozenset[str]:
        if self.refused in read_at:
            raise NotOnLoop
        return frozenset({"on the loop"})

    async def close(self) -> None:
        pass


@dataclass
class ByThread:
    """The memory as a thread asks it, which refuses the same ones."""

    sessions: MemorySessions
    refused: str | None = None
    added: list[int] = field(default_factory=list)

    def add(self, sessions: Sequence[NewSession], now: datetime) -> Sequence[TakenIn]:
        if any(session.campaign_id == self.refused for session in sessions):
            raise LookupError("refused")
        self.added.append(len(sessions))
        return self.sessions.add(sessions, now)


class Committing:
    def __init__(self, threads: StoreThreads) -> None:
        self.memory, self.hints = MemorySessions(), RecordingHints()
        self.on_loop, self.by_thread = OnLoop(self.memory), ByThread(self.memory)
        self.told: list[str] = []
        accept = AcceptTokens(self.by_thread, self.hints, FixedClock())
        self.job = CommitJob(accept, self.on_loop, threads, on_thread(accept, threads), self.told.extend)

    def refuse(self, campaign_id: str) -> None:
        self.on_loop.refused = self.by_thread.refused = campaign_id


def arrivals(*campaign_ids: str, key: str | None = None) -> Sequence[Arrival]:
    return [Arrival(campaign(id=id_), JWS, key) for id_ in campaign_ids]


async def test_first_batch_goes_by_a_thread_which_learns_the_time_and_the_next_on_the_loop(
    threads: StoreThreads,
) -> None:
    committing = Committing(threads)

    await committing.job(arrivals("1"))
    taken = await committing.job(arrivals("1", "1"))

    assert (committing.by_thread.added, committing.on_loop.added) == ([1], [2])
    assert committing.hints.rung == [(Work.VERIFY, 1), (Work.VERIFY, 2)]
    assert [
        id_ in committing.memory.rows for id_ in (each.id for each in taken if not isinstance(each, Exception))
    ] == [
        True,
        True,
    ]


async def test_batch_with_a_request_that_may_repeat_another_goes_by_a_thread(threads: StoreThreads) -> None:
    committing = Committing(threads)
    await committing.job(arrivals("1"))

    first, *others = await committing.job([*arrivals("1", "1", key="k"), *arrivals("1")])

    assert (committing.by_thread.added, committing.on_loop.added) == ([1, 3], [])
    assert others[0] == first
    assert others[1] != first


async def test_one_that_is_refused_fails_alone_and_nobody_is_committed_twice(threads: StoreThreads) -> None:
    committing = Committing(threads)
    await committing.job(arrivals("1"))
    committing.refuse("bad")

    results = await committing.job(arrivals("1", "bad", "1"))

    assert [isinstance(result, Exception) for result in results] == [False, True, False]
    assert len(committing.memory.rows) == 3
    assert committing.hints.rung == [(Work.VERIFY, 1)] * 3


async def test_session_that_is_settled_by_its_commit_is_told(threads: StoreThreads) -> None:
    committing = Committing(threads)
    await committing.job(arrivals("1"))

    anonymous, _ = await committing.job([Arrival(campaign(mode=Mode.OPTIONAL)), *arrivals("1")])

    assert isinstance(anonymous, TakenIn)
    assert committing.told == [anonymous.id]


async def test_store_that_is_away_is_asked_once_and_known_to_be_down(threads: StoreThreads) -> None:
    committing = Committing(threads)
    await committing.job(arrivals("1"))
    committing.on_loop.is_lost = True

    with capture_logs() as logs, pytest.raises(StoreUnavailable):
        await committing.job(arrivals("1"))

    assert threads.is_down
    assert (committing.by_thread.added, committing.hints.rung) == ([1], [(Work.VERIFY, 1)])
    assert [event["event"] for event in logs] == ["store.lost"]


async def test_look_answers_each_in_order_and_one_that_cannot_be_read_fails_alone(threads: StoreThreads) -> None:
    on_loop = OnLoop(
        MemorySessions(), settled={"one": session_with(None), "two": replace(session_with(None), id="two")}
    )

    def by_thread(ids: Sequence[str]) -> Mapping[str, StoredSession]:
        if "broken" in ids:
            raise LookupError("refused")
        return {id_: on_loop.settled[id_] for id_ in ids if id_ in on_loop.settled}

    look = LookJob(on_loop, threads, on_thread(each(by_thread), threads))
    sound = await look(["two", "none", "one"])
    on_loop.refused = "broken"
    harmed = await look(["one", "broken"])

    assert sound == [on_loop.settled["two"], None, on_loop.settled["one"]]
    assert harmed[0] == on_loop.settled["one"]
    assert isinstance(harmed[1], LookupError)


async def test_mark_is_made_by_a_thread_where_it_cannot_be_made_on_the_loop(threads: StoreThreads) -> None:
    class Record:
        def mark_read(self, read_at: Mapping[str, datetime]) -> frozenset[str]:
            return frozenset(f"{session_id} by a thread" for session_id in read_at)

    mark = MarkJob(OnLoop(MemorySessions(), refused="one"), threads, Record())

    assert await mark({"two": NOW}) == {"on the loop"}
    assert await mark({"one": NOW}) == {"one by a thread"}
