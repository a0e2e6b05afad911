"""Wires the management calls of the web process by plain constructor calls; what they share is handed in."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache

from aiohttp import web

from app.adapters.database.accepted_sessions import SqlAcceptedSessions
from app.adapters.database.audit import SqlAuditLog
from app.adapters.database.clients import SqlClients
from app.adapters.database.configuration import SqlConfiguration
from app.adapters.database.dead_letters import SqlDeadLetters
from app.adapters.database.delivery_figures import SqlDeliveryFigures
from app.adapters.database.documents import SqlDocuments
from app.adapters.database.engine import Database
from app.adapters.database.erasures import SqlErasures
from app.adapters.database.installation_secrets import SqlSecrets
from app.adapters.database.key_pairs import SqlKeyPairs
from app.adapters.database.keyset_desk import SqlKeysetDesk
from app.adapters.database.keysets import SqlKeysets
from app.adapters.database.participations import SqlParticipationLedger
from app.adapters.database.partner_health import SqlPartnerHealth
from app.adapters.database.replays import SqlReplays
from app.adapters.database.session_records import SqlSessionRecords
from app.adapters.database.void_orders import SqlVoidOrders
from app.adapters.digests import load_digests
from app.adapters.partner_http import SinglePartnerCalls
from app.adapters.partner_probe import HttpPartnerProbe
from app.adapters.safe_http import SafeHttp
from app.adapters.sealing import AesSealing
from app.documents.secrets import join_secrets, split_secrets
from app.domain.keyset import KeysetPolicy
from app.domain.outside import OutboundPolicy
from app.ports import Clock, Hints
from app.steps.assertion_grant import IssueForAssertion
from app.steps.audit import ListAudit
from app.steps.authorize import AuthorizeRequest, IssueAccessToken
from app.steps.client_secrets import ClientSecrets
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
from app.steps.secrets import SigningKeys
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
from app.web.oauth import oauth_routes, token_buckets
from app.web.partner_cache import PartnerCache
from app.web.partners import partner_routes
from app.web.replays import ReplayCalls
from app.web.store_threads import StoreThreads


@dataclass(frozen=True, slots=True)
class SharedParts:
    """What the management calls share with the rest of the process; `forget_campaigns` drops what it has cached.

    `flush_reads` returns when the store knows of all sessions that this process has shown.
    """

    database: Database
    sealing: AesSealing
    configuration: SqlConfiguration
    keyset_desk: SqlKeysetDesk
    figures: SqlDeliveryFigures
    threads: StoreThreads
    hints: Hints
    clock: Clock
    forget_campaigns: Callable[[], None]
    flush_reads: Callable[[], Awaitable[None]]


class ManagementWiring:
    """The management calls; `base_url` is where the service stands, for its access tokens."""

    def __init__(
        self,
        shared: SharedParts,
        base_url: str,
        outbound: OutboundPolicy,
        keyset_policy: KeysetPolicy,
        open_http: Callable[[], SafeHttp],
    ) -> None:
        database, sealing = shared.database, shared.sealing
        self._shared = shared
        self._base_url = base_url
        self._outbound = outbound
        self._partners = PartnerCache(shared.configuration)
        self._keyring = Keyring()
        self._open_http = open_http
        self._keysets = SqlKeysets(database, keyset_policy)
        self._judge = JudgeToken(self._keyring, keyset_policy)
        self._vouch = VouchForToken(self._keysets, self._judge, shared.hints, shared.clock)
        self._make_keys = MakeKeyPairs(SqlKeyPairs(database, sealing), shared.clock)
        self._clients = SqlClients(database)
        self._audit = SqlAuditLog(database)
        self._documents = SqlDocuments(database, sealing, split_secrets, join_secrets)

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """Return the routes of all management calls."""
        shared, clock = self._shared, self._shared.clock
        keys = SigningKeys(SqlSecrets(shared.database, shared.sealing), clock)
        guard = BearerGuard(AuthorizeRequest(self._clients, keys, clock, self._base_url), shared.threads)
        issue = IssueAccessToken(self._clients, ClientSecrets(), keys, clock, self._base_url)
        for_assertion = IssueForAssertion(self._partners, self._vouch, issue, clock)
        configure = self._configure()
        return [
            *oauth_routes(issue, for_assertion, keys, shared.threads, token_buckets()),
            *partner_routes(configure, self._keyset_calls(), guard, shared.threads),
            *campaign_routes(configure, guard, shared.threads),
            *self._crypto_calls().routes(guard),
            *self._inspection_calls().routes(guard),
            *self._replay_calls().routes(guard),
            *self._containment_calls().routes(guard),
            *self._erasure_calls().routes(guard),
            *self._checkup_calls().routes(guard),
            *AuditCalls(ListAudit(self._audit), shared.threads).routes(guard),
        ]

    def _configure(self) -> ConfigureDocuments:
        follow_ups = (self._forget, self._make_keys.follow_up)
        return ConfigureDocuments(self._documents, self._audit, self._shared.clock, self._outbound, follow_ups)

    def _forget(self, *_: object) -> None:
        self._shared.forget_campaigns()
        self._partners.invalidate()

    def _crypto_calls(self) -> CryptoCalls:
        publish = PublishKeyPairs(self._shared.configuration, self._make_keys)
        encrypt = EncryptToken(self._partners, publish, self._vouch, self._keyring, self._shared.clock)
        return CryptoCalls.around(encrypt, publish, self._shared.threads)

    def _inspection_calls(self) -> InspectionCalls:
        shared, clock, database = self._shared, self._shared.clock, self._shared.database
        secrets = SqlSecrets(database, shared.sealing)
        inspect = InspectToken(
            configuration=shared.configuration,
            keysets=self._keysets,
            ledger=SqlParticipationLedger(database),
            load_digests=cache(lambda: load_digests(secrets, clock.now())),
            judge=self._judge,
            hints=shared.hints,
            clock=clock,
        )
        rehearse = RehearsePrefill(SqlPartnerHealth(database), SinglePartnerCalls(self._open_http), clock)
        return InspectionCalls(inspect, rehearse, shared.threads, clock)

    def _containment_calls(self) -> ContainmentCalls:
        shared, clock = self._shared, self._shared.clock
        health = SqlPartnerHealth(shared.database)
        contain = ContainPartner(self._documents, health, shared.figures, self._audit, shared.hints, clock)
        return ContainmentCalls(contain, ShowStats(shared.figures, clock), shared.threads, clock)

    def _checkup_calls(self) -> CheckupCalls:
        shared = self._shared
        examine = ExaminePartner(
            documents=self._documents,
            configuration=shared.configuration,
            desk=shared.keyset_desk,
            health=SqlPartnerHealth(shared.database),
            probe=HttpPartnerProbe(self._open_http),
            audit=self._audit,
            clock=shared.clock,
        )
        return CheckupCalls(examine, shared.threads)

    def _erasure_calls(self) -> ErasureCalls:
        shared, clock = self._shared, self._shared.clock
        secrets = SqlSecrets(shared.database, shared.sealing)
        digests = cache(lambda: load_digests(secrets, clock.now()))
        erase = EraseParticipant(self._documents, SqlErasures(shared.database), digests, self._audit, clock)
        return ErasureCalls(erase, shared.threads)

    def _replay_calls(self) -> ReplayCalls:
        shared, audit, clock = self._shared, self._audit, self._shared.clock
        letters, replays = SqlDeadLetters(shared.database), SqlReplays(shared.database)
        records = SqlSessionRecords(shared.database, shared.sealing)
        return ReplayCalls(
            ListDeadLetters(letters, clock),
            ReadDeadLetter(records, audit, clock),
            StartReplay(self._documents, letters, replays, audit, clock),
            SteerReplays(replays, audit, clock),
            TellTimeline(records),
            shared.threads,
            shared.flush_reads,
        )

    def _keyset_calls(self) -> KeysetCalls:
        shared, desk = self._shared, self._shared.keyset_desk
        hints, clock = shared.hints, shared.clock
        accepted, orders = SqlAcceptedSessions(shared.database, shared.sealing), SqlVoidOrders(shared.database)
        return KeysetCalls(
            ManageKeysets(self._documents, desk, self._audit, hints, clock),
            RevokeKey(self._documents, desk, desk, accepted, orders, self._audit, hints, clock),
            TryKeyset(desk, hints, clock),
            shared.threads,
            clock,
        )
