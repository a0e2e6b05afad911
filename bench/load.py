"""A light HTTP/1.1 load client: keep-alive connections, one request in flight on each, prebuilt bytes.

Runs as a process of its own (`python -m bench.load JOB RESULT`), so that its cost can be told from the server's.
Reads a job from a JSON file: host, port, connections, and the requests as a list of texts; each is sent once. Writes a
Result as JSON.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import cast

import uvloop

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


@dataclass(frozen=True, slots=True)
class Job:
    """What is sent: `requests` are whole HTTP messages, each sent once over one of `connections`."""

    host: str
    port: int
    connections: int
    requests: Sequence[str]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a job: seconds in all, answers by status, percentiles of the latency in milliseconds, the bodies."""

    seconds: float
    statuses: dict[str, int]
    p50_ms: float
    p99_ms: float
    bodies: list[str]


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as the answer to the last one is whole."""

    def __init__(self, requests: Iterator[bytes], record: "_Record", done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._record = record
        self._done = done
        self._buffer = b""
        self._sent_at = 0.0
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(_HEAD_END)
        if head_end < 0:
            return
        head = self._buffer[:head_end].lower()
        start = head.find(_LENGTH) + len(_LENGTH)
        length = int(head[start : start + 8].split(b"\r\n")[0])
        body_start = head_end + len(_HEAD_END)
        if len(self._buffer) < body_start + length:
            return
        self._record.add(head[9:12], perf_counter() - self._sent_at, self._buffer[body_start : body_start + length])
        self._buffer = self._buffer[body_start + length :]
        self._send()

    def connection_lost(self, _: Exception | None) -> None:
        if not self._done.done():
            self._record.add(b"lost", 0.0, b"")
            self._done.set_result(None)

    def begin(self) -> None:
        """Send the first request: only when all connections stand, so that connecting is not measured."""
        self._send()

    def _send(self) -> None:
        request = next(self._requests, None)
        if self._transport is None or request is None:
            self._finish()
        else:
            self._sent_at = perf_counter()
            self._transport.write(request)

    def _finish(self) -> None:
        self._done.set_result(None)
        if self._transport is not None:
            self._transport.close()


class _Record:
    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.bodies: list[bytes] = []

    def add(self, status: bytes, latency: float, body: bytes) -> None:
        self.statuses[status.decode("ascii")] += 1
        self.latencies.append(latency)
        self.bodies.append(body)


async def run(job: Job) -> Result:
    """Send all requests of `job` as fast as the answers come."""
    record = _Record()
    requests = iter([text.encode("ascii") for text in job.requests])
    loop = asyncio.get_running_loop()
    done: list[asyncio.Future[None]] = [loop.create_future() for _ in range(job.connections)]
    connections = [
        (await loop.create_connection(partial(_Connection, requests, record, future), job.host, job.port))[1]
        for future in done
    ]
    began = perf_counter()
    for connection in connections:
        connection.begin()
    await asyncio.gather(*done)
    seconds = perf_counter() - began
    ordered = sorted(record.latencies)
    return Result(
        seconds,
        dict(record.statuses),
        ordered[len(ordered) // 2] * 1000,
        ordered[int(len(ordered) * 0.99)] * 1000,
        [body.decode("utf-8") for body in record.bodies],
    )


if __name__ == "__main__":
    job, result = (Path(name) for name in sys.argv[1:])
    result.write_text(json.dumps(asdict(uvloop.run(run(Job(**json.loads(job.read_text())))))))
