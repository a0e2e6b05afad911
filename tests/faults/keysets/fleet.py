"""More processes of one role than the Procfile's one, each with a log of its own; and which of them holds a connection.

Knows processes and /proc; refuses to know what they do.
"""

import json
import shlex
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from tests.journey.deadline import eventually
from tests.journey.deployment import Deployment, commands
from tests.servers.process import OwnProcess
from tests.servers.tree import members_of, send

_STARTED_WITHIN_SECONDS = 90.0


@contextmanager
def more_processes(
    deployment: Deployment, role: str, number: int, settings: Mapping[str, str] | None = None
) -> Iterator[list[OwnProcess]]:
    """Run so many more processes of a role beside the deployment's own until the end of the block."""
    changes = {f"VESTIBULE_{name}": value for name, value in (settings or {}).items()}
    started: list[OwnProcess] = []
    try:
        for _ in range(number):
            folder = Path(mkdtemp(prefix=f"{role}-more-", dir=deployment.folder))
            environment = {**deployment.environment(role), **changes}
            started.append(OwnProcess.start(shlex.split(commands()[role]), folder, environment))
        for process in started:
            eventually(lambda p=process: events(p, "worker.started"), _STARTED_WITHIN_SECONDS, f"{role} started")  # type: ignore[misc] # mypy infers no lambda with a default
        yield started
    finally:
        send(signal.SIGTERM, [member for process in started for member in members_of(process.pid)[:1]])
        for process in started:
            process.end()


def events(process: OwnProcess, name: str) -> list[dict[str, Any]]:
    """Return the log lines of that event, oldest first; lines of others, and half-written ones, are passed over."""
    lines = process.log.read_text(errors="replace").splitlines()
    found = [json.loads(line) for line in lines if f'"{name}"' in line and line.endswith("}")]
    return [event for event in found if event["event"] == name]


def holder_of(port: int, processes: Sequence[OwnProcess]) -> OwnProcess:
    """Return which of the processes has the local end of a TCP connection from that port of loopback."""
    inode = _inode_of(port)
    return next(
        process for process in processes if any(inode in _sockets(member.pid) for member in members_of(process.pid))
    )


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process has held so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) * 1024


def _inode_of(port: int) -> str:
    local = f"0100007F:{port:04X}"
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return next(row[9] for row in rows if row[1] == local and row[9] != "0")


def _sockets(pid: int) -> set[str]:
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            found.add(target[8:-1])
    return found
