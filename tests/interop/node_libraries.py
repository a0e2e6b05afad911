"""Node.js beside the tests: npm packages installed from the committed lock, and one process that does many jobs.

Knows npm and the protocol of `node/libraries.mjs`; refuses to know what the jobs are good for.
"""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from tests.servers.process import ServerMissing, find_program

SOURCES = Path(__file__).with_name("node")
OLDEST_NODE = 20
_SWITCHES = ("--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", "--silent")
_INSTALLED_WITHIN_SECONDS = 90


class PeerRefused(Exception):
    """The library did not do the job; the argument is what it says."""


def find_node() -> Path:
    """Return a Node.js that is new enough for the packages; raise ServerMissing."""
    node = find_program("node")
    version = subprocess.run([node, "--version"], check=True, capture_output=True, text=True).stdout
    if int(version.strip().lstrip("v").split(".")[0]) < OLDEST_NODE:
        raise ServerMissing(f"node {OLDEST_NODE}")
    return node


def install_packages(folder: Path) -> None:
    """Install what the lock pins into the folder; raise ServerMissing."""
    npm = find_program("npm")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "libraries.mjs"):
        shutil.copy(SOURCES / name, folder)
    try:
        subprocess.run(
            [npm, "ci", *_SWITCHES], cwd=folder, check=True, capture_output=True, timeout=_INSTALLED_WITHIN_SECONDS
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise ServerMissing("the npm packages of tests/interop/node") from None


@dataclass(slots=True)
class NodeLibraries:
    """A running process with the npm libraries; `folder` holds them in `node_modules`."""

    NAMES: ClassVar[tuple[str, ...]] = ("jose", "jsonwebtoken", "node-jose")

    node: Path
    folder: Path
    _process: subprocess.Popen[str]

    @classmethod
    def start(cls, folder: Path) -> Self:
        """Install the libraries into the folder and start; raise ServerMissing."""
        node = find_node()
        install_packages(folder)
        with (folder / "node.log").open("w") as log:
            process = subprocess.Popen(
                [node, "libraries.mjs"],
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        return cls(node, folder, process)

    def ask(self, library: str, act: str, **job: Any) -> str:
        """Have a library do one job and return the text that comes of it; raise PeerRefused."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"library": library, "act": act, **job}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, (self.folder / "node.log").read_text()
        answer = json.loads(line)
        if "error" in answer:
            raise PeerRefused(answer["error"])
        return str(answer["text"])

    def stop(self) -> None:
        """End it."""
        self._process.communicate(timeout=10)
