"""A RabbitMQ of the tests' own, with an Erlang port mapper of its own, so that a system's node never hears of it.

Knows the node's environment; refuses to know exchanges and queues.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import kombu

from tests.servers.process import OwnProcess, find_program, free_port

# The script on Debian's PATH changes to a system account and drops the environment; these are the package's own.
PACKAGE_FOLDERS = ("/usr/lib/rabbitmq/bin", "/usr/lib/rabbitmq/lib/*/sbin")
ERLANG_FOLDERS = ("/usr/lib/erlang/bin", "/usr/lib/erlang/erts-*/bin")
CONFIGURATION = """
listeners.tcp.1 = 127.0.0.1:{port}
disk_free_limit.absolute = 1MB
log.console = true
log.console.level = warning
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """The three ports of a node: AMQP, Erlang distribution, port mapper."""

    amqp: int
    distribution: int
    mapper: int


@dataclass(slots=True)
class RabbitMQ:
    """A running node; `url` is that of its first virtual host."""

    PROGRAM: ClassVar[str] = "rabbitmq-server"

    _ports: Ports
    _folder: Path
    _mapper: OwnProcess
    _node: OwnProcess

    @classmethod
    def start(cls, folder: Path) -> Self:
        """Serve from the (new) folder. Raises ServerMissing and ServerFailed."""
        find_program(cls.PROGRAM, *PACKAGE_FOLDERS)
        mapper_program = find_program("epmd", *ERLANG_FOLDERS)
        folder.mkdir(parents=True, exist_ok=True)
        ports = Ports(free_port(), free_port(), free_port())
        (folder / "node.conf").write_text(CONFIGURATION.format(port=ports.amqp))
        (folder / "enabled_plugins").write_text("[].")
        # Started by us and kept in the foreground: the one that Erlang starts by itself would outlive the node.
        mapper = OwnProcess.start([mapper_program, "-port", str(ports.mapper), "-address", "127.0.0.1"], folder, {})
        return cls(ports, folder, mapper, _serve(folder, ports))

    @property
    def url(self) -> str:
        """Return the URL of the virtual host `/`, as RabbitMQ's first user."""
        return f"amqp://guest:guest@127.0.0.1:{self._ports.amqp}//"

    @property
    def pid(self) -> int:
        """Return the id of the node."""
        return self._node.pid

    def stop(self) -> None:
        """Shut down the node and its port mapper."""
        self._node.end()
        self._mapper.end()

    def kill(self) -> None:
        """Kill the node at once; its port mapper stays."""
        self._node.kill()

    def restart(self, *, empty: bool = False) -> None:
        """Stop the node where it runs, and serve again on the same port, with what it kept on disk unless `empty`."""
        self._node.end()
        if empty:
            shutil.rmtree(self._folder / "mnesia")
        self._node = _serve(self._folder, self._ports)

    def pause(self) -> None:
        """Freeze the node."""
        self._node.pause()

    def resume(self) -> None:
        """Let it go on."""
        self._node.resume()


def _serve(folder: Path, ports: Ports) -> OwnProcess:
    program = find_program(RabbitMQ.PROGRAM, *PACKAGE_FOLDERS)
    node = OwnProcess.start([program], folder, _environment(folder, ports))
    node.wait_until(lambda: _answers(ports.amqp))
    return node


def _environment(folder: Path, ports: Ports) -> dict[str, str]:
    return {
        "HOME": str(folder),  # the Erlang cookie is made there
        "ERL_EPMD_PORT": str(ports.mapper),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",  # else the system's own is read
        "RABBITMQ_CONFIG_FILE": str(folder / "node"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_FEATURE_FLAGS_FILE": str(folder / "mnesia" / "feature_flags"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_PID_FILE": str(folder / "node.pid"),
        "RABBITMQ_NODENAME": f"vestibule-{ports.amqp}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(ports.amqp),
        "RABBITMQ_DIST_PORT": str(ports.distribution),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }


def _answers(port: int) -> bool:
    connection = kombu.Connection(f"amqp://guest:guest@127.0.0.1:{port}//", connect_timeout=5)
    try:
        opened = connection.transport.establish_connection()  # one try; `connect` would sleep between two
    except connection.connection_errors:
        return False
    opened.close()
    return True
