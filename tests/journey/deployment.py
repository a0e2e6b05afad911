"""A deployment of the service: the processes of the Procfile, each in a session of its own, as an operator runs them.

Knows the Procfile, settings and signals; refuses to know what the processes do.
"""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.journey.calls import call
from tests.journey.deadline import eventually
from tests.servers.process import OwnProcess, ServerFailed, free_port
from tests.servers.tree import Member, members_of, send, still_running

ROOT = Path(__file__).resolve().parent.parent.parent
ADMIN_ID = "journey-admin"
ADMIN_SECRET = "journey-admin-secret-0123456789"
MASTER_KEY = "5a" * 32
ROLES = ("web", "verify", "fetch", "upkeep", "beat")
WORKERS = ("verify", "fetch", "upkeep")
_RELEASE_SECONDS = 60.0
_TAIL_LINES = 25
GRACE_SECONDS = 30.0
_CONNECTED = b"Connected to "
_DIGITS = "0123456789"
_SQLITE_HEAD = b"SQLite format 3"


@dataclass(slots=True)
class Deployment:
    """A running deployment on one database and one broker, with ports and folders of its own."""

    folder: Path
    settings: Mapping[str, str]
    role_settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    prefixes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Words before the command of a role: `env` with more variables, or a program that changes what it runs."""
    kills: int = 0
    port: int = field(default_factory=free_port)
    admin_port: int = field(default_factory=free_port)
    _running: dict[str, OwnProcess] = field(default_factory=dict)
    _left_behind: list[Member] = field(default_factory=list)

    @classmethod
    def start(
        cls,
        folder: Path,
        settings: Mapping[str, str],
        role_settings: Mapping[str, Mapping[str, str]] | None = None,
        prefixes: Mapping[str, Sequence[str]] | None = None,
        roles: Sequence[str] = ROLES,
    ) -> Self:
        """Migrate, start the processes of these roles and wait until the ingress is ready; raise ServerFailed."""
        folder.mkdir(parents=True, exist_ok=True)
        deployment = cls(folder, settings, role_settings or {}, prefixes or {})
        deployment._release()
        try:
            for role in roles:
                deployment.start_role(role)
            deployment.wait_until_ready()
            deployment.wait_until_connected()
        except ServerFailed:
            deployment.stop()
            raise
        return deployment

    @property
    def url(self) -> str:
        """Return the public address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin_url(self) -> str:
        """Return the address of health and metrics."""
        return f"http://127.0.0.1:{self.admin_port}"

    @property
    def data_dir(self) -> Path:
        """Return the data folder."""
        return self.folder / "data"

    @property
    def database_url(self) -> str:
        """Return the SQLAlchemy URL of the database."""
        return self.settings.get("DATABASE_URL") or f"sqlite:///{self._find_sqlite()}"

    def environment(self, role: str = "") -> dict[str, str]:
        """Return the environment of the process of that role."""
        named = {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "ADMIN_PORT": str(self.admin_port),
            "DATA_DIR": str(self.data_dir),
            "MASTER_KEYS": MASTER_KEY,
            "ADMIN_CLIENT_ID": ADMIN_ID,
            "ADMIN_CLIENT_SECRET": ADMIN_SECRET,
            "PRIVATE_URL_CIDRS": "127.0.0.0/8",
            **self.settings,
            **self.role_settings.get(role, {}),
        }
        return {
            **{f"VESTIBULE_{name}": value for name, value in named.items()},
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }

    def start_role(self, role: str) -> None:
        """Start the process of that role (`fetch2`: a second one of fetch); its output goes to a folder of its own."""
        folder = self.folder / role
        folder.mkdir(exist_ok=True)
        kind = role.rstrip(_DIGITS)
        command = [*self.prefixes.get(role, ()), *shlex.split(commands()[kind])]
        self._running[role] = OwnProcess.start(command, folder, self.environment(role))

    def wait_until_ready(self) -> None:
        """Wait until the ingress says that it is ready; raise ServerFailed with the logs."""
        self._running["web"].wait_until(self._is_ready)

    def wait_until_connected(self) -> None:
        """Wait until each worker has its broker, else all goes by sweeps; who logs only warnings does not tell."""
        for role, process in self._running.items():
            if role.rstrip(_DIGITS) in WORKERS and self.settings.get("LOG_LEVEL") != "warning":
                process.wait_until(lambda log=process.log: _CONNECTED in log.read_bytes())  # type: ignore[misc]

    def kill(self, role: str) -> None:
        """Kill the process of that role and everything below it, at once."""
        self.kills += 1
        self._running[role].kill()

    def kill_main(self, role: str) -> None:
        """Kill the main process of that role alone; what it leaves behind is killed when the deployment stops."""
        self.kills += 1
        process = self._running[role]
        main, *below = members_of(process.pid)
        self._left_behind += below
        send(signal.SIGKILL, [main])
        process._process.wait()

    def kill_child(self, role: str) -> None:
        """Kill one process below the main process of that role."""
        self.kills += 1
        main = self._running[role].pid
        children = eventually(lambda: members_of(main)[1:], 10, f"a child of {role}")
        send(signal.SIGKILL, children[:1])

    def terminate(self, role: str, grace_seconds: float = 30) -> int:
        """Send SIGTERM to the main process of that role and wait for its end; return its exit status."""
        process = self._running[role]
        process.end(signal.SIGTERM, grace_seconds)
        return int(process._process.returncode)

    def restart(self, role: str) -> None:
        """Start the role again where it has ended."""
        self.start_role(role)
        if role == "web":
            self.wait_until_ready()

    def has_ended(self, role: str) -> bool:
        """Tell whether the main process of that role has ended."""
        return self._running[role]._process.poll() is not None

    def pause(self, role: str) -> None:
        """Freeze the processes of a role."""
        self._running[role].pause()

    def resume(self, role: str) -> None:
        """Let them go on."""
        self._running[role].resume()

    def stop(self) -> list[str]:
        """Ask everything to end, once, kill what does not, and return the roles that had to be killed."""
        everything = [*self.members(), *self._left_behind]
        asked = {role: process for role, process in self._running.items() if process._process.poll() is None}
        for process in asked.values():
            process.resume()
            process._process.terminate()
        for process in asked.values():
            with suppress(subprocess.TimeoutExpired):
                process._process.wait(GRACE_SECONDS)
        send(signal.SIGKILL, everything)
        return [role for role, process in asked.items() if process._process.wait() == -signal.SIGKILL]

    def left_behind(self) -> list[Member]:
        """List what still runs of processes whose main process was killed alone."""
        return still_running(self._left_behind)

    def members(self, *roles: str) -> list[Member]:
        """List every process of those roles that runs, each main process before its children; by default of all."""
        return [member for role in roles or self._running for member in members_of(self._running[role].pid)]

    def logs(self) -> dict[str, str]:
        """Return what each role has logged so far."""
        return {role: process.log.read_text(errors="replace") for role, process in self._running.items()}

    def tails(self) -> str:
        """Return the last lines of each log, for a test that failed."""
        return "\n".join(
            f"--- {role}\n" + "\n".join(text.splitlines()[-_TAIL_LINES:]) for role, text in self.logs().items()
        )

    def _is_ready(self) -> bool:
        try:
            return call("GET", f"{self.admin_url}/health/ready", timeout_seconds=5).status == 200
        except ConnectionError:
            return False

    def _find_sqlite(self) -> Path:
        files = (path for path in self.data_dir.iterdir() if path.is_file())
        return next(path for path in files if path.read_bytes().startswith(_SQLITE_HEAD))

    def _release(self) -> None:
        finished = subprocess.run(
            shlex.split(commands()["release"]),
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=_RELEASE_SECONDS,
        )
        (self.folder / "release.log").write_text(finished.stdout + finished.stderr)
        if finished.returncode:
            raise ServerFailed(f"release ended with status {finished.returncode}:\n{finished.stderr[-4000:]}")


def commands() -> dict[str, str]:
    """Return the command lines of the Procfile by role."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {role.strip(): command.strip() for role, _, command in (line.partition(":") for line in lines if line)}
