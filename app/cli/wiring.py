"""Composition root of the command line: stores and steps from the settings, by plain constructor calls."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from app.adapters.database.accepted_sessions import SqlAcceptedSessions
from app.adapters.database.audit import SqlAuditLog
from app.adapters.database.clients import SqlClients
from app.adapters.database.clock import DatabaseClock
from app.adapters.database.configuration import SqlConfiguration
from app.adapters.database.delivery_figures import SqlDeliveryFigures
from app.adapters.database.documents import SqlDocuments
from app.adapters.database.engine import Database, open_database
from app.adapters.database.erasures import SqlErasures
from app.adapters.database.faults import missing_privileges_told
from app.adapters.database.installation_secrets import SqlSecrets
from app.adapters.database.key_pairs import SqlKeyPairs
from app.adapters.database.keyset_desk import SqlKeysetDesk
from app.adapters.database.partner_health import SqlPartnerHealth
from app.adapters.database.void_orders import SqlVoidOrders
from app.adapters.digests import KeyedDigests, load_digests
from app.adapters.master_keys import load_master_keys
from app.adapters.private_file import make_data_folder
from app.adapters.sealing import AesSealing, KeyRing
from app.cli.outbound import outbound_policy
from app.documents.campaign import to_campaign
from app.documents.partner import to_partner
from app.documents.secrets import join_secrets, split_secrets
from app.fetch_ports import DeliveryFigures
from app.management_ports import AuditLog, ClientStore, DocumentStore, SecretStore
from app.ports import Clock, Work
from app.settings import Settings, load_settings
from app.steps.configure import ConfigureDocuments
from app.steps.contain import ContainPartner
from app.steps.erase import EraseParticipant
from app.steps.key_pairs import MakeKeyPairs, RotateKeyPairs
from app.steps.keysets import ManageKeysets
from app.steps.revoke_key import RevokeKey
from app.steps.try_keyset import TryKeyset

_ROLE = "cli"


@dataclass(frozen=True, slots=True)
class Wiring:
    """What commands work with."""

    settings: Settings
    database: Database
    sealing: AesSealing
    clock: Clock
    documents: DocumentStore
    clients: ClientStore
    secrets: SecretStore
    audit: AuditLog
    configure: ConfigureDocuments
    rotate_key_pairs: RotateKeyPairs
    manage_keysets: ManageKeysets
    revoke_key: RevokeKey
    try_keyset: TryKeyset
    figures: DeliveryFigures
    contain: ContainPartner
    erase: EraseParticipant


class SweptHints:
    """Hints that are left to the sweeps: a command needs no broker, and its work is found within two seconds."""

    def ring(self, work: Work, rows: int = 1) -> None:
        """Announce nothing."""


@contextmanager
def opened(settings: Settings | None = None) -> Iterator[Wiring]:
    """Yield what commands work with, by default by the environment's settings; close the database afterwards."""
    wiring = wire(load_settings() if settings is None else settings)
    try:
        with missing_privileges_told():
            yield wiring
    finally:
        wiring.database.dispose()


def wire(settings: Settings) -> Wiring:
    """Return what commands work with, connected to nothing yet; raise ConfigurationError if a part cannot be had."""
    _make_folder(settings)
    sealing = AesSealing(KeyRing.of(load_master_keys(settings)))
    database = open_database(settings.sqlalchemy_url, _ROLE, pool_size=1)
    clock = DatabaseClock(database)
    documents = SqlDocuments(database, sealing, split_secrets, join_secrets)
    audit, secrets = SqlAuditLog(database), SqlSecrets(database, sealing)
    make_keys = MakeKeyPairs(SqlKeyPairs(database, sealing), clock)
    outbound = outbound_policy(settings)
    desk, accepted, hints = SqlKeysetDesk(database), SqlAcceptedSessions(database, sealing), SweptHints()
    figures = SqlDeliveryFigures(database, SqlConfiguration(database, sealing, join_secrets, to_partner, to_campaign))
    return Wiring(
        settings=settings,
        database=database,
        sealing=sealing,
        clock=clock,
        documents=documents,
        clients=SqlClients(database),
        secrets=secrets,
        audit=audit,
        configure=ConfigureDocuments(documents, audit, clock, outbound, (make_keys.follow_up,)),
        rotate_key_pairs=RotateKeyPairs(documents, make_keys, audit, clock),
        manage_keysets=ManageKeysets(documents, desk, audit, hints, clock),
        revoke_key=RevokeKey(documents, desk, desk, accepted, SqlVoidOrders(database), audit, hints, clock),
        try_keyset=TryKeyset(desk, hints, clock),
        figures=figures,
        contain=ContainPartner(documents, SqlPartnerHealth(database), figures, audit, hints, clock),
        erase=EraseParticipant(documents, SqlErasures(database), partial(_digests, secrets, clock), audit, clock),
    )


def _digests(secrets: SecretStore, clock: Clock) -> KeyedDigests:
    return load_digests(secrets, clock.now())


def _make_folder(settings: Settings) -> None:
    if settings.needs_data_dir:
        make_data_folder(settings.data_dir)
