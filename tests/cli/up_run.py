"""`vestibule up` of a test's own: started, watched until it says what to open, ended by Ctrl-C."""

import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import OwnProcess, free_port

VESTIBULE = Path(sys.executable).parent / "vestibule"
LINK = re.compile(r"with a fresh token +(\S+)")


@dataclass(slots=True)
class Run:
    """One `vestibule up`; `started_in` is how long it took until it said what to open, in seconds."""

    process: OwnProcess
    started_in: float
    said: str

    @property
    def link(self) -> str:
        found = LINK.search(self.said)
        assert found is not None
        return found[1]

    @property
    def demo(self) -> str:
        found = re.search(r"with more links +(\S+)", self.said)
        assert found is not None
        return found[1]


def environment(folder: Path, port: int) -> dict[str, str]:
    return {
        "VESTIBULE_DATA_DIR": str(folder / "data"),
        "VESTIBULE_PORT": str(port),
        "VESTIBULE_ADMIN_PORT": str(free_port()),
    }


def start(folder: Path, port: int) -> Run:
    log = folder / "vestibule.log"
    already = log.stat().st_size if log.exists() else 0
    began_at = time.monotonic()
    process = OwnProcess.start([VESTIBULE, "up"], folder, environment(folder, port))

    def said() -> str:
        return log.read_bytes()[already:].decode()

    process.wait_until(lambda: "Ctrl-C stops everything" in said())
    return Run(process, time.monotonic() - began_at, said())
