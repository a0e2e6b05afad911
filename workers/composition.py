"""Composition root of a worker process; after a fork: engines, threads, loops and connections never cross one."""

import random
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache, partial
from importlib.metadata import version
from time import sleep

from app.adapters.broker import broker_configuration
from app.adapters.database.accepted_sessions import SqlAcceptedSessions
from app.adapters.database.audit import SqlAuditLog
from app.adapters.database.clock import DatabaseClock
from app.adapters.database.configuration import SqlConfiguration
from app.adapters.database.engine import Database, open_database
from app.adapters.database.erasures import SqlErasures
from app.adapters.database.fetch_queue import SqlFetchQueue
from app.adapters.database.housekeeping import SqlHousekeeping
from app.adapters.database.installation_secrets import SqlSecrets
from app.adapters.database.keyset_desk import SqlKeysetDesk
from app.adapters.database.keysets import SqlKeysets
from app.adapters.database.leases import SqlLeases
from app.adapters.database.participations import SqlParticipationLedger
from app.adapters.database.partner_health import SqlPartnerHealth
from app.adapters.database.replays import SqlReplays
from app.adapters.database.session_queue import SqlSessionQueue
from app.adapters.database.void_orders import SqlVoidOrders
from app.adapters.digests import load_digests
from app.adapters.jwks_http import HttpJwks
from app.adapters.master_keys import load_master_keys
from app.adapters.partner_http import HttpPartnerApi
from app.adapters.queue import HintPublisher
from app.adapters.safe_http import SafeHttp
from app.adapters.sealing import AesSealing, KeyRing
from app.documents.campaign import to_campaign
from app.documents.partner import to_partner
from app.documents.secrets import join_secrets
from app.domain.outside import OutboundPolicy
from app.domain.session import Stage
from app.ports import Work
from app.settings import Settings
from app.steps.claim import ClaimSessions
from app.steps.claim_fetch import ClaimFetches
from app.steps.erase import FinishErasures
from app.steps.fetch import FetchPrefills
from app.steps.finish_voids import FinishVoids
from app.steps.judge import JudgeToken
from app.steps.keyring import Keyring
from app.steps.purge import PurgeExpired
from app.steps.refresh import RefreshKeysets
from app.steps.replay import AdvanceReplays
from app.steps.retire_keysets import RetireKeysets
from app.steps.sweep import SweepDue
from app.steps.verify import VerifyTokens
from app.steps.wake_overslept import WakeOverslept
from workers.batches import VerifyBatch
from workers.call_slots import calls_at_once, in_hand
from workers.leases import HeldLeases
from workers.loop import Pulse, Watch
from workers.outside import Outside
from workers.process import WorkerProcess
from workers.pump import FetchPump
from workers.sweeper import Found, Sweeper
from workers.time_limit import ending_process_after

VERIFY_SECONDS = 120.0
"""A batch whose every statement takes the longest that it may is over by then; one that is not hangs."""
PURGE_SECONDS = 60.0
FINISH_SECONDS = 60.0
REPLAY_SECONDS = 1.0
_CLOSE_SECONDS = 1.0
_KEYSET_CONNECTIONS = 64
"""Beside those of the calls in flight: the refresh of key sets never waits for them."""
_DATABASE_THREADS = 8
"""The pump's three, and those of the loop that save key sets."""


def compose(settings: Settings, roles: frozenset[Work], is_told_to_stop: Callable[[], bool]) -> WorkerProcess:
    """Build the parts that `roles` need; touches neither the database nor the network."""
    parts = _Parts(settings, roles)
    keeps_up = Work.UPKEEP in roles
    sweepers = {}
    if Work.VERIFY in roles:
        batch = ending_process_after(VERIFY_SECONDS, parts.verify_batch())
        sweepers[Work.VERIFY] = Sweeper("verify", batch, settings.sweep_seconds, is_told_to_stop)
    if keeps_up:
        sweepers[Work.UPKEEP] = Sweeper("upkeep", parts.sweep, settings.sweep_seconds)
    return WorkerProcess(
        sweepers=sweepers,
        drain_seconds=settings.drain_seconds,
        look_seconds=settings.lease_seconds * 0.6,
        purge=Sweeper("purge", partial(parts.purge, is_told_to_stop), PURGE_SECONDS) if keeps_up else None,
        replays=Sweeper("replays", parts.replay, REPLAY_SECONDS) if keeps_up else None,
        renewal=Sweeper("renewal", parts.renew, settings.lease_seconds / 4) if Work.VERIFY in roles else None,
        finishing=[Sweeper(name, step, FINISH_SECONDS) for name, step in parts.finishing().items()] if keeps_up else (),
        outside=parts.outside() if roles & {Work.FETCH, Work.REFRESH} else None,
        held=parts.held,
        close=parts.close,
    )


class _Parts:
    """What the roles share, and the steps of each."""

    def __init__(self, settings: Settings, roles: frozenset[Work]) -> None:
        self.settings = settings
        self.roles = roles
        self.calls = calls_at_once(settings.fetch_concurrency)
        self.database = _open_database(settings, roles)
        self.clock = DatabaseClock(self.database)
        self.sealing = AesSealing(KeyRing.of(load_master_keys(settings)))
        self.queue = SqlSessionQueue(self.database, self.sealing)
        self.keysets = SqlKeysets(self.database, settings.keyset_policy())
        self.configuration = SqlConfiguration(
            self.database, self.sealing, join_secrets, to_partner, to_campaign, passes_over=True
        )
        self.housekeeping = SqlHousekeeping(self.database, settings.retention())
        self.hints = HintPublisher(broker_configuration(settings.broker_url, settings.data_dir), settings.claim_rows)
        self.held = HeldLeases(self.queue, self.clock)
        # What a step needs of the database at its start is loaded with its first batch: it may be away now.
        self.verify = cache(self._verify)

    def verify_batch(self) -> VerifyBatch:
        return VerifyBatch(
            claim=ClaimSessions(self.queue, self.clock, Stage.VERIFY, self.settings.claim_rows, _lease(self.settings)),
            verify=lambda sessions: self.verify()(sessions),  # noqa: PLW0108 - not before the first batch
            held=self.held,
            alone_every_seconds=self.settings.sweep_seconds,
        )

    def renew(self) -> Found:
        self.held.renew(_lease(self.settings))
        return Found.NOTHING

    def outside(self) -> Outside[SafeHttp]:
        policy = OutboundPolicy(self.settings.private_url_cidrs)
        return Outside(
            SafeHttp(
                policy,
                f"vestibule/{version('vestibule')}",
                ca_file=self.settings.ca_file,
                limit=self.calls + _KEYSET_CONNECTIONS,
                clock=self.clock,
            ),
            self._pump if Work.FETCH in self.roles else None,
            self._watch if Work.REFRESH in self.roles else None,
        )

    def sweep(self) -> Found:
        SweepDue(self.housekeeping, self.hints, self.clock)()
        return Found.NOTHING

    def purge(self, is_told_to_stop: Callable[[], bool]) -> Found:
        leases, chunk = SqlLeases(self.database), self.settings.purge_chunk
        PurgeExpired(self.housekeeping, leases, self.clock, chunk, sleep, is_told_to_stop)()
        return Found.NOTHING

    def finishing(self) -> Mapping[str, Callable[[], Found]]:
        """Return what finishes the work of processes that were killed, by name."""
        leases, erasures = SqlLeases(self.database), SqlErasures(self.database)
        accepted, orders = SqlAcceptedSessions(self.database, self.sealing), SqlVoidOrders(self.database)
        keysets = SqlKeysetDesk(self.database)
        return {
            "erasures": _once(FinishErasures(erasures, erasures, leases, self.clock)),
            "voids": _once(FinishVoids(orders, accepted, SqlAuditLog(self.database), leases, self.clock)),
            "sources": _once(RetireKeysets(keysets, self.clock)),
            "overslept": _once(WakeOverslept(keysets, self.clock)),
        }

    def replay(self) -> Found:
        AdvanceReplays(SqlReplays(self.database), SqlLeases(self.database), self.hints, self.clock)()
        return Found.NOTHING

    def close(self) -> None:
        self.hints.close(_CLOSE_SECONDS)
        self.database.dispose()

    def _verify(self) -> VerifyTokens:
        return VerifyTokens(
            queue=self.queue,
            configuration=self.configuration,
            keysets=self.keysets,
            ledger=SqlParticipationLedger(self.database),
            digests=load_digests(SqlSecrets(self.database, self.sealing), self.clock.now()),
            judge=JudgeToken(Keyring(), self.settings.keyset_policy()),
            accepted=SqlAcceptedSessions(self.database, self.sealing),
            hints=self.hints,
            clock=self.clock,
        )

    def _pump(self, http: SafeHttp) -> FetchPump:
        pulse = Pulse()
        return FetchPump(
            claim=self._claim_fetches(),
            fetch=self._fetch(http, pulse),
            held=HeldLeases(self.queue, self.clock),
            owed=HeldLeases(self.queue, self.clock),
            capacity=self.calls,
            of_one=self.settings.fetch_concurrency,
            lease=_lease(self.settings),
            sweep_seconds=self.settings.sweep_seconds,
            pulse=pulse,
        )

    def _claim_fetches(self) -> ClaimFetches:
        return ClaimFetches(
            queue=SqlFetchQueue(self.database, self.sealing, self.settings.retention().dead_letters),
            sessions=self.queue,
            configuration=self.configuration,
            clock=self.clock,
            lot=random.random,
            limit=self.settings.claim_rows,
            lease=_lease(self.settings),
            most_of_one=in_hand(self.settings.fetch_concurrency),
        )

    def _fetch(self, http: SafeHttp, pulse: Pulse) -> FetchPrefills:
        return FetchPrefills(
            queue=self.queue,
            health=SqlPartnerHealth(self.database),
            configuration=self.configuration,
            partners=HttpPartnerApi(http),
            clock=self.clock,
            jitter=random.random,
            stood_still_since=pulse.stood_still_since,
        )

    def _watch(self, http: SafeHttp) -> Watch:
        policy = self.settings.keyset_policy()
        refresh = RefreshKeysets(self.keysets, HttpJwks(http), self.hints, self.clock, policy, random.random)
        return Watch("refresh", refresh, self.settings.sweep_seconds)


def _once(step: Callable[[], object]) -> Callable[[], Found]:
    """Return a round that is over with one call of `step`: nothing that it found makes another one urgent."""

    def one_round() -> Found:
        step()
        return Found.NOTHING

    return one_round


def _open_database(settings: Settings, roles: frozenset[Work]) -> Database:
    url = settings.sqlalchemy_url
    return open_database(url, "-".join(sorted(roles)), pool_size=_DATABASE_THREADS)


def _lease(settings: Settings) -> timedelta:
    return timedelta(seconds=settings.lease_seconds)
