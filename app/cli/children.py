"""One child process of the supervisor: started in a session of its own, heard line by line, asked to end, killed.

Knows signals and pipes; refuses to know why a process is wanted, or when it is started again.
"""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

Say = Callable[[str, str], None]
"""Prints one line of the program of that name."""

_PR_SET_PDEATHSIG: Final = 1  # prctl(2)
# Loaded here, since after a fork there may be no time and no lock to load anything.
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Program:
    """A program by its name and its command line, as the Procfile has it."""

    name: str
    command: str


class Child:
    """A started program; `ended` holds its exit status (negative: the signal that killed it) once it is over."""

    def __init__(self, program: Program, transport: asyncio.SubprocessTransport, lines: "_Lines") -> None:
        self.program = program
        self.pid: Final = transport.get_pid()
        self._transport = transport
        self._lines = lines

    @classmethod
    async def start(cls, program: Program, environment: Mapping[str, str], folder: Path, say: Say) -> Self:
        """Start `program` in `folder`, its output going to `say`."""
        transport, lines = await asyncio.get_running_loop().subprocess_exec(
            lambda: _Lines(program.name, say),
            "/bin/sh",
            "-c",
            f"exec {program.command}",
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
            preexec_fn=_tie_to(os.getpid()),
        )
        return cls(program, transport, lines)

    async def end(self) -> int:
        """Wait until the main process has ended, kill what it left in its group, and return its exit status."""
        await asyncio.shield(self._lines.ended)
        self.kill_group()
        self._lines.flush()
        self._transport.close()
        status = self._transport.get_returncode()
        return 0 if status is None else status

    def ask_to_end(self) -> None:
        """Send SIGTERM to the main process alone: it knows how to end its own."""
        if not self._lines.ended.done():
            with suppress(ProcessLookupError):
                self._transport.terminate()

    def kill_group(self) -> None:
        """Send SIGKILL to everything in the process group."""
        with suppress(ProcessLookupError, PermissionError):  # PermissionError: only zombies are left, on macOS
            os.killpg(self.pid, signal.SIGKILL)


class _Lines(asyncio.SubprocessProtocol):
    """Cuts the output into lines, and notices the end at once, even if a grandchild still holds the pipe."""

    def __init__(self, name: str, say: Say) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._name = name
        self._say = say
        self._rest = b""

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        del fd
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._say(self._name, line.decode("utf-8", "replace").rstrip())

    def process_exited(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def flush(self) -> None:
        if self._rest:
            self._say(self._name, self._rest.decode("utf-8", "replace").rstrip())
            self._rest = b""


def _tie_to(parent: int) -> Callable[[], None] | None:
    """Return what makes a child end when its parent does, even by SIGKILL; None where the system cannot."""
    libc: Any = _LIBC
    if libc is None:
        return None

    def tie() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return tie
