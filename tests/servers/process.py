"""One server process of the tests' own: started, watched, paused and ended, together with everything below it.

Knows processes and ports; refuses to know which server it runs.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.servers.account import Account
from tests.servers.tree import Member, members_of, send

READY_WITHIN_SECONDS = 90.0  # RabbitMQ takes 7 s on an idle machine of two cores
POLL_SECONDS = 0.05
LOG_TAIL_CHARACTERS = 2_000
# Below every system's ephemeral range: no client is handed the port of a server that is just being restarted.
PORTS = range(17_000, 32_000)
PORTS_VARIABLE = "TEST_PORTS"
"""Names the ports of this run alone, `20000-24000`, where several run side by side."""


class ServerMissing(Exception):
    """The program is not installed on this machine; its name is the only argument."""


class ServerFailed(Exception):
    """The server ended or did not answer in time; the argument says which, with the end of its log."""


def find_program(name: str, *folders: str) -> Path:
    """Find a program in the folders (glob patterns under the root, the newest version first), then on the PATH."""
    for pattern in folders:
        found = sorted(Path("/").glob(f"{pattern.lstrip('/')}/{name}"), key=_version_of, reverse=True)
        if found:
            return found[0]
    on_path = shutil.which(name)
    if on_path is None:
        raise ServerMissing(name)
    return Path(on_path)


def _version_of(path: Path) -> list[int]:
    return [int(part) for part in path.parts if part.isdecimal()]


def free_port() -> int:
    """Pick a port of 127.0.0.1 that nobody listens on, and that this run has not picked before."""
    for port in _PORTS_LEFT:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise ServerFailed("every port of this run has been used")


def _shuffled_ports() -> Iterator[int]:
    first, last = os.environ.get(PORTS_VARIABLE, f"{PORTS.start}-{PORTS.stop}").split("-")
    ports = range(int(first), int(last))
    return iter(random.sample(ports, len(ports)))


_PORTS_LEFT = _shuffled_ports()


@dataclass(slots=True)
class OwnProcess:
    """A process that we started; `pid` stays known after its end."""

    name: str
    log: Path
    _process: subprocess.Popen[bytes]

    @classmethod
    def start(
        cls, command: Sequence[str | Path], folder: Path, environment: Mapping[str, str], account: Account | None = None
    ) -> "OwnProcess":
        """Start the command in the folder, in a session of its own, its output appended to `<name>.log` there."""
        name = Path(command[0]).name
        log = folder / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={"PATH": os.environ.get("PATH", os.defpath), **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **(account.as_popen_arguments() if account else {}),
            )
        return cls(name, log, process)

    @property
    def pid(self) -> int:
        """Return the id of the process."""
        return self._process.pid

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait until `ready` says True; end the process and raise ServerFailed when it dies or takes too long."""
        give_up_at = time.monotonic() + READY_WITHIN_SECONDS
        while not ready():
            with suppress(subprocess.TimeoutExpired):
                status = self._process.wait(POLL_SECONDS)
                raise ServerFailed(f"{self.name} ended with status {status}:\n{self._tail()}")
            if time.monotonic() > give_up_at:
                self.kill()
                raise ServerFailed(f"{self.name} did not answer within {READY_WITHIN_SECONDS:g} s:\n{self._tail()}")

    def end(self, sign: signal.Signals = signal.SIGTERM, grace_seconds: float = 30.0) -> None:
        """Ask the process to end; kill it and everything below it after the grace. Ended already is fine."""
        if self._process.poll() is not None:
            return
        everything = members_of(self.pid)
        self.resume()
        self._process.send_signal(sign)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_seconds)
        self._kill(everything)

    def kill(self) -> None:
        """Kill the process and everything below it, at once."""
        if self._process.poll() is None:
            self._kill(members_of(self.pid))

    def pause(self) -> None:
        """Freeze the process and everything below it (SIGSTOP)."""
        send(signal.SIGSTOP, members_of(self.pid))

    def resume(self) -> None:
        """Let the process and everything below it go on (SIGCONT)."""
        send(signal.SIGCONT, members_of(self.pid))

    def _kill(self, everything: Sequence[Member]) -> None:
        send(signal.SIGKILL, everything)
        self._process.wait()

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-LOG_TAIL_CHARACTERS:]
