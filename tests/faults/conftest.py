"""Fixtures of the faults: deployments that may be harmed, and the judge whose accounts end up in the report."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.account import Account, Judge
from tests.faults.report import table_of, write_report
from tests.faults.terminal_moves import watch_terminal_moves
from tests.journey.scene import Stage
from tests.journey.stacks import EMBEDDED, RABBITMQ, REDIS, SHORT_LEASES, stage_on, with_tails

_ACCOUNTS = pytest.StashKey[list[Account]]()

Deploy = Callable[..., AbstractContextManager[Stage]]
"""Called with a stack, and with what `stage_on` takes beyond the folder by name."""


@pytest.fixture(
    scope="session",
    params=(EMBEDDED, pytest.param(REDIS, marks=pytest.mark.long), pytest.param(RABBITMQ, marks=pytest.mark.long)),
)
def _shaken_stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage_on(request.param, request, tmp_path_factory.mktemp("shaken"), SHORT_LEASES) as stage:
        watch_terminal_moves(stage.deployment)
        yield stage


@pytest.fixture
def shaken(_shaken_stage: Stage, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Give a deployment that a test may harm, if it mends it."""
    yield from with_tails(_shaken_stage, request)


@pytest.fixture
def deploy(request: pytest.FixtureRequest, tmp_path: Path) -> Deploy:
    """Give what deploys for one test alone, until the end of its block."""

    @contextmanager
    def deployed(stack: str, settings: dict[str, str] | None = None, **more: Any) -> Iterator[Stage]:
        with stage_on(stack, request, tmp_path / stack, {**SHORT_LEASES, **(settings or {})}, **more) as stage:
            watch_terminal_moves(stage.deployment)
            try:
                yield stage
            except BaseException:
                print(stage.deployment.tails())  # noqa: T201 pytest shows it with the failure
                raise

    return deployed


@pytest.fixture
def judge(request: pytest.FixtureRequest) -> Judge:
    """Give the judge of this test."""
    fault = request.node.originalname.removeprefix("test_").replace("_", " ")
    return Judge(fault, request.config.stash.setdefault(_ACCOUNTS, []).append)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the report; write it where nothing was deselected by its length."""
    accounts = config.stash.get(_ACCOUNTS, [])
    if accounts:
        terminalreporter.write_line(table_of(accounts))
    if accounts and not config.option.markexpr:
        write_report(accounts)
