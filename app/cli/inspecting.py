"""The inspector of the command line, wired on what its other commands work with."""

from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version

from app.adapters.database.configuration import SqlConfiguration
from app.adapters.database.key_pairs import SqlKeyPairs
from app.adapters.database.keysets import SqlKeysets
from app.adapters.database.participations import SqlParticipationLedger
from app.adapters.database.partner_health import SqlPartnerHealth
from app.adapters.digests import load_digests
from app.adapters.partner_http import SinglePartnerCalls
from app.adapters.safe_http import SafeHttp
from app.cli.outbound import outbound_policy
from app.cli.wiring import SweptHints, Wiring
from app.documents.campaign import to_campaign
from app.documents.partner import to_partner
from app.documents.secrets import join_secrets
from app.steps.inspect import InspectToken
from app.steps.judge import JudgeToken
from app.steps.key_pairs import MakeKeyPairs, PublishKeyPairs
from app.steps.keyring import Keyring
from app.steps.rehearse import RehearsePrefill


@dataclass(frozen=True, slots=True)
class Inspector:
    """The steps around an inspected token."""

    inspect: InspectToken
    rehearse: RehearsePrefill


def inspector(wiring: Wiring) -> Inspector:
    """Return the inspector."""
    settings, database, clock = wiring.settings, wiring.database, wiring.clock
    policy = settings.keyset_policy()
    inspect = InspectToken(
        configuration=_configuration(wiring),
        keysets=SqlKeysets(database, policy),
        ledger=SqlParticipationLedger(database),
        load_digests=cache(lambda: load_digests(wiring.secrets, clock.now())),
        judge=JudgeToken(Keyring(), policy),
        hints=SweptHints(),
        clock=clock,
    )
    outbound = outbound_policy(settings)
    open_http = partial(SafeHttp, outbound, f"vestibule/{version('vestibule')}", ca_file=settings.ca_file)
    return Inspector(inspect, RehearsePrefill(SqlPartnerHealth(database), SinglePartnerCalls(open_http), clock))


def key_pair_publisher(wiring: Wiring) -> PublishKeyPairs:
    """Return the step that publishes a partner's key pairs."""
    make = MakeKeyPairs(SqlKeyPairs(wiring.database, wiring.sealing), wiring.clock)
    return PublishKeyPairs(_configuration(wiring), make)


def _configuration(wiring: Wiring) -> SqlConfiguration:
    return SqlConfiguration(wiring.database, wiring.sealing, join_secrets, to_partner, to_campaign)
