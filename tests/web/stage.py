"""A web process of one test: the real server on a real port, the participants' routes on twins of the stores."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from aiohttp import ClientSession, web

from app.adapters.sealing import KeyRing, SessionKeys
from app.domain.session import NewSession, StoredSession
from app.errors import MasterKeyMissing, StoreUnavailable
from app.ports import TakenIn
from app.web.fast_sessions import FastSessions
from app.web.health import HealthRoutes
from app.web.ingress import Ingress, IngressLimits, IngressStores, build_ingress
from app.web.limits import SessionLimits, TokenBuckets
from app.web.metrics import WebMetrics
from app.web.routes import build_application
from app.web.sessions import SessionRoutes
from app.web.shedding import Shedding
from app.web.sites import Site, Sites
from tests.builders import NOW, campaign
from tests.fakes import FixedClock, MemoryConfiguration, MemoryLedger, MemorySessions, RecordingHints
from tests.web.conforming import check_answer

ORIGIN = "https://www.acme.example"
OWN_ORIGIN = "https://vestibule.example"
TEST_KEYS = SessionKeys(KeyRing.of((b"k" * 32,)))
LIMITS = IngressLimits(commit_rows=256, commit_wait_seconds=0, queue=2048, store_timeout_seconds=3)


@dataclass(slots=True)
class SlowStore:
    """Sessions that can be held up, lost and counted: what a database does to those who call it."""

    sessions: MemorySessions = field(default_factory=MemorySessions)
    is_lost: bool = False
    is_migrated: bool = True
    has_foreign_seals: bool = False
    gate: threading.Event = field(default_factory=threading.Event)
    calls: dict[str, list[int]] = field(default_factory=lambda: {"add": [], "load": [], "load_settled": []})

    def __post_init__(self) -> None:
        self.gate.set()

    def add(self, sessions: Sequence[NewSession], now: datetime) -> Sequence[TakenIn]:
        self._reach("add", len(sessions))
        return self.sessions.add(sessions, now)

    def load(self, ids: Sequence[str]) -> Mapping[str, StoredSession]:
        self._reach("load", len(ids))
        return self.sessions.load(ids)

    def load_settled(self, ids: Sequence[str]) -> Mapping[str, StoredSession]:
        self._reach("load_settled", len(ids))
        return self.sessions.load_settled(ids)

    def probe(self) -> bool:
        self._reach("probe", 0)
        return self.is_migrated

    def open_seals(self) -> None:
        self._reach("open_seals", 0)
        if self.has_foreign_seals:
            raise MasterKeyMissing("the test sealed it with another")

    def _reach(self, call: str, rows: int) -> None:
        self.calls.setdefault(call, []).append(rows)
        self.gate.wait(30)
        if self.is_lost:
            raise StoreUnavailable("the test took the store away")


@dataclass(slots=True)
class Stage:
    """The running process, and what it stands on."""

    client: ClientSession
    url: str
    host: str
    port: int
    ingress: Ingress
    store: SlowStore
    ledger: MemoryLedger
    configuration: MemoryConfiguration
    clock: FixedClock
    hints: RecordingHints
    sites: Sites

    async def post(self, body: object = None, headers: Mapping[str, str] | None = None, **options: Any) -> "Answer":
        """Bring a token to the campaign of the tests."""
        return await self.ask(
            "POST", "/v1/campaigns/945645/sessions", json=body, headers=dict(headers or {}), **options
        )

    async def read(self, session_id: str, key: str | None = None, query: str = "", **headers: str) -> "Answer":
        """Look at a session, with its own key unless another is given."""
        key = TEST_KEYS.make(session_id) if key is None else key
        return await self.ask(
            "GET", f"/v1/sessions/{session_id}{query}", headers={"Authorization": f"Bearer {key}", **headers}
        )

    async def ask(self, method: str, path: str, **options: Any) -> "Answer":
        """Send a request and return its answer, the body parsed if it is JSON."""
        async with self.client.request(method, self.url + path, **options) as response:
            check_answer(method, response.url.raw_path, response.status, response.headers, await response.read())
            is_json = "json" in response.content_type
            body = await response.json(content_type=None) if is_json else await response.text()
            return Answer(response.status, body, response.headers.copy())


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any
    headers: Mapping[str, str]


@asynccontextmanager
async def staged(
    limits: IngressLimits = LIMITS,
    per_address: TokenBuckets | None = None,
    per_campaign: TokenBuckets | None = None,
    more_routes: Sequence[web.RouteDef] = (),
    shedding: Shedding | None = None,
    *,
    has_fast_lane: bool = True,
    **campaign_changes: Any,
) -> AsyncIterator[Stage]:
    """Serve one campaign from twins until the test is over."""
    store, clock, hints, metrics = SlowStore(), FixedClock(), RecordingHints(), WebMetrics()
    clock.at = NOW.replace(microsecond=0)
    configuration = MemoryConfiguration.of(campaign(**{"allowed_origins": (ORIGIN,), **campaign_changes}))
    ledger = MemoryLedger()
    stores = IngressStores(store, store, store.sessions, ledger, configuration, hints, clock, TEST_KEYS, store.probe)
    ingress = build_ingress(stores, limits, metrics)
    session_limits = SessionLimits(per_address, per_campaign)
    routes = [
        *SessionRoutes(ingress.participants, OWN_ORIGIN, session_limits).routes(),
        *HealthRoutes(ingress.threads, store.probe, store.open_seals, metrics).routes(),
        *more_routes,
    ]
    app = build_application(routes, metrics.observe_request)
    line = shedding or Shedding(ingress.participants.intake, metrics.observe_request)
    lane = FastSessions(ingress.participants, session_limits, line, OWN_ORIGIN, (), metrics.observe_request)
    site = Site("public port", app, "127.0.0.1", 0, shedding=shedding, lane=lane if has_fast_lane else None)
    sites = Sites([site], grace_seconds=5)
    ((host, port),) = await sites.start()
    try:
        async with ClientSession() as client:
            url = f"http://{host}:{port}"
            yield Stage(client, url, host, port, ingress, store, ledger, configuration, clock, hints, sites)
    finally:
        store.gate.set()
        store.is_lost = False
        ingress.participants.polls.close()
        await sites.stop()
        await ingress.close()


def change_campaign(stage: Stage, **changes: Any) -> None:
    """Change the stored campaign, as another process would."""
    stage.configuration.campaigns["945645"] = replace(stage.configuration.campaigns["945645"], **changes)


async def eventually(holds: Callable[[], bool], seconds: float = 5) -> None:
    """Return when `holds` does; fail after so many seconds."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in another thread and sets no event
            await asyncio.sleep(0.005)
