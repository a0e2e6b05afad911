"""Fixtures of the journeys: one calm deployment per stack for the whole run."""

from collections.abc import Iterator

import pytest

from tests.journey.scene import Stage
from tests.journey.stacks import STACKS, stage_on, with_tails


@pytest.fixture(scope="session", params=STACKS)
def _calm_stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage_on(request.param, request, tmp_path_factory.mktemp("calm"), {}) as stage:
        yield stage


@pytest.fixture
def stage(_calm_stage: Stage, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Give a deployment that nobody harms; if the test fails, say what its processes logged."""
    yield from with_tails(_calm_stage, request)
