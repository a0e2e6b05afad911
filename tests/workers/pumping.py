"""A real pump on a real database, calling partners that are real local servers."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from random import Random

from sqlalchemy import text

from app.adapters.database.engine import Database, open_database
from app.adapters.database.fetch_queue import SqlFetchQueue
from app.adapters.database.migrate import migrate
from app.adapters.database.partner_health import SqlPartnerHealth
from app.adapters.database.session_intake import SqlSessionIntake
from app.adapters.database.session_queue import SqlSessionQueue
from app.adapters.partner_http import HttpPartnerApi
from app.adapters.safe_http import SafeHttp
from app.adapters.sealing import AesSealing, KeyRing
from app.domain.outside import OutboundPolicy
from app.domain.partner import Authorization, AuthorizationSource, PrefillConfig
from app.domain.session import Stage
from app.ports import Claim
from app.steps.claim_fetch import ClaimFetches
from app.steps.fetch import FetchPrefills
from tests.builders import move, new_session, partner, request
from tests.fakes import MemoryConfiguration
from tests.workers.fake_rows import TestClock
from workers.call_slots import in_hand
from workers.leases import HeldLeases
from workers.pump import FetchPump

CLOCK = TestClock()
LEASE = timedelta(seconds=30)
LOCAL = OutboundPolicy((IPv4Network("127.0.0.0/8"),))
_SEALING = AesSealing(KeyRing.of((bytes(32),)))


@dataclass(frozen=True, slots=True)
class Pumping:
    """What the tests look at: the rows, and the partners' configuration, which they may change."""

    database: Database
    configuration: MemoryConfiguration

    def wait(self, partner_id: str, number: int) -> None:
        """Put sessions before the calls to a partner, due now."""
        now = datetime.now(UTC)
        queue = SqlSessionQueue(self.database, _SEALING)
        for _ in range(0, number, 250):
            sessions = [new_session(partner_id=partner_id, received_at=now) for _ in range(min(250, number))]
            SqlSessionIntake(self.database, _SEALING).add(sessions, now)
            claimed = queue.claim(Claim(Stage.VERIFY, 250, now, now + LEASE))
            moves = [
                move(s, Stage.FETCH, due_at=now, request=request(bearer_expires_at=now + timedelta(hours=1)))
                for s in claimed
            ]
            queue.finish(moves, now)

    def count(self, partner_id: str, where: str) -> int:
        statement = text(f"SELECT count(*) FROM sessions WHERE partner_id = :id AND {where}")  # noqa: S608 - own words
        return int(self.database.read(lambda connection: connection.scalar(statement, {"id": partner_id})) or 0)

    async def until_done(self, partner_id: str, number: int, seconds: float = 60) -> float:
        """Wait until as many sessions of a partner are done; return how long it took."""
        now = asyncio.get_running_loop().time
        began = now()
        async with asyncio.timeout(seconds):
            while await asyncio.to_thread(self.count, partner_id, "stage = 'done'") < number:  # noqa: ASYNC110 - rows tell nobody
                await asyncio.sleep(0.02)
        return now() - began

    @asynccontextmanager
    async def pump(self, capacity: int = 1000) -> AsyncIterator[FetchPump]:
        """Run a pump until the block ends."""
        queue, jitter = SqlSessionQueue(self.database, _SEALING), Random(1).random  # noqa: S311 - spreads, hides nothing
        async with SafeHttp(LOCAL, "vestibule/test") as http:
            fetches = SqlFetchQueue(self.database, _SEALING)
            claim = ClaimFetches(fetches, queue, self.configuration, CLOCK, jitter, 256, LEASE, in_hand(capacity))
            health = SqlPartnerHealth(self.database)
            fetch = FetchPrefills(
                queue, health, self.configuration, HttpPartnerApi(http), CLOCK, jitter, lambda _: False
            )
            leases = HeldLeases(queue, CLOCK), HeldLeases(queue, CLOCK)
            pump = FetchPump(claim, fetch, *leases, capacity=capacity, of_one=capacity, lease=LEASE, sweep_seconds=1.0)
            await pump.start()
            try:
                yield pump
            finally:
                await pump.drain(0)


def pumping(url: str, partners: Mapping[str, PrefillConfig]) -> Pumping:
    """Return a migrated database and these partners."""
    database = open_database(url, "test", pool_size=8)
    migrate(database)
    documents = [partner(id=id_, prefill=config) for id_, config in partners.items()]
    return Pumping(database, MemoryConfiguration.of(*documents))


def api(
    port: int, max_concurrency: int, timeout_seconds: float = 5, rate_per_second: float | None = None
) -> PrefillConfig:
    """Return the configuration of a partner that answers on a local port."""
    return PrefillConfig(
        url=f"http://127.0.0.1:{port}/{{sub}}",
        method="GET",
        authorization=Authorization(AuthorizationSource.NONE),
        timeout=timedelta(seconds=timeout_seconds),
        max_concurrency=max_concurrency,
        rate_per_second=rate_per_second,
    )
