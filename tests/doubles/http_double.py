"""An HTTP server that answers every request as told, byte by byte, however badly; it listens on a free port."""

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)")


@dataclass
class HttpDouble:
    """What the server has seen; `requests` holds each request whole, head and body."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)

    def header(self, name: str, request: int = -1) -> str | None:
        """Return a header, `name` in lower case, of a request, the last one by default."""
        lines = self.requests[request].partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n")[1:]
        return {key.lower(): value for key, _, value in (line.partition(": ") for line in lines)}.get(name)


@asynccontextmanager
async def serving(
    behaviour: Behaviour | bytes, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[HttpDouble]:
    """Serve until the end of the block; bytes are an answer, sent whole to each request."""
    double = HttpDouble()
    answer = sends(behaviour) if isinstance(behaviour, bytes) else behaviour
    handlers: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        double.connections += 1
        handlers.add(asyncio.get_running_loop().create_task(_converse(double, answer, reader, writer)))

    server = await asyncio.start_server(accept, host, 0, ssl=tls, backlog=1024)
    double.port = server.sockets[0].getsockname()[1]
    try:
        yield double
    finally:
        server.close()
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)


def http_answer(body: bytes = b"{}", status: str = "200 OK", **headers: str) -> bytes:
    """Return a well-formed JSON answer; underscores in names of `headers` stand for hyphens."""
    named = {"content-type": "application/json", "content-length": str(len(body))}
    named |= {name.replace("_", "-").lower(): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


def sends(data: bytes) -> Behaviour:
    """Send `data`."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return behave


def sends_then_ends(data: bytes) -> Behaviour:
    """Send `data` and close the connection in good order."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        await sends(data)(writer)
        writer.close()

    return behave


def sends_then_half_closes(data: bytes) -> Behaviour:
    """Send `data`, say that no more will come, and keep the connection."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        await sends(data)(writer)
        writer.write_eof()

    return behave


def sends_then_resets(data: bytes) -> Behaviour:
    """Send `data` and reset the connection."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        await sends(data)(writer)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return behave


def sends_then_repeats(data: bytes, piece: bytes, pause_seconds: float = 0.0) -> Behaviour:
    """Send `data`, then `piece` for ever."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        await sends(data)(writer)
        while not writer.is_closing():
            await sends(piece)(writer)
            await asyncio.sleep(pause_seconds)

    return behave


async def _converse(
    double: HttpDouble, behave: Behaviour, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        while not writer.is_closing():
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            double.requests.append(head + await reader.readexactly(int(length[1]) if length else 0))
            await behave(writer)
    except (OSError, asyncio.IncompleteReadError):
        pass  # the client has gone, as some tests want it to
    finally:
        writer.close()
