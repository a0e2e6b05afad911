"""Running what a guide says, as it stands there: only the ports and the servers are those of the test."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.architecture.sources import ROOT
from tests.journey.calls import call
from tests.servers.process import free_port


def own_folder(folder: Path) -> Path:
    """Return the folder, in which `.venv/bin/…` means what it means in the project's."""
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


def environment(folder: Path, port: int) -> dict[str, str]:
    """Return what the commands of a guide find around them."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "VESTIBULE_DATA_DIR": str(folder / "data"),
        "VESTIBULE_PORT": str(port),
        "VESTIBULE_ADMIN_PORT": str(free_port()),
    }


def bash(commands: str, folder: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the commands; raise CalledProcessError for the first that fails."""
    script = ["bash", "-euo", "pipefail", "-c", commands]
    return subprocess.run(script, cwd=folder, env=dict(environ), capture_output=True, text=True, check=True)


def named_blocks(guide: str) -> dict[str, str]:
    """Return the code of a guide by the file names that stand behind its languages."""
    blocks = re.findall(r"^```\w+ (\S+)\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    assert len({name for name, _ in blocks}) == len(blocks), "two blocks have one name"
    return dict(blocks)


def settled(base: str, opened: Mapping[str, str]) -> dict[str, Any]:
    """Return a session that was opened, once it is settled."""
    bearer = {"Authorization": f"Bearer {opened['session_key']}"}
    session: dict[str, Any] = call("GET", f"{base}/v1/sessions/{opened['session_id']}?wait=10", bearer).json()
    return session
