"""An installation for the benchmark: its own PostgreSQL, one partner, one campaign, the processes that are measured."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any, LiteralString

import psycopg

from tests.servers.postgres import Postgres
from tests.servers.process import free_port

CAMPAIGN_ID = "945645"
PARTNER_ID = "acme"
_START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Installation:
    """Where it runs, and the environment of its processes."""

    environment: Mapping[str, str]
    port: int
    admin_port: int

    def command(self, *arguments: str, standard_input: str | None = None) -> str:
        """Run `python ARGUMENTS` in the installation's environment and return what it prints."""
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, env=self.environment, input=standard_input, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)} failed: {done.stderr[-2000:]}")
        return done.stdout

    def procfile(self, name: str) -> list[str]:
        """Return the arguments for `python` that start the Procfile's process of that name."""
        lines = dict(line.split(": ", 1) for line in Path("Procfile").read_text(encoding="utf-8").splitlines() if line)
        return ["-m", *lines[name].split()]

    def query(self, statement: LiteralString) -> Any:
        """Return the one value that a query gives."""
        with psycopg.connect(self.environment["VESTIBULE_DATABASE_URL"].replace("+psycopg", "")) as connection:
            row = connection.execute(statement).fetchone()
            return row[0] if row else None

    @contextmanager
    def process(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run `python ARGUMENTS` beside the benchmark, and end it by SIGTERM."""
        command = [sys.executable, *arguments]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=self.environment, stdin=pipe, stdout=pipe, text=True) as process:
            try:
                yield process
            finally:
                process.terminate()
                process.wait(_START_SECONDS)


@contextmanager
def installed(folder: Path, partner: Mapping[str, object]) -> Iterator[Installation]:
    """Yield a migrated installation on a PostgreSQL of its own, with `partner` and a campaign of it."""
    postgres = Postgres.start(folder / "postgres")
    try:
        installation = _environment(folder, postgres.create_database())
        installation.command("-m", "app", "migrate")
        campaign = {"partner_id": PARTNER_ID, "name": "Benchmark"}
        for kind, id_, document in (("partner", PARTNER_ID, partner), ("campaign", CAMPAIGN_ID, campaign)):
            installation.command("-m", "app", kind, "put", id_, "-", standard_input=json.dumps(document))
        yield installation
    finally:
        postgres.stop()


def wait_until_it_answers(url: str) -> None:
    """Wait until `url` answers at all."""
    deadline = monotonic() + _START_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310 - a loopback URL of our own
        except urllib.error.HTTPError:
            return
        except OSError:
            if monotonic() > deadline:
                raise
            sleep(0.05)
        else:
            return


def _environment(folder: Path, database_url: str) -> Installation:
    port, admin_port = free_port(), free_port()
    ours = {name: value for name, value in os.environ.items() if not name.startswith("VESTIBULE_")}
    settings = {
        "DATABASE_URL": database_url,
        "DATA_DIR": str(folder / "data"),
        "MASTER_KEYS": "0" * 64,
        "PORT": str(port),
        "ADMIN_PORT": str(admin_port),
        "LOG_LEVEL": "warning",
    }
    return Installation({**ours, **{f"VESTIBULE_{name}": value for name, value in settings.items()}}, port, admin_port)
