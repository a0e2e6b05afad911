"""A PostgreSQL of the tests' own.

Knows initdb and the server's switches; refuses to know what is kept in it.
"""

import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Self

import psycopg
from psycopg import sql

from tests.servers.account import Account, find_unprivileged_account
from tests.servers.process import OwnProcess, ServerFailed, find_program, free_port

USER = "vestibule"
DEBIAN_FOLDERS = "/usr/lib/postgresql/*/bin"
SETTINGS: Mapping[str, str | int] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # the default folder belongs to the system's own server
    "max_connections": 200,  # several processes of ours, each with a pool
    "shared_buffers": "64MB",
    "log_min_messages": "warning",
    "fsync": "off",  # who kills processes loses nothing by it; only a machine that stops would
}


@dataclass(slots=True)
class Postgres:
    """A running server; `url` is the SQLAlchemy form of its first database."""

    PROGRAM: ClassVar[str] = "postgres"

    port: int
    _folder: Path
    _account: Account | None
    _settings: Mapping[str, str | int]
    _process: OwnProcess
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    @classmethod
    def start(cls, folder: Path, settings: Mapping[str, str | int] = MappingProxyType({})) -> Self:
        """Make a database cluster in the (new) folder and serve it; the account it runs under must reach the folder.

        `settings` add to SETTINGS or replace some of them. Raises ServerMissing and ServerFailed.
        """
        find_program(cls.PROGRAM, DEBIAN_FOLDERS)
        folder.mkdir(parents=True, exist_ok=True)
        account = find_unprivileged_account()
        if account:
            account.owns(folder)
        _initdb(folder, account)
        all_settings = {**SETTINGS, **settings, "port": free_port()}
        return cls(int(all_settings["port"]), folder, account, all_settings, _serve(folder, all_settings, account))

    @property
    def url(self) -> str:
        """Return the URL of the database `postgres`, which every cluster has."""
        return self._url_of("postgres")

    @property
    def pid(self) -> int:
        """Return the id of the postmaster."""
        return self._process.pid

    def create_database(self, template_url: str | None = None) -> str:
        """Make a new database, empty or a copy of another (that nobody is connected to), and return its URL."""
        name = f"test_{next(self._numbers)}"
        template = template_url.rpartition("/")[2] if template_url else "template1"
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return self._url_of(name)

    def drop_database(self, url: str) -> None:
        """Remove a database, and end whoever is connected to it."""
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(url.rpartition("/")[2])))

    def stop(self) -> None:
        """Shut down: connections end, what was committed stays."""
        self._process.end(signal.SIGINT)  # PostgreSQL's "fast" shutdown; SIGTERM would wait for every client

    def kill(self) -> None:
        """Kill every process of the server at once, as a power cut would."""
        self._process.kill()

    def restart(self) -> None:
        """Stop where it runs, and serve the same data on the same port."""
        self.stop()
        self._process = _serve(self._folder, self._settings, self._account)

    def pause(self) -> None:
        """Freeze every process of the server."""
        self._process.pause()

    def resume(self) -> None:
        """Let them go on."""
        self._process.resume()

    def _url_of(self, database: str) -> str:
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/{database}"

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(_address(self.port), autocommit=True) as connection:
            connection.execute(statement)


def _initdb(folder: Path, account: Account | None) -> None:
    program = find_program("initdb", DEBIAN_FOLDERS)
    switches = ["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=trust", f"--username={USER}"]
    finished = subprocess.run(
        [program, *switches, "--pgdata", folder / "data"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        **(account.as_popen_arguments() if account else {}),
    )
    if finished.returncode:
        raise ServerFailed(f"initdb ended with status {finished.returncode}:\n{finished.stderr}")


def _serve(folder: Path, settings: Mapping[str, str | int], account: Account | None) -> OwnProcess:
    switches = [f"--{name}={value}" for name, value in settings.items()]
    program = find_program(Postgres.PROGRAM, DEBIAN_FOLDERS)
    process = OwnProcess.start([program, "-D", folder / "data", *switches], folder, {}, account)
    process.wait_until(lambda: _answers(int(settings["port"])))
    return process


def _answers(port: int) -> bool:
    try:
        psycopg.connect(_address(port)).close()
    except psycopg.OperationalError:
        return False
    return True


def _address(port: int) -> str:
    return f"host=127.0.0.1 port={port} user={USER} dbname=postgres connect_timeout=5"
