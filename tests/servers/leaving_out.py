"""Starting a server for the tests, or leaving them out and saying so.

In CI (`CI` is set) a missing program fails; elsewhere its tests are skipped, and the end of the run names what was left
out.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from tests.servers.process import ServerMissing

_LEFT_OUT = pytest.StashKey[set[str]]()


class Server(Protocol):
    """What the three servers have in common, as far as a fixture asks."""

    def stop(self) -> None:
        """Shut down."""


_S = TypeVar("_S", bound=Server)
_F = TypeVar("_F")


@contextmanager
def running(start: Callable[[Path], _S], folder: Path, stash: pytest.Stash) -> Iterator[_S]:
    """Start the server in the folder, stop it at the end; skip (in CI: fail) the test when the program is missing."""
    server = found(lambda: start(folder), stash)
    try:
        yield server
    finally:
        server.stop()


def found(find: Callable[[], _F], stash: pytest.Stash) -> _F:
    """Return what a test needs of this machine; skip (in CI: fail) the test when it is missing."""
    try:
        return find()
    except ServerMissing as missing:
        name = str(missing)
        if os.environ.get("CI"):
            pytest.fail(f"{name} is missing; ops/install-test-needs installs it", pytrace=False)
        stash.setdefault(_LEFT_OUT, set()).add(name)
        pytest.skip(f"{name} is missing")


def left_out_lines(stash: pytest.Stash) -> list[str]:
    """Return one line for each program whose tests were left out."""
    names: set[str] = stash.setdefault(_LEFT_OUT, set())
    return [f"left out: every test that needs {name}" for name in sorted(names)]
