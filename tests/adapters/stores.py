"""All stores of one kind together, so that one contract test runs on the twin, SQLite and PostgreSQL."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from app.adapters.database.accepted_sessions import SqlAcceptedSessions
from app.adapters.database.audit import SqlAuditLog
from app.adapters.database.clients import SqlClients
from app.adapters.database.configuration import SqlConfiguration
from app.adapters.database.dead_letters import SqlDeadLetters
from app.adapters.database.delivery_figures import SqlDeliveryFigures
from app.adapters.database.documents import SqlDocuments
from app.adapters.database.engine import Database
from app.adapters.database.erasures import SqlErasures
from app.adapters.database.fetch_queue import SqlFetchQueue
from app.adapters.database.housekeeping import SqlHousekeeping
from app.adapters.database.installation_secrets import SqlSecrets
from app.adapters.database.key_pairs import SqlKeyPairs
from app.adapters.database.keyset_desk import SqlKeysetDesk
from app.adapters.database.keysets import SqlKeysets
from app.adapters.database.leases import SqlLeases
from app.adapters.database.participations import SqlParticipationLedger
from app.adapters.database.partner_health import SqlPartnerHealth
from app.adapters.database.replays import SqlReplays
from app.adapters.database.session_intake import SqlSessionIntake
from app.adapters.database.session_queue import SqlSessionQueue
from app.adapters.database.session_reads import SqlSessionReads
from app.adapters.database.session_records import SqlSessionRecords
from app.adapters.database.void_orders import SqlVoidOrders
from app.adapters.sealing import AesSealing, KeyRing
from app.domain.campaign import Campaign
from app.domain.partner import Authorization, AuthorizationSource, Partner, PrefillConfig
from app.domain.retention import Retention
from app.fetch_ports import DeliveryFigures, FetchQueue, HealthStore
from app.keyset_ports import AcceptedSessions, KeysetDesk, KeysetFigures, ParkedSessions, SourceUsers, VoidOrders
from app.management_ports import (
    AuditLog,
    AuditReads,
    ClientStore,
    DeadLetters,
    DocumentStore,
    ErasureQueue,
    ErasureStore,
    ReplayQueue,
    ReplayStore,
    SecretStore,
    SessionRecords,
)
from app.ports import (
    Housekeeping,
    KeyPairStore,
    KeysetQueue,
    KeysetStore,
    Leases,
    ParticipationLedger,
    ReadRecord,
    Sealing,
    SessionIntake,
    SessionQueue,
    SessionReads,
)
from tests.builders import campaign, partner
from tests.fakes import (
    MemoryAcceptedSessions,
    MemoryAudit,
    MemoryClients,
    MemoryConfiguration,
    MemoryDeliveryFigures,
    MemoryDocuments,
    MemoryErasures,
    MemoryFetchQueue,
    MemoryHousekeeping,
    MemoryKeyPairs,
    MemoryKeysets,
    MemoryLeases,
    MemoryLedger,
    MemoryPartnerHealth,
    MemoryReplays,
    MemorySecrets,
    MemorySessions,
    MemoryVoidOrders,
)

MASTER_KEY = bytes(range(32))
CONFIGURED = MemoryConfiguration.of(
    partner(
        prefill=PrefillConfig(
            url="https://api.acme.example/{sub}",
            method="GET",
            authorization=Authorization(AuthorizationSource.NONE),
            timeout=timedelta(seconds=5),
            max_concurrency=7,
            rate_per_second=20.0,
        )
    )
)
"""The partner that tells what it allows; of the others nothing is known."""
KEPT = Retention(participations=timedelta(days=100))
SEALING = AesSealing(KeyRing.of((MASTER_KEY,)))


@dataclass(frozen=True, slots=True)
class Stores:
    """One implementation of each port."""

    intake: SessionIntake
    reads: SessionReads
    read_record: ReadRecord
    queue: SessionQueue
    fetches: FetchQueue
    health: HealthStore
    figures: DeliveryFigures
    keysets: KeysetStore
    keyset_queue: KeysetQueue
    ledger: ParticipationLedger
    housekeeping: Housekeeping
    erasures: ErasureStore
    erasure_queue: ErasureQueue
    leases: Leases
    documents: DocumentStore
    clients: ClientStore
    secrets: SecretStore
    key_pairs: KeyPairStore
    audit: AuditLog
    audit_reads: AuditReads
    keyset_desk: KeysetDesk
    keyset_figures: KeysetFigures
    source_users: SourceUsers
    parked_sessions: ParkedSessions
    accepted: AcceptedSessions
    void_orders: VoidOrders
    dead_letters: DeadLetters
    records: SessionRecords
    replays: ReplayStore
    replay_queue: ReplayQueue


def memory_stores(retention: Retention = KEPT) -> Stores:
    """Return the twins."""
    sessions = MemorySessions()
    keysets = MemoryKeysets(sessions=sessions)
    replays = MemoryReplays(sessions)
    audit, ledger = MemoryAudit(), MemoryLedger()
    erasures = MemoryErasures(sessions, ledger)
    return Stores(
        intake=sessions,
        reads=sessions,
        read_record=sessions,
        queue=sessions,
        fetches=MemoryFetchQueue(sessions),
        health=MemoryPartnerHealth(sessions.healths),
        figures=MemoryDeliveryFigures(sessions, CONFIGURED),
        keysets=keysets,
        keyset_queue=keysets,
        ledger=ledger,
        housekeeping=MemoryHousekeeping(sessions, keysets, ledger, audit, retention, replays.rows),
        erasures=erasures,
        erasure_queue=erasures,
        leases=MemoryLeases(),
        documents=MemoryDocuments(),
        clients=MemoryClients(),
        secrets=MemorySecrets(),
        key_pairs=MemoryKeyPairs(),
        audit=audit,
        audit_reads=audit,
        keyset_desk=keysets,
        keyset_figures=keysets,
        source_users=keysets,
        parked_sessions=keysets,
        accepted=MemoryAcceptedSessions(sessions),
        void_orders=MemoryVoidOrders(),
        dead_letters=replays,
        records=replays,
        replays=replays,
        replay_queue=replays,
    )


def sql_stores(database: Database, sealing: Sealing = SEALING, retention: Retention = KEPT) -> Stores:
    """Return the stores on `database`."""
    keysets = SqlKeysets(database)
    return Stores(
        intake=SqlSessionIntake(database, sealing),
        reads=SqlSessionReads(database, sealing),
        read_record=SqlSessionReads(database, sealing),
        queue=SqlSessionQueue(database, sealing),
        fetches=SqlFetchQueue(database, sealing),
        health=SqlPartnerHealth(database),
        figures=SqlDeliveryFigures(database, CONFIGURED),
        keysets=keysets,
        keyset_queue=keysets,
        ledger=SqlParticipationLedger(database),
        housekeeping=SqlHousekeeping(database, retention),
        erasures=SqlErasures(database),
        erasure_queue=SqlErasures(database),
        leases=SqlLeases(database),
        documents=SqlDocuments(database, sealing, split_secret, join_secret),
        clients=SqlClients(database),
        secrets=SqlSecrets(database, sealing),
        key_pairs=SqlKeyPairs(database, sealing),
        audit=SqlAuditLog(database),
        audit_reads=SqlAuditLog(database),
        keyset_desk=SqlKeysetDesk(database),
        keyset_figures=SqlKeysetDesk(database),
        source_users=SqlKeysetDesk(database),
        parked_sessions=SqlKeysetDesk(database),
        accepted=SqlAcceptedSessions(database, sealing),
        void_orders=SqlVoidOrders(database),
        dead_letters=SqlDeadLetters(database),
        records=SqlSessionRecords(database, sealing),
        replays=SqlReplays(database),
        replay_queue=SqlReplays(database),
    )


def sql_configuration(
    database: Database, parsed: list[tuple[str, int]], sealing: Sealing = SEALING, *, passes_over: bool = False
) -> SqlConfiguration:
    """Return a configuration that notes in `parsed` which (id, version) it had to parse."""

    def parse_partner(id_: str, version: int, document: Mapping[str, object]) -> Partner:
        parsed.append((id_, version))
        return partner(id=id_, version=version, name=str(document["name"]))

    def parse_campaign(id_: str, version: int, document: Mapping[str, object]) -> Campaign:
        parsed.append((id_, version))
        return campaign(id=id_, version=version, name=str(document["name"]))

    return SqlConfiguration(database, sealing, join_secret, parse_partner, parse_campaign, passes_over)


def split_secret(kind: str, document: Mapping[str, object]) -> tuple[Mapping[str, object], Mapping[str, str]]:
    """Take the member `secret` out of a document."""
    del kind
    if "secret" not in document:
        return document, {}
    return {**document, "secret": "***"}, {"secret": str(document["secret"])}


def join_secret(kind: str, masked: Mapping[str, object], secrets: Mapping[str, str]) -> Mapping[str, object]:
    """Put it back."""
    del kind
    return {**masked, **secrets}
