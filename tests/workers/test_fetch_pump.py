"""The pump: never more in hand than there is room for, saved in batches, leases kept alive, drained without a trace."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import perf_counter

import pytest

from app.domain.session import ClaimedSession, SessionMove, Stage
from app.errors import StoreUnavailable
from app.steps.claim import ClaimSessions
from app.steps.claim_fetch import FetchBatch
from app.steps.fetch import Fetched, PlannedCall
from tests.workers.fake_rows import ClaimAnyPartner, FakeRows, TestClock
from workers.leases import HeldLeases
from workers.pump import ClaimStep, FetchPump

CLOCK = TestClock()
NEVER = 600.0


@dataclass(slots=True)
class ScriptedFetch:
    """Calls that wait until they are let go; saves that fail as often as told."""

    rows: FakeRows
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    in_flight: int = 0
    most_in_flight: int = 0
    saved: list[int] = field(default_factory=list)
    plan_faults: list[Exception] = field(default_factory=list)
    save_faults: list[Exception] = field(default_factory=list)
    unsavable: str = ""

    def plan(self, sessions: Sequence[ClaimedSession]) -> Sequence[PlannedCall]:
        if self.plan_faults:
            raise self.plan_faults.pop()
        return [PlannedCall(session, None) for session in sessions]

    async def call(self, planned: PlannedCall) -> Fetched:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await self.gate.wait()
        finally:
            self.in_flight -= 1
        return Fetched(SessionMove(planned.session.id, planned.session.lease_token, Stage.DONE), None)

    def save(self, fetched: Sequence[Fetched]) -> frozenset[str]:
        if self.save_faults:
            raise self.save_faults.pop()
        if any(one.move.id == self.unsavable for one in fetched):
            raise ValueError("cannot be stored")
        self.saved.append(len(fetched))
        return self.rows.finish([one.move for one in fetched], CLOCK.now())


@dataclass(slots=True)
class LateClaim:
    """A claim whose answer comes late, as from a database where everybody waits for a lock."""

    claim: ClaimStep
    seconds: float

    @property
    def limit(self) -> int:
        return self.claim.limit

    def __call__(self, limit: int) -> FetchBatch:
        claimed = self.claim(limit)
        time.sleep(self.seconds)
        return claimed

    def alone(self) -> Sequence[ClaimedSession]:
        return ()


@pytest.fixture
def rows(tmp_path: Path) -> FakeRows:
    made = FakeRows(tmp_path / "rows.sqlite3")
    made.create()
    return made


@pytest.fixture
async def fetch(rows: FakeRows) -> ScriptedFetch:
    return ScriptedFetch(rows)


def pump_of(
    fetch: ScriptedFetch,
    *,
    capacity: int = 100,
    claim_rows: int = 256,
    lease: timedelta = timedelta(seconds=30),
    sweep_seconds: float = NEVER,
) -> FetchPump:
    return FetchPump(
        claim=ClaimAnyPartner(ClaimSessions(fetch.rows, CLOCK, Stage.FETCH, claim_rows, lease)),
        fetch=fetch,
        held=HeldLeases(fetch.rows, CLOCK),
        owed=HeldLeases(fetch.rows, CLOCK),
        capacity=capacity,
        lease=lease,
        sweep_seconds=sweep_seconds,
    )


@asynccontextmanager
async def running(pump: FetchPump) -> AsyncIterator[FetchPump]:
    await pump.start()
    try:
        yield pump
    finally:
        await pump.drain(0)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - rows in a file tell nobody of their change
            await asyncio.sleep(0.005)


async def test_pump_with_more_due_than_room_calls_up_to_its_capacity_and_claims_little_ahead(
    fetch: ScriptedFetch, rows: FakeRows
) -> None:
    rows.add("fetch", 50)

    async with running(pump_of(fetch, capacity=10, claim_rows=4)):
        await until(lambda: fetch.in_flight == 10 and rows.count("lease_until IS NOT NULL") == 11)
        await asyncio.sleep(0.05)
        leased = rows.count("lease_until IS NOT NULL")
        fetch.gate.set()
        await until(lambda: rows.count("stage = 'done'") == 50)

    assert leased == 11
    assert fetch.most_in_flight == 10


async def test_pump_with_many_results_saves_them_in_few_transactions(fetch: ScriptedFetch, rows: FakeRows) -> None:
    rows.add("fetch", 300)

    async with running(pump_of(fetch, capacity=1000)):
        await until(lambda: fetch.in_flight == 300)
        fetch.gate.set()
        await until(lambda: rows.count("stage = 'done'") == 300)

    assert max(fetch.saved) == 256
    assert len(fetch.saved) <= 4


async def test_pump_with_one_session_saves_it_without_waiting_for_more(fetch: ScriptedFetch, rows: FakeRows) -> None:
    rows.add("fetch", 1)
    fetch.gate.set()

    async with running(pump_of(fetch)):
        await until(lambda: rows.count("stage = 'done'") == 1)

    assert fetch.saved == [1]


async def test_wake_without_a_sweep_finds_new_work(fetch: ScriptedFetch, rows: FakeRows) -> None:
    fetch.gate.set()

    async with running(pump_of(fetch)) as pump:
        await asyncio.sleep(0.1)
        rows.add("fetch", 1)
        pump.wake()
        await until(lambda: rows.count("stage = 'done'") == 1)


async def test_heartbeat_during_a_long_call_keeps_the_lease(fetch: ScriptedFetch, rows: FakeRows) -> None:
    rows.add("fetch", 1)

    async with running(pump_of(fetch, lease=timedelta(seconds=0.6))):
        await until(lambda: fetch.in_flight == 1)
        ((first,),) = rows.select("lease_until")
        await until(lambda: rows.select("lease_until")[0][0] > first + 1)
        fetch.gate.set()
        await until(lambda: rows.count("finished = 1") == 1)

    assert rows.count("attempts = 1") == 1


async def test_pump_that_was_frozen_past_its_lease_does_not_claim_what_it_has_in_hand(
    fetch: ScriptedFetch, rows: FakeRows
) -> None:
    rows.add("fetch", 1)

    async with running(pump_of(fetch, lease=timedelta(seconds=0.3))) as pump:
        await until(lambda: fetch.in_flight == 1)
        time.sleep(0.5)  # noqa: ASYNC251 - stands for a process that is frozen
        pump.wake()
        await asyncio.sleep(0.2)
        fetch.gate.set()
        await until(lambda: rows.count("finished = 1") == 1)

    assert rows.count("attempts = 1 AND crashes = 0") == 1
    assert fetch.most_in_flight == 1


async def test_pump_whose_claim_waited_past_its_lease_does_not_claim_it_again(
    fetch: ScriptedFetch, rows: FakeRows
) -> None:
    pump = pump_of(fetch, lease=timedelta(seconds=0.3))
    pump.claim = LateClaim(pump.claim, seconds=0.35)
    rows.add("fetch", 1)

    async with running(pump):
        await until(lambda: fetch.in_flight == 1)
        pump.wake()
        await asyncio.sleep(0.5)
        fetch.gate.set()
        await until(lambda: rows.count("finished = 1") == 1)

    assert rows.count("attempts = 1 AND crashes = 0") == 1
    assert fetch.most_in_flight == 1


async def test_drain_with_calls_that_end_in_time_saves_them(fetch: ScriptedFetch, rows: FakeRows) -> None:
    rows.add("fetch", 20)
    pump = pump_of(fetch, capacity=5)
    await pump.start()
    await until(lambda: fetch.in_flight == 5 and len(pump.held) == 6)

    asyncio.get_running_loop().call_later(0.2, fetch.gate.set)
    given_back = await pump.drain(5)

    assert given_back == 1  # claimed ahead, and not called
    assert rows.count("stage = 'done'") == 5
    assert rows.count("stage = 'fetch' AND lease_until IS NULL AND attempts = 0") == 15


async def test_drain_with_calls_that_do_not_end_gives_them_back_untouched(fetch: ScriptedFetch, rows: FakeRows) -> None:
    rows.add("fetch", 5)
    pump = pump_of(fetch)
    await pump.start()
    await until(lambda: fetch.in_flight == 5)

    began = perf_counter()
    given_back = await pump.drain(0.3)

    assert given_back == 5
    assert perf_counter() - began < 2
    assert rows.count("stage = 'fetch' AND lease_until IS NULL AND attempts = 0") == 5


async def test_pump_with_the_database_away_after_the_call_saves_when_it_is_back(
    fetch: ScriptedFetch, rows: FakeRows
) -> None:
    rows.add("fetch", 3)
    fetch.save_faults = [StoreUnavailable(), StoreUnavailable()]
    fetch.gate.set()

    async with running(pump_of(fetch)):
        await until(lambda: rows.count("finished = 1 AND attempts = 1") == 3)


async def test_pump_with_the_database_away_after_the_claim_gives_it_back(fetch: ScriptedFetch, rows: FakeRows) -> None:
    rows.add("fetch", 3)
    fetch.plan_faults = [StoreUnavailable()]
    fetch.gate.set()

    async with running(pump_of(fetch, sweep_seconds=0.1)):
        await until(lambda: rows.count("finished = 1 AND attempts = 1 AND crashes = 0") == 3)


async def test_pump_with_one_result_that_cannot_be_saved_saves_the_others(fetch: ScriptedFetch, rows: FakeRows) -> None:
    (fetch.unsavable, *_) = rows.add("fetch", 5)

    async with running(pump_of(fetch)) as pump:
        await until(lambda: fetch.in_flight == 5)
        fetch.gate.set()
        await until(lambda: not len(pump.held))

    assert rows.count("stage = 'done'") == 4
    assert rows.count("lease_until IS NOT NULL") == 1


async def test_pump_with_poisonous_sessions_works_on_each_alone(fetch: ScriptedFetch, rows: FakeRows) -> None:
    rows.add("fetch", 3)
    rows._run("UPDATE rows SET crashes = 2")
    rows.add("fetch", 5)

    async with running(pump_of(fetch, sweep_seconds=0.05)):
        await until(lambda: fetch.in_flight == 5 and rows.count("lease_until IS NOT NULL") == 6)
        with_company = fetch.most_in_flight
        fetch.most_in_flight = 0
        fetch.gate.set()
        await until(lambda: rows.count("stage = 'done'") == 8)

    assert with_company == 5
    assert fetch.most_in_flight == 1
