"""Fixtures for every test: servers of our own, started when first asked for and stopped at the end of the run."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.interop.node_libraries import NodeLibraries
from tests.servers.leaving_out import left_out_lines, running
from tests.servers.postgres import Postgres
from tests.servers.rabbitmq import RabbitMQ
from tests.servers.redis import Redis

# A property holds or fails, however slow the machine is.
settings.register_profile(
    "untimed", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run leave out the tests whose assertions are about time, or run them alone."""
    parser.addoption("--timed", choices=("with", "without", "only"), default="with", help="tests that measure time")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep what `--timed` asks for."""
    by_mark: dict[bool, list[pytest.Item]] = {True: [], False: []}
    for item in items:
        by_mark[item.get_closest_marker("timed") is not None].append(item)
    left_out = by_mark[config.option.timed == "without"] if config.option.timed != "with" else []
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = by_mark[config.option.timed == "only"]


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """Make a folder that other accounts reach too, unlike pytest's own: PostgreSQL changes its account under root."""
    folder = Path(tempfile.mkdtemp(prefix="vestibule-tests-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres(servers_folder: Path, pytestconfig: pytest.Config) -> Iterator[Postgres]:
    with running(Postgres.start, servers_folder / "postgres", pytestconfig.stash) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(servers_folder: Path, pytestconfig: pytest.Config) -> Iterator[Redis]:
    with running(Redis.start, servers_folder / "redis", pytestconfig.stash) as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq(servers_folder: Path, pytestconfig: pytest.Config) -> Iterator[RabbitMQ]:
    with running(RabbitMQ.start, servers_folder / "rabbitmq", pytestconfig.stash) as server:
        yield server


@pytest.fixture(scope="session")
def node_libraries(servers_folder: Path, pytestconfig: pytest.Config) -> Iterator[NodeLibraries]:
    with running(NodeLibraries.start, servers_folder / "node", pytestconfig.stash) as started:
        yield started


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """Make an empty database for one test."""
    url = postgres.create_database()
    yield url
    postgres.drop_database(url)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say at the end of the run which tests a missing program has cost."""
    for line in left_out_lines(config.stash):
        terminalreporter.write_line(line, yellow=True)
