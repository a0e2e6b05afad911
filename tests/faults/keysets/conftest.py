"""Deployments whose key sets come from a scripted TLS server: with the numbers as delivered, and with brisk ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.database.engine import Database, open_database
from app.adapters.database.migrate import migrate
from tests.doubles.certificates import CertificateAuthority
from tests.faults.keysets.jwks_server import HOST, JwksServer, Source, jwks_server
from tests.journey.scene import Stage
from tests.journey.stacks import EMBEDDED, REDIS, stage_on, with_tails

DELIVERED = {
    "KEYSET_KID_COOLDOWN_SECONDS": "30",
    "KEYSET_PARK_KID_SECONDS": "90",
    "KEYSET_PARK_OUTAGE_SECONDS": "900",
    "KEYSET_BACKOFF_BASE_SECONDS": "5",
    "KEYSET_BACKOFF_CAP_SECONDS": "300",
}
"""The numbers of a key set's life that the journeys shorten, as an operator gets them."""
BRISK = {
    "KEYSET_KID_COOLDOWN_SECONDS": "2",
    "KEYSET_PARK_KID_SECONDS": "30",
    "KEYSET_PARK_OUTAGE_SECONDS": "120",
    "KEYSET_BACKOFF_BASE_SECONDS": "0.5",
    "KEYSET_BACKOFF_CAP_SECONDS": "1",
    "KEYSET_MIN_TTL_SECONDS": "2",
}
"""Waits that a test can wait for, and patience that outlives the outages of a test."""


@pytest.fixture(scope="session")
def _authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def jwks(_authority: CertificateAuthority) -> Iterator[JwksServer]:
    """Give the server of all sources."""
    with jwks_server(_authority.server_context(HOST)) as server:
        yield server


@pytest.fixture
def source(jwks: JwksServer) -> Source:
    """Give a source that nobody has asked yet."""
    return jwks.source()


@pytest.fixture(scope="session", params=(EMBEDDED, pytest.param(REDIS, marks=pytest.mark.long)))
def delivered_stage(
    request: pytest.FixtureRequest, _authority: CertificateAuthority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """Give the deployment itself to wider fixtures."""
    settings = {**DELIVERED, "CA_FILE": str(_authority.file)}
    with stage_on(request.param, request, tmp_path_factory.mktemp("delivered"), settings) as stage:
        yield stage


@pytest.fixture(scope="session", params=(EMBEDDED, pytest.param(REDIS, marks=pytest.mark.long)))
def brisk_stage(
    request: pytest.FixtureRequest, _authority: CertificateAuthority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """Give the deployment itself to wider fixtures."""
    settings = {**BRISK, "CA_FILE": str(_authority.file)}
    with stage_on(request.param, request, tmp_path_factory.mktemp("brisk"), settings) as stage:
        yield stage


@pytest.fixture
def delivered(delivered_stage: Stage, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Give a deployment with the numbers as delivered."""
    yield from with_tails(delivered_stage, request)


@pytest.fixture
def brisk(brisk_stage: Stage, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Give a deployment whose key sets live fast."""
    yield from with_tails(brisk_stage, request)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Give a migrated database of each kind, for what needs a moved clock."""
    is_sqlite = request.param == "sqlite"
    opened = open_database(f"sqlite:///{tmp_path / 'keysets.db'}" if is_sqlite else _postgres_url(request), "test")
    migrate(opened)
    yield opened
    opened.dispose()


def _postgres_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("postgres_url"))
