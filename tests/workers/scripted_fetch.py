"""A pump whose calls and saves do as a test says, on rows in a file."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from app.domain.session import ClaimedSession, SessionMove, Stage
from app.steps.claim import ClaimSessions
from app.steps.claim_fetch import FetchBatch
from app.steps.fetch import Fetched, PlannedCall
from tests.workers.fake_rows import ClaimAnyPartner, FakeRows, TestClock
from workers.leases import HeldLeases
from workers.pump import FetchPump
from workers.pump_steps import ClaimStep

CLOCK = TestClock()
NEVER = 600.0


@dataclass(slots=True)
class ScriptedFetch:
    """Calls that wait until they are let go; saves that fail as often as told."""

    rows: FakeRows
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    in_flight: int = 0
    most_in_flight: int = 0
    in_flight_of: Counter[str] = field(default_factory=Counter)
    most_of: Counter[str] = field(default_factory=Counter)
    saved: list[int] = field(default_factory=list)
    plan_faults: list[Exception] = field(default_factory=list)
    save_faults: list[Exception] = field(default_factory=list)
    unsavable: str = ""
    uncallable: str = ""

    def plan(self, sessions: Sequence[ClaimedSession]) -> Sequence[PlannedCall]:
        if self.plan_faults:
            raise self.plan_faults.pop()
        return [PlannedCall(session, None) for session in sessions]

    async def call(self, planned: PlannedCall) -> Fetched:
        if planned.session.id == self.uncallable:
            raise ValueError("cannot be called")
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        partner_id = planned.session.partner_id
        self.in_flight_of[partner_id] += 1
        self.most_of[partner_id] = max(self.most_of[partner_id], self.in_flight_of[partner_id])
        stage = Stage.DONE
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            stage = Stage.FETCH
        finally:
            self.in_flight -= 1
            self.in_flight_of[partner_id] -= 1
        return Fetched(SessionMove(planned.session.id, planned.session.lease_token, stage), None)

    def save(self, fetched: Sequence[Fetched]) -> frozenset[str]:
        if self.save_faults:
            raise self.save_faults.pop()
        if any(one.move.id == self.unsavable for one in fetched):
            raise ValueError("cannot be stored")
        self.saved.append(len(fetched))
        return self.rows.finish([one.move for one in fetched], CLOCK.now())


@dataclass(slots=True)
class ClaimOfTwoPartners:
    """A claim whose sessions in `quick` are of a partner `quick`, all others of one that is `slow`."""

    claim: ClaimStep
    quick: set[str] = field(default_factory=set)

    @property
    def limit(self) -> int:
        return self.claim.limit

    def __call__(self, limit: int, held: Mapping[str, int]) -> FetchBatch:
        claimed = self.claim(limit, held)
        return replace(claimed, sessions=[self._owned(session) for session in claimed.sessions])

    def alone(self) -> Sequence[ClaimedSession]:
        return [self._owned(session) for session in self.claim.alone()]

    def _owned(self, session: ClaimedSession) -> ClaimedSession:
        return replace(session, partner_id="quick" if session.id in self.quick else "slow")


@dataclass(slots=True)
class LateClaim:
    """A claim whose answer comes late, as from a database where everybody waits for a lock; `meanwhile` others act."""

    claim: ClaimStep
    seconds: float
    meanwhile: Callable[[], object] = lambda: None

    @property
    def limit(self) -> int:
        return self.claim.limit

    def __call__(self, limit: int, held: Mapping[str, int]) -> FetchBatch:
        claimed = self.claim(limit, held)
        time.sleep(self.seconds)
        if claimed.sessions:
            self.meanwhile()
        return claimed

    def alone(self) -> Sequence[ClaimedSession]:
        return ()


def pump_of(
    fetch: ScriptedFetch,
    *,
    capacity: int = 100,
    of_one: int | None = None,
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
        of_one=of_one or capacity,
        lease=lease,
        sweep_seconds=sweep_seconds,
    )


async def busy_pump(fetch: ScriptedFetch) -> FetchPump:
    """Start a pump that calls for five sessions, all that it may, and holds a sixth."""
    pump = pump_of(fetch, capacity=5)
    await pump.start()
    await until(lambda: fetch.in_flight == 5 and len(pump.held) == 6)
    return pump


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
