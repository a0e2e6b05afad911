"""The oldest version of this service that works beside this one, taken from the history of the project.

Knows git; refuses to know what the version does.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.journey.deployment import ROOT
from tests.servers.process import ServerMissing

_VERSIONS = ROOT / "migrations" / "versions"
_SEALED_BY_SALT = ROOT / "docs" / "decisions" / "0041-a-subkey-seals-a-million-values.md"
"""What is sealed since this was decided is opened by the version before it, and by none before that."""


@dataclass(frozen=True, slots=True)
class EarlierVersion:
    """A tree of it."""

    tree: Path

    @classmethod
    def unpack(cls, folder: Path) -> Self:
        """Unpack the one before the last migration or that decision, whichever is later; raise ServerMissing."""
        turns = (str(max(_VERSIONS.glob("[0-9]*.py"))), str(_SEALED_BY_SALT))
        added = _git("log", "--diff-filter=A", "--format=%H", "--", *turns).split()
        if not added:
            raise ServerMissing("the project's history")
        packed = folder / "tree.tar"
        _git("archive", f"--output={packed}", f"{added[0]}^", "app", "workers", "migrations")
        tree = folder / "tree"
        tree.mkdir()
        subprocess.run(["tar", "-xf", str(packed), "-C", str(tree)], check=True)
        return cls(tree)

    @property
    def prefix(self) -> list[str]:
        """Return the words before a command that is to run this version."""
        return ["env", f"PYTHONPATH={self.tree}"]

    @property
    def workers(self) -> Path:
        """Return where the workers come from that a command behind the prefix imports."""
        imported = [*self.prefix, sys.executable, "-c", "import workers; print(workers.__file__)"]
        return Path(subprocess.run(imported, cwd=self.tree, capture_output=True, text=True, check=True).stdout.strip())


def _git(*arguments: str) -> str:
    """Return what git says; raise ServerMissing where it knows no history."""
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise ServerMissing("the project's history") from error
    return done.stdout
