"""Octets sent to the ingress as they are, and what it answers: no client library repairs them on the way."""

import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

_AT_ONCE = 16
_ANSWER_SECONDS = 3.0
"""After this a request that waits for more octets is told that there are none."""
_CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What came back: the statuses in order, and all octets; `closed` tells whether the server ended the connection."""

    statuses: tuple[int, ...]
    octets: bytes
    closed: bool


def send_raw(port: int, *pieces: bytes) -> RawAnswer:
    """Send the pieces one after the other and return all that is answered."""
    received = bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout=_ANSWER_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError):  # the server may hang up in the middle: that is an answer too
            for piece in pieces:
                connection.sendall(piece)
        closed = _receive(connection, received)
        if not closed:
            connection.settimeout(_CLOSE_SECONDS)
            connection.shutdown(socket.SHUT_WR)
            closed = _receive(connection, received)
    return RawAnswer(_statuses(bytes(received)), bytes(received), closed)


def send_all_raw(port: int, requests: Mapping[str, bytes]) -> dict[str, RawAnswer]:
    """Send each request on a connection of its own, several at once, and return the answers by name."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        answers = threads.map(lambda octets: send_raw(port, octets), requests.values())
        return dict(zip(requests, answers, strict=True))


def request(target: bytes, *headers: bytes, method: bytes = b"GET", body: bytes = b"") -> bytes:
    """Return a request of HTTP/1.1 that ends its connection."""
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: vestibule.test", b"Connection: close", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _receive(connection: socket.socket, received: bytearray) -> bool:
    """Collect what comes; tell whether the server ended the connection, rather than let us wait."""
    try:
        while octets := connection.recv(65536):
            received += octets
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


def _statuses(octets: bytes) -> tuple[int, ...]:
    lines = octets.split(b"\r\n")
    return tuple(int(line.split(b" ")[1]) for line in lines if line.startswith(b"HTTP/1."))
