"""Chromium, found like a server so that a machine without it leaves its tests out by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.servers.process import ServerMissing, find_program

_NAMES = ("chromium", "chromium-browser", "google-chrome")
"""As ops/install-test-needs knows it."""


@dataclass(frozen=True, slots=True)
class Chromium:
    """The program; a test starts it by Playwright."""

    program: Path

    @classmethod
    def start(cls, _: Path) -> Self:
        """Find it; raise ServerMissing."""
        for name in _NAMES:
            try:
                return cls(find_program(name))
            except ServerMissing:
                continue
        raise ServerMissing(_NAMES[0])

    def stop(self) -> None:
        """Do nothing: nothing runs."""
