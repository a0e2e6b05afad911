"""An installation for the benchmark: its own database, one partner, one campaign, the processes of the Procfile."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, LiteralString

import psycopg

from app.cli.wiring import opened
from app.management_ports import DocumentKind
from app.settings import load_settings
from app.steps.authorize import LOCAL_CALLER
from bench.cpu import cpu_seconds_by_role
from bench.servers import Servers, process, wait_until_it_answers
from tests.servers.process import free_port

CAMPAIGN_ID: Final = "945645"
PARTNER_ID: Final = "acme"
VERIFY_PROCESSES: Final = max(1, (os.cpu_count() or 1) // 2)
"""Half as many as there are cores, which all processes share: fewer claims of more rows."""
WEB_PROCESSES: Final = int(os.environ.get("WEB_PROCESSES", VERIFY_PROCESSES))
"""Likewise: one event loop keeps nearly a core busy, everything else of a participant takes the other."""
_LOOK_SECONDS: Final = 0.25
_CALM_LOOKS: Final = 4
_MOST_LOOKS: Final = 120
_CALM_SHARE: Final = 0.1
WORKERS: Final = ("beat", "verify", "fetch", "upkeep")
"""Beat first: its first tick, five seconds later, imports what it sends with, and should be over by then."""


@dataclass(frozen=True, slots=True)
class Running:
    """The processes that run, by role (a role may have several), and the servers' beside them."""

    pids: Mapping[str, Sequence[int]]

    def cpu(self) -> dict[str, float]:
        """Return the CPU seconds that each role has used so far."""
        return cpu_seconds_by_role(self.pids)

    def wait_until_calm(self) -> None:
        """Wait until nobody works any more: what a process spends on its start belongs to no participant."""
        calm_looks = 0
        for _ in range(_MOST_LOOKS):
            before = sum(self.cpu().values())
            time.sleep(_LOOK_SECONDS)
            is_calm = sum(self.cpu().values()) - before < _LOOK_SECONDS * _CALM_SHARE
            calm_looks = calm_looks + 1 if is_calm else 0
            if calm_looks == _CALM_LOOKS:  # one alone may only mean that others kept the machine
                return


@dataclass(frozen=True, slots=True)
class Installation:
    """Where it runs, and the environment of its processes."""

    servers: Servers
    environment: Mapping[str, str]
    port: int

    @property
    def database_url(self) -> str:
        """Return where the database is, as libpq spells it."""
        return self.environment["VESTIBULE_DATABASE_URL"].replace("+psycopg", "")

    def command(self, *arguments: str) -> str:
        """Run `vestibule ARGUMENTS` and return what it prints."""
        environment = {**os.environ, **self.environment}
        command = [sys.executable, "-m", "app", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)} failed: {done.stderr[-2000:]}")
        return done.stdout

    def set_up(self, partner: Mapping[str, object]) -> None:
        """Migrate, and store `partner` and a campaign of it."""
        self.command("migrate")
        self.put(PARTNER_ID, partner, CAMPAIGN_ID, {"name": "Benchmark"})

    def put(
        self, partner_id: str, partner: Mapping[str, object], campaign_id: str, campaign: Mapping[str, object]
    ) -> None:
        """Store a partner and a campaign of it, as `vestibule … put` does, without a process for each."""
        with opened(load_settings(self.environment)) as wiring:
            wiring.configure.put(DocumentKind.PARTNER, partner_id, partner, LOCAL_CALLER)
            document = {**campaign, "partner_id": partner_id}
            wiring.configure.put(DocumentKind.CAMPAIGN, campaign_id, document, LOCAL_CALLER)

    def query(self, statement: LiteralString, *parameters: object) -> Any:
        """Return the first value that a statement gives, committed; None if it gives none."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(statement, parameters)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    @contextmanager
    def running(self, *workers: str, web: int = WEB_PROCESSES) -> Iterator[Running]:
        """Run `web` web processes that share the port, and the named ones of the Procfile, all of them by default."""
        with ExitStack() as stack:
            pids = {role: [pid] for role, pid in self.servers.pids().items()}
            for role in workers or WORKERS:
                pids[role] = [self._start(stack, role, [sys.executable, "-m", *_procfile(role)])]
            admin_ports = [free_port() for _ in range(web)]
            for number, admin_port in enumerate(admin_ports):
                options = ["--admin-port", str(admin_port), "--reuse-port"]
                pid = self._start(stack, f"web-{number}", [sys.executable, "-m", "app", "web", *options])
                pids.setdefault("web", []).append(pid)
            for admin_port in admin_ports:
                wait_until_it_answers(f"http://127.0.0.1:{admin_port}/health/live")
            yield Running(pids)

    def _start(self, stack: ExitStack, name: str, command: Sequence[str]) -> int:
        return stack.enter_context(process(command, self.environment, self.servers.folder / f"{name}.log"))


def install(servers: Servers, database_url: str, number: int, **settings: str) -> Installation:
    """Return an installation on that database, whatever it holds; `number` is its database of Redis."""
    port = free_port()
    ours = {
        "DATABASE_URL": database_url,
        "BROKER_URL": servers.redis_url(number),
        "DATA_DIR": str(servers.folder / f"data-{number}"),
        "MASTER_KEYS": "0" * 64,
        "PORT": str(port),
        "PRIVATE_URL_CIDRS": "127.0.0.0/8",
        "VERIFY_PROCESSES": str(VERIFY_PROCESSES),
        **settings,
    }
    return Installation(servers, {f"VESTIBULE_{name}": value for name, value in ours.items()}, port)


def _procfile(name: str) -> list[str]:
    lines = dict(line.split(": ", 1) for line in Path("Procfile").read_text(encoding="utf-8").splitlines() if line)
    return lines[name].split()
