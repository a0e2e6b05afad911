"""Real workers on every broker: the composition is of fakes (`fake_worker_app.py`), the processes are Celery's."""

import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import kombu
import pytest

from app.adapters.broker import broker_configuration, queue_of
from app.adapters.queue import HintPublisher
from app.ports import Work
from tests.servers.process import OwnProcess
from tests.servers.tree import members_of
from tests.workers.fake_rows import FakeRows
from tests.workers.scripted_fetch import ScriptedFetch

PATIENCE_SECONDS = 30.0
NEVER = "600"
_never = threading.Event()
ROOT = Path(__file__).parents[2]
SWITCHES = ("--without-gossip", "--without-mingle", "--without-heartbeat")


@dataclass(slots=True)
class Worker:
    """A started worker and the log that it writes."""

    process: OwnProcess

    @property
    def log(self) -> str:
        return self.process.log.read_text(errors="replace")

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def children(self) -> list[int]:
        return [member.pid for member in members_of(self.pid) if member.parent_pid == self.pid]

    def end(self) -> int:
        """Wait for the worker's own end and return its status."""
        return self.process._process.wait(PATIENCE_SECONDS)


@dataclass(slots=True)
class Bench:
    """A folder with rows and a broker, on which workers are started."""

    folder: Path
    broker_url: str
    rows: FakeRows
    workers: list[Worker] = field(default_factory=list)
    publishers: list[HintPublisher] = field(default_factory=list)

    def start(self, queues: str, pool: str = "prefork", size: int = 2, **settings: str) -> Worker:
        """Start a worker and wait until its parts run."""
        environment = {
            "PYTHONPATH": str(ROOT),
            "FAKE_ROWS": str(self.rows.path),
            "FAKE_BATCH_SECONDS": settings.pop("batch_seconds", "0"),
            "FAKE_START": settings.pop("fake_start", ""),
            "VESTIBULE_DATA_DIR": str(self.folder),
            "VESTIBULE_BROKER_URL": self.broker_url,
            **{f"VESTIBULE_{name.upper()}": value for name, value in settings.items()},
        }
        command = [sys.executable, "-m", "celery", "--quiet", "-A", "tests.workers.fake_worker_app:app", "worker"]
        command += ["-Q", queues, "--pool", pool, "--concurrency", str(size), *SWITCHES]
        folder = self.folder / f"worker{len(self.workers)}"
        folder.mkdir()
        worker = Worker(OwnProcess.start(command, folder, environment))
        self.workers.append(worker)
        worker.process.wait_until(lambda: worker.log.count("worker.started") == (size if pool == "prefork" else 1))
        return worker

    def publisher(self) -> HintPublisher:
        publisher = HintPublisher(broker_configuration(self.broker_url, self.folder), 256)
        self.publishers.append(publisher)
        return publisher


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Wait until `holds`, woken by nothing better than looking again."""
    give_up_at = monotonic() + PATIENCE_SECONDS
    while not holds():
        if monotonic() > give_up_at:
            pytest.fail(f"waited in vain: {what}")
        _never.wait(0.02)


@pytest.fixture(params=["files", "redis_server", "rabbitmq"])
def broker_url(request: pytest.FixtureRequest) -> str:
    """Return a broker that holds no hint of another test."""
    if request.param == "files":
        return ""
    server: Any = request.getfixturevalue(request.param)
    return str(server.create_database()) if request.param == "redis_server" else _emptied(server.url)


def _emptied(url: str) -> str:
    with kombu.Connection(url, connect_timeout=5) as connection:
        for work in Work:
            queue = queue_of(work).bind(connection.default_channel)
            queue.declare()
            queue.purge()
    return url


@pytest.fixture
def bench(tmp_path: Path, broker_url: str) -> Iterator[Bench]:
    rows = FakeRows(tmp_path / "rows.sqlite3")
    rows.create()
    made = Bench(tmp_path, broker_url, rows)
    yield made
    for publisher in made.publishers:
        publisher.close(5)
    for worker in made.workers:
        worker.process.kill()


@pytest.fixture
def rows(tmp_path: Path) -> FakeRows:
    made = FakeRows(tmp_path / "rows.sqlite3")
    made.create()
    return made


@pytest.fixture
async def fetch(rows: FakeRows) -> ScriptedFetch:
    return ScriptedFetch(rows)
