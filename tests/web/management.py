"""The management interface over HTTP, on stores in memory: what its tests share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from app.adapters.digests import KeyedDigests
from app.domain.keyset import KeysetPolicy
from app.domain.outside import OutboundPolicy
from app.domain.scopes import granted_scopes
from app.management_ports import ApiClient
from app.steps.assertion_grant import IssueForAssertion
from app.steps.audit import ListAudit
from app.steps.authorize import AuthorizeRequest, IssueAccessToken
from app.steps.client_secrets import ClientSecrets, hash_secret
from app.steps.configure import ConfigureDocuments
from app.steps.contain import ContainPartner
from app.steps.dead_letters import ListDeadLetters, ReadDeadLetter
from app.steps.encrypt import EncryptToken
from app.steps.erase import EraseParticipant
from app.steps.examine import ExaminePartner
from app.steps.inspect import InspectToken
from app.steps.judge import JudgeToken
from app.steps.key_pairs import MakeKeyPairs, PublishKeyPairs
from app.steps.keyring import Keyring
from app.steps.keysets import ManageKeysets
from app.steps.rehearse import RehearsePrefill
from app.steps.replay import StartReplay
from app.steps.revoke_key import RevokeKey
from app.steps.secrets import EnsureSecrets, SigningKeys
from app.steps.stats import ShowStats
from app.steps.steer_replay import SteerReplays
from app.steps.timeline import TellTimeline
from app.steps.try_keyset import TryKeyset
from app.steps.vouch import VouchForToken
from app.web.audit import AuditCalls
from app.web.bearer import BearerGuard
from app.web.campaigns import campaign_routes
from app.web.checkups import CheckupCalls
from app.web.containment import ContainmentCalls
from app.web.crypto import CryptoCalls
from app.web.erasures import ErasureCalls
from app.web.inspect import InspectionCalls
from app.web.keysets import KeysetCalls
from app.web.limits import TokenBuckets
from app.web.middleware import request_middleware
from app.web.oauth import oauth_routes
from app.web.partners import partner_routes
from app.web.replays import ReplayCalls
from app.web.routes import POLICIES
from app.web.store_threads import StoreThreads
from tests.builders import NOW
from tests.fakes import (
    ConfiguredByDocuments,
    FakePartnerApi,
    FakeProbe,
    FixedClock,
    MemoryAcceptedSessions,
    MemoryAudit,
    MemoryClients,
    MemoryDeliveryFigures,
    MemoryDocuments,
    MemoryErasures,
    MemoryKeyPairs,
    MemoryKeysets,
    MemoryLedger,
    MemoryPartnerHealth,
    MemoryReplays,
    MemorySecrets,
    MemorySessions,
    MemoryVoidOrders,
    RecordingHints,
)
from tests.web.conforming import ConformingClient

BASE = "https://vestibule.example"
SECRET = "a-client-secret-of-some-length"
DIGESTS = KeyedDigests(b"digest-secret")
_HASH = hash_secret(SECRET)

Http = ConformingClient


@dataclass(slots=True)
class Management:
    """A running management interface; `http` is a client of it."""

    documents: MemoryDocuments = field(default_factory=MemoryDocuments)
    clients: MemoryClients = field(default_factory=MemoryClients)
    secrets: MemorySecrets = field(default_factory=MemorySecrets)
    clock: FixedClock = field(default_factory=FixedClock)
    audit: MemoryAudit = field(default_factory=MemoryAudit)
    hints: RecordingHints = field(default_factory=RecordingHints)
    sessions: MemorySessions = field(default_factory=MemorySessions)
    keysets: MemoryKeysets = field(default_factory=MemoryKeysets)
    accepted: MemoryAcceptedSessions = field(init=False)
    void_orders: MemoryVoidOrders = field(default_factory=MemoryVoidOrders)
    replays: MemoryReplays = field(init=False)
    erasures: MemoryErasures = field(init=False)
    key_pairs: MemoryKeyPairs = field(default_factory=MemoryKeyPairs)
    keyring: Keyring = field(default_factory=Keyring)
    patience_seconds: float = 0.0
    flushes: int = 0
    buckets: TokenBuckets = field(default_factory=lambda: TokenBuckets(per_second=0.001, burst=20))
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    digests: KeyedDigests = field(default_factory=lambda: KeyedDigests(b"d" * 32))
    partner_api: FakePartnerApi = field(default_factory=FakePartnerApi)
    probe: FakeProbe = field(default_factory=FakeProbe)
    http: Http = field(init=False)

    def __post_init__(self) -> None:
        self.keysets.sessions = self.sessions
        self.accepted = MemoryAcceptedSessions(self.sessions)
        self.replays = MemoryReplays(self.sessions)
        self.erasures = MemoryErasures(self.sessions)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Management"]:
        """Serve until the block ends."""
        EnsureSecrets(self.secrets, self.clock)()
        threads = StoreThreads(2, 10, lambda: None)
        async with ConformingClient(TestServer(self._application(threads))) as http:
            self.http = http
            yield self
        await threads.close()

    async def flush_reads(self) -> None:
        """Note that somebody asked for it."""
        self.flushes += 1

    def with_client(self, id_: str, *scopes: str, partner_id: str | None = None) -> None:
        """Store a client with these scopes."""
        self.clients.put(ApiClient(id_, _HASH, frozenset(scopes), partner_id, NOW))

    async def call(self, method: str, path: str, client_id: str = "admin", **options: Any) -> Any:
        """Return the answer to a call with a fresh access token of that client."""
        keys = SigningKeys(self.secrets, self.clock)
        issue = IssueAccessToken(self.clients, ClientSecrets(), keys, self.clock, BASE)
        client = self.clients.find(client_id)
        assert client is not None
        bearer = issue.issue(client, granted_scopes(client.scopes), NOW).access_token
        headers = {"Authorization": f"Bearer {bearer}", "X-Request-ID": "test-1", **options.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **options)

    @property
    def configuration(self) -> ConfiguredByDocuments:
        """Return what the journey sees of the documents."""
        return ConfiguredByDocuments(self.documents, self.key_pairs)

    @property
    def make_keys(self) -> MakeKeyPairs:
        """Return the step that makes key pairs."""
        return MakeKeyPairs(self.key_pairs, self.clock)

    @property
    def vouch(self) -> VouchForToken:
        """Return the step that judges tokens for their partner."""
        return VouchForToken(self.keysets, JudgeToken(self.keyring, KeysetPolicy()), self.hints, self.clock)

    def for_assertion(self, issue: IssueAccessToken) -> IssueForAssertion:
        """Return the grant for assertions."""
        return IssueForAssertion(self.configuration, self.vouch, issue, self.clock)

    def _crypto_calls(self, threads: StoreThreads) -> CryptoCalls:
        publish = PublishKeyPairs(self.configuration, self.make_keys)
        encrypt = EncryptToken(self.configuration, publish, self.vouch, self.keyring, self.clock)
        return CryptoCalls.around(encrypt, publish, threads)

    def _inspection_calls(self, threads: StoreThreads) -> InspectionCalls:
        judge = JudgeToken(self.keyring, KeysetPolicy())
        inspect = InspectToken(
            self.configuration, self.keysets, self.ledger, lambda: self.digests, judge, self.hints, self.clock
        )
        rehearse = RehearsePrefill(MemoryPartnerHealth(self.sessions.healths), self.partner_api, self.clock)
        return InspectionCalls(
            inspect, rehearse, threads, self.clock, self.buckets, patience_seconds=self.patience_seconds
        )

    def _application(self, threads: StoreThreads) -> web.Application:
        keys = SigningKeys(self.secrets, self.clock)
        issue = IssueAccessToken(self.clients, ClientSecrets(), keys, self.clock, BASE)
        guard = BearerGuard(AuthorizeRequest(self.clients, keys, self.clock, BASE), threads)
        follow_ups = (self.make_keys.follow_up,)
        configure = ConfigureDocuments(self.documents, self.audit, self.clock, OutboundPolicy(), follow_ups)
        keysets = self._keyset_calls(threads)
        application = web.Application(middlewares=[request_middleware(lambda *_: None, POLICIES)])
        application.add_routes(oauth_routes(issue, self.for_assertion(issue), keys, threads, self.buckets))
        application.add_routes(self._crypto_calls(threads).routes(guard))
        application.add_routes(self._inspection_calls(threads).routes(guard))
        application.add_routes(partner_routes(configure, keysets, guard, threads))
        application.add_routes(campaign_routes(configure, guard, threads))
        application.add_routes(self._replay_calls(threads).routes(guard))
        application.add_routes(self._containment_calls(threads).routes(guard))
        application.add_routes(self._erasure_calls(threads).routes(guard))
        application.add_routes(self._checkup_calls(threads).routes(guard))
        application.add_routes(AuditCalls(ListAudit(self.audit), threads).routes(guard))
        return application

    def _keyset_calls(self, threads: StoreThreads) -> KeysetCalls:
        desk, audit, hints, clock = self.keysets, self.audit, self.hints, self.clock
        return KeysetCalls(
            ManageKeysets(self.documents, desk, audit, hints, clock),
            RevokeKey(self.documents, desk, desk, self.accepted, self.void_orders, audit, hints, clock),
            TryKeyset(desk, hints, clock),
            threads,
            clock,
            self.patience_seconds,
        )

    def _containment_calls(self, threads: StoreThreads) -> ContainmentCalls:
        health, figures = MemoryPartnerHealth(self.sessions.healths), MemoryDeliveryFigures(self.sessions)
        contain = ContainPartner(self.documents, health, figures, self.audit, self.hints, self.clock)
        return ContainmentCalls(contain, ShowStats(figures, self.clock), threads, self.clock)

    def _checkup_calls(self, threads: StoreThreads) -> CheckupCalls:
        examine = ExaminePartner(
            documents=self.documents,
            configuration=self.configuration,
            desk=self.keysets,
            health=MemoryPartnerHealth(self.sessions.healths),
            probe=self.probe,
            audit=self.audit,
            clock=self.clock,
        )
        return CheckupCalls(examine, threads, TokenBuckets(per_second=0.001, burst=4))

    def _erasure_calls(self, threads: StoreThreads) -> ErasureCalls:
        erase = EraseParticipant(self.documents, self.erasures, lambda: DIGESTS, self.audit, self.clock)
        return ErasureCalls(erase, threads)

    def _replay_calls(self, threads: StoreThreads) -> ReplayCalls:
        return ReplayCalls(
            ListDeadLetters(self.replays, self.clock),
            ReadDeadLetter(self.replays, self.audit, self.clock),
            StartReplay(
                self.documents, self.replays, self.replays, self.audit, self.clock, lambda size: b"\x01" * size
            ),
            SteerReplays(self.replays, self.audit, self.clock),
            TellTimeline(self.replays),
            threads,
            self.flush_reads,
        )
