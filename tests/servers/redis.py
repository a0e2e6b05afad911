"""A Redis of the tests' own, which keeps nothing on disk: started again it is empty, as a lost broker is."""

from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import ClassVar, Self

import redis

from tests.servers.process import OwnProcess, find_program, free_port

DATABASES = 256
"""Enough for each deployment of the longest run to have one of its own; one that is empty costs nothing."""


@dataclass(slots=True)
class Redis:
    """A running server; `url` is that of its first database."""

    PROGRAM: ClassVar[str] = "redis-server"

    port: int
    _folder: Path
    _process: OwnProcess
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    @classmethod
    def start(cls, folder: Path) -> Self:
        """Serve from the (new) folder. Raises ServerMissing and ServerFailed."""
        find_program(cls.PROGRAM)
        folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        return cls(port, folder, _serve(folder, port))

    @property
    def url(self) -> str:
        """Return the URL of database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def create_database(self) -> str:
        """Return the URL of a database that nobody was given before, as long as there are any."""
        return f"{self.url.removesuffix('/0')}/{next(self._numbers)}"

    @property
    def pid(self) -> int:
        """Return the id of the server."""
        return self._process.pid

    def stop(self) -> None:
        """Shut down; what it held is gone."""
        self._process.end()

    def kill(self) -> None:
        """Kill the server at once."""
        self._process.kill()

    def restart(self) -> None:
        """Stop where it runs, and serve again on the same port, empty."""
        self.stop()
        self._process = _serve(self._folder, self.port)

    def pause(self) -> None:
        """Freeze the server."""
        self._process.pause()

    def resume(self) -> None:
        """Let it go on."""
        self._process.resume()


def _serve(folder: Path, port: int) -> OwnProcess:
    switches = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--databases", str(DATABASES)]
    switches += ["--save", "", "--appendonly", "no"]
    process = OwnProcess.start([find_program(Redis.PROGRAM), *switches], folder, {})
    process.wait_until(lambda: _answers(port))
    return process


def _answers(port: int) -> bool:
    with redis.Redis(host="127.0.0.1", port=port, socket_timeout=5) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False
