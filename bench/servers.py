"""PostgreSQL and Redis of the benchmark's own, set up as for production, and the processes that are measured."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.error import HTTPError
from urllib.request import urlopen

from bench.disk import keep_log_files, make_log_files, written_back_steadily
from tests.servers.postgres import Postgres
from tests.servers.redis import Redis

POSTGRES_SETTINGS: Final[Mapping[str, str | int]] = {
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
    "min_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "fsync": "on",
    "max_connections": 300,
}
"""What any installation would set on a machine of some memory; commits stay synchronous and on disk."""
_START_SECONDS: Final = 30.0
_END_SECONDS: Final = 40.0
_TAIL_CHARACTERS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Servers:
    """The two servers; `folder` takes the logs of everything."""

    folder: Path
    postgres: Postgres
    redis: Redis

    def pids(self) -> dict[str, int]:
        """Return their processes by role."""
        return {"postgresql": self.postgres.pid, "redis": self.redis.pid}

    def create_database(self, template_url: str | None = None) -> str:
        """Return the URL of a new database, empty or a copy, made once what came before it is on the disk."""
        keep_log_files(self.postgres.url)
        return self.postgres.create_database(template_url)

    def redis_url(self, number: int) -> str:
        """Return the URL of a numbered database of Redis."""
        return self.redis.url.removesuffix("0") + str(number)


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """Yield PostgreSQL and Redis, started in `folder`."""
    postgres = Postgres.start(folder / "postgres", POSTGRES_SETTINGS)
    try:
        make_log_files(postgres.url)
        redis = Redis.start(folder / "redis")
        try:
            with written_back_steadily():
                yield Servers(folder, postgres, redis)
        finally:
            redis.stop()
    finally:
        postgres.stop()


@contextmanager
def process(
    command: Sequence[str | Path], environment: Mapping[str, str], log: Path, folder: Path | None = None
) -> Iterator[int]:
    """Run `command` beside the benchmark, its output appended to `log`; yield its id, and end it by SIGTERM."""
    with (
        log.open("ab") as output,
        subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
        ) as running,
    ):
        try:
            yield running.pid
        except BaseException:
            print(log.read_text(errors="replace")[-_TAIL_CHARACTERS:], file=sys.stderr)
            raise
        finally:
            running.terminate()
            try:
                running.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                running.kill()


def wait_until_it_answers(url: str) -> None:
    """Wait until `url` answers at all."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            urlopen(url, timeout=1).close()  # noqa: S310 - a loopback URL of our own
        except HTTPError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
