"""Fixtures of the journeys: one calm deployment per stack for the whole run, and one per module to be shaken."""

from collections.abc import Iterator

import pytest

from tests.journey.scene import Stage
from tests.journey.stacks import EMBEDDED, REDIS, SHORT_LEASES, STACKS, stage_on, with_tails


@pytest.fixture(scope="session", params=STACKS)
def _calm_stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage_on(request.param, request, tmp_path_factory.mktemp("calm"), {}) as stage:
        yield stage


@pytest.fixture(scope="module", params=(EMBEDDED, REDIS))
def _shaken_stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage_on(request.param, request, tmp_path_factory.mktemp("shaken"), SHORT_LEASES) as stage:
        yield stage


@pytest.fixture
def stage(_calm_stage: Stage, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Give a deployment that nobody harms; if the test fails, say what its processes logged."""
    yield from with_tails(_calm_stage, request)


@pytest.fixture
def shaken(_shaken_stage: Stage, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Give a deployment that a test may harm, if it mends it."""
    yield from with_tails(_shaken_stage, request)
