"""The stacks that the service is promised to run on, and what one deployment of each is made of."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.journey.deployment import Deployment
from tests.journey.partner_double import partner_double
from tests.journey.scene import Stage

EMBEDDED = "embedded"
REDIS = "postgres+redis"
RABBITMQ = "postgres+rabbitmq"
STACKS = (EMBEDDED, REDIS, RABBITMQ)
QUICK: Mapping[str, str] = {
    "LOG_LEVEL": "debug",
    "VERIFY_PROCESSES": "2",
    "KEYSET_KID_COOLDOWN_SECONDS": "1",
    "KEYSET_PARK_KID_SECONDS": "5",
    "KEYSET_PARK_OUTAGE_SECONDS": "3",
    "KEYSET_BACKOFF_BASE_SECONDS": "0.5",
    "KEYSET_BACKOFF_CAP_SECONDS": "1",
}
"""Waits that a test can wait for; everything else is as it is delivered."""

SHORT_LEASES: Mapping[str, str] = {
    "LEASE_SECONDS": "3",
    "SWEEP_SECONDS": "0.5",
    "CLAIM_ROWS": "16",
    "DRAIN_SECONDS": "6",
}
"""For deployments whose processes are killed: what they held comes back soon."""


@contextmanager
def stage_on(
    stack: str,
    request: pytest.FixtureRequest,
    folder: Path,
    settings: Mapping[str, str],
    role_settings: Mapping[str, Mapping[str, str]] | None = None,
    prefixes: Mapping[str, Sequence[str]] | None = None,
) -> Iterator[Stage]:
    """Deploy on a stack until the end of the block, on a database of its own."""
    with _backends(stack, request) as (backends, broker), partner_double() as partners:
        deployment = Deployment.start(folder, {**QUICK, **backends, **settings}, role_settings, prefixes)
        try:
            yield Stage.around(stack, deployment, partners, broker)
        finally:
            killed = deployment.stop()
        assert killed == [], deployment.tails()


def with_tails(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Give the stage to one test; if that fails, print what the processes logged last."""
    failed_before = request.session.testsfailed
    yield stage
    if request.session.testsfailed > failed_before:
        print(stage.deployment.tails())  # noqa: T201 pytest shows it with the failure


@contextmanager
def _backends(stack: str, request: pytest.FixtureRequest) -> Iterator[tuple[dict[str, str], Any]]:
    if stack == EMBEDDED:
        yield {}, None
        return
    postgres: Any = request.getfixturevalue("postgres")
    broker: Any = request.getfixturevalue("redis_server" if stack == REDIS else "rabbitmq")
    # Two deployments of a run on one database of Redis would hear each other's hints.
    broker_url = broker.create_database() if stack == REDIS else broker.url
    database_url = postgres.create_database()
    try:
        yield {"DATABASE_URL": database_url, "BROKER_URL": broker_url}, broker
    finally:
        postgres.drop_database(database_url)
