"""What `vestibule up` runs and where: free addresses on loopback, the environment, the programs of the Procfile.

Starts nothing.
"""

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from honcho.environ import parse_procfile

import app
from app.cli.children import Program
from app.cli.local_ports import choose_port, is_loopback
from app.cli.outbound import LOOPBACK
from app.errors import ConfigurationError
from app.settings import PREFIX, Settings

DEMO: Final = "demo"
DEMO_HOST: Final = "127.0.0.1"
DEMO_PORT: Final = 8090
DRAIN_SECONDS: Final = 5
"""Less than the supervisor's grace, so that a process ends by itself."""
ROOT: Final = Path(app.__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything listens, once free ports are chosen, and what to say about those that were not free."""

    host: str
    port: int
    admin_host: str
    admin_port: int
    demo_port: int
    remarks: tuple[str, ...]

    @property
    def demo_url(self) -> str:
        """How browsers, and Vestibule, reach the demo partner."""
        return f"http://{DEMO_HOST}:{self.demo_port}"


def choose_addresses(settings: Settings) -> Addresses:
    """Return where to listen; raise ConfigurationError for a host that is not loopback, or if no port is free."""
    problems = [
        f"{PREFIX}{name}: {host} is not loopback, and `up` listens nowhere else; in production run the Procfile"
        for name, host in (("HOST", settings.host), ("ADMIN_HOST", settings.admin_host))
        if not is_loopback(host)
    ]
    if problems:
        raise ConfigurationError(tuple(problems))
    port = choose_port(settings.host, settings.port, ())
    admin_port = choose_port(settings.admin_host, settings.admin_port, {port})
    demo_port = choose_port(DEMO_HOST, DEMO_PORT, {port, admin_port})
    chosen = ((settings.port, port), (settings.admin_port, admin_port), (DEMO_PORT, demo_port))
    remarks = tuple(f"port {wanted} is taken; using {used}" for wanted, used in chosen if wanted not in (0, used))
    return Addresses(settings.host, port, settings.admin_host, admin_port, demo_port, remarks)


def child_environment(settings: Settings, addresses: Addresses, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the processes: `environ`, and what `up` decided; programs are found beside ours."""
    cidrs = [environ.get(f"{PREFIX}PRIVATE_URL_CIDRS", ""), *map(str, LOOPBACK)]
    defaults = {
        "LOG_FORMAT": "console" if sys.stdout.isatty() else "json",
        "WEB_GRACE_SECONDS": str(DRAIN_SECONDS),
        "DRAIN_SECONDS": str(DRAIN_SECONDS),
        "VERIFY_PROCESSES": str(max(1, _cores() // 2)),  # all others run on these cores too
    }
    decided = {
        "HOST": addresses.host,
        "PORT": str(addresses.port),
        "ADMIN_HOST": addresses.admin_host,
        "ADMIN_PORT": str(addresses.admin_port),
        "DATA_DIR": str(settings.data_dir.resolve()),
        "PRIVATE_URL_CIDRS": ",".join(filter(None, cidrs)),
    }
    return {
        **{f"{PREFIX}{name}": value for name, value in defaults.items()},
        **{name: value for name, value in environ.items() if name != "PORT"},
        **{f"{PREFIX}{name}": value for name, value in decided.items()},
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), environ.get("PATH", os.defpath))),
        "PYTHONUNBUFFERED": "1",
    }


def _cores() -> int:
    """Return how many cores we may use, which a container may limit; macOS limits none."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load_programs() -> dict[str, Program]:
    """Return the Procfile's programs by name; raise ConfigurationError if it is not beside the package."""
    try:
        text = (ROOT / "Procfile").read_text()
    except OSError:
        problem = f"{ROOT / 'Procfile'}: cannot be read; `vestibule up` runs from a checkout"
        raise ConfigurationError((problem,)) from None
    return {name: Program(name, command) for name, command in parse_procfile(text).processes.items()}


def demo_program(settings: Settings, addresses: Addresses) -> Program:
    """Return the demo partner, which stands in no Procfile: it is no part of the service."""
    options = {
        "--port": str(addresses.demo_port),
        "--data-dir": str(settings.data_dir),
        "--service-url": settings.base_url,
    }
    words = [sys.executable, "-m", "app.demo", *(word for option in options.items() for word in option)]
    return Program(DEMO, shlex.join(words))
