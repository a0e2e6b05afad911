"""Ports and addresses of this machine: which are free, and whether something answers there.

Speaks just enough HTTP/1.1 to ask a server of our own on loopback; never used for anything outside.
"""

import asyncio
import socket
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from app.domain.outside import host_in_url
from app.errors import ConfigurationError

_NEIGHBOURS: Final = 100
"""How far from the wanted port a free one is looked for: near enough to be recognised."""
_LAST_PORT: Final = 65535
_ANSWER_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer: its status, and its headers by lower-case name."""

    status: int
    headers: dict[str, str]


def is_loopback(host: str) -> bool:
    """Tell whether `host` is an address of this machine alone, or `localhost`."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def choose_port(host: str, wanted: int, others: Collection[int]) -> int:
    """Return `wanted` if it is free and not among `others`, else the next one that is; 0 asks for any.

    Raise ConfigurationError if there is none nearby.
    """
    if wanted == 0:
        return _any_port(host)
    for port in range(wanted, min(wanted + _NEIGHBOURS, _LAST_PORT + 1)):
        if port not in others and _is_free(host, port):
            return port
    raise ConfigurationError((f"no free port from {wanted} to {wanted + _NEIGHBOURS - 1} on {host}",))


async def ask(host: str, port: int, target: str) -> Answer | None:
    """Return the head of the answer to `GET target`, or None if nothing answers there (yet)."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            request = f"GET {target} HTTP/1.1\r\nHost: {host_in_url(host)}:{port}\r\nConnection: close\r\n\r\n"
            writer.write(request.encode())
            head = await reader.readuntil(b"\r\n\r\n")
    except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
        return None
    writer.close()
    status_line, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(status_line.split(" ")[1]), headers)


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a past connection blocks nothing
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _any_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
    return port
