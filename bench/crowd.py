"""A crowd of participants, as the load client plays it: POST, then GET until the answer is `ready`.

Closed loop: each of `users` begins anew when it is done, which finds the saturation. Open loop: arrivals at a fixed
`rate` that wait for no answer, and latency is counted from the moment each was to arrive, so that queueing shows.
"""

import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle
from time import perf_counter
from typing import Final

import orjson

from bench.http_client import Connection, Wire

_ACCEPTED: Final = frozenset({200, 201, 202})
_TICK_SECONDS: Final = 0.001
_READY: Final = b'"ready"'
_LATE_SECONDS: Final = 0.01


@dataclass(frozen=True, slots=True)
class Job:
    """What a crowd does: `firsts` are whole HTTP requests, sent in turn; `rate` 0 is the closed loop of `users`.

    Those that are accepted are read, if `reads`, with `?wait=` of `wait_seconds`, or again every `poll_seconds` where
    there is no waiting. An open loop uses at most `users` connections. What arrives in the first `warm_seconds` is not
    recorded. No more than `most` arrive, if that is not 0. With `own_connections` each has a new one.
    """

    port: int
    firsts: Sequence[str]
    users: int
    seconds: float
    rate: float = 0.0
    warm_seconds: float = 0.0
    most: int = 0
    reads: bool = True
    wait_seconds: int = 25
    poll_seconds: float = 0.0
    grace_seconds: float = 60.0
    own_connections: bool = False
    host: str = "127.0.0.1"


@dataclass(slots=True)
class Record:
    """What came of a job so far; latencies in seconds; `unfinished` were accepted and never read as ready."""

    began_at: float = 0.0
    ended_at: float = 0.0
    arrived: int = 0
    late: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    accepted_after: list[float] = field(default_factory=list)
    refused_after: list[float] = field(default_factory=list)
    ready_after: list[float] = field(default_factory=list)
    reads: int = 0
    unfinished: int = 0


class Crowd:
    """Plays one job; `run` returns its record."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.record = Record()
        self._firsts = cycle([text.encode("ascii") for text in job.firsts])
        self._wire = Wire(job.host, job.port)
        self._idle: deque[Connection] = deque()
        self._waiting: deque[float] = deque()
        self._asking: deque[tuple[float, Journey]] = deque()
        self._connections = 0
        self._under_way = 0
        self._begun = 0
        self._warm_until = 0.0
        self._arrivals_end_at = 0.0

    def run(self) -> Record:
        """Play the job to its end: until everybody is done, or the grace is over."""
        job, record = self.job, self.record
        for _ in range(job.users):
            self._connect()
        began_at = perf_counter()
        self._warm_until = began_at + job.warm_seconds
        self._arrivals_end_at = self._warm_until + job.seconds
        record.began_at = self._warm_until
        if job.rate:
            self._arrive_at_rate(began_at)
        else:
            for _ in range(len(self._idle)):
                self._begin(perf_counter(), self._idle.popleft())
        give_up_at = self._arrivals_end_at + job.grace_seconds
        while (self._under_way or self._waiting) and perf_counter() < give_up_at:
            self._turn()
        record.unfinished = self._under_way + len(self._waiting)
        self._wire.close()
        return record

    def ask_later(self, journey: "Journey") -> None:
        """Let it ask again when `poll_seconds` are over."""
        self._asking.append((perf_counter() + self.job.poll_seconds, journey))

    def _turn(self) -> None:
        """Take what has come, and rest until the next tick: who wakes for each answer disturbs whom it measures."""
        began_at = perf_counter()
        self._wire.read()
        while self._asking and self._asking[0][0] <= began_at:
            self._asking.popleft()[1].ask()
        time.sleep(max(0.0, began_at + _TICK_SECONDS - perf_counter()))

    def _arrive_at_rate(self, began_at: float) -> None:
        arrived, rate = 0, self.job.rate
        while (now := perf_counter()) < self._arrivals_end_at:
            due = int((now - began_at) * rate)
            if self.job.most:
                due = min(due, self.job.most)
            for number in range(arrived, due):
                scheduled_at = began_at + number / rate
                self.record.late += now - scheduled_at > _LATE_SECONDS
                self._arrive(scheduled_at)
            arrived = max(arrived, due)
            self._turn()

    def _arrive(self, scheduled_at: float) -> None:
        if self._connections < self.job.users:
            self._connect()
        if self._idle:
            self._begin(scheduled_at, self._idle.popleft())
        else:
            self._waiting.append(scheduled_at)

    def _connect(self) -> None:
        try:
            self._idle.append(self._wire.connect())
        except OSError:
            self.record.statuses["no connection"] += 1
        else:
            self._connections += 1

    def _renewed(self, connection: Connection) -> Connection:
        connection.leave()
        try:
            return self._wire.connect()
        except OSError:
            self.record.statuses["no connection"] += 1
            return connection

    def _free(self, connection: Connection) -> None:
        if not connection.is_open:
            self._connections -= 1
        elif self._waiting:
            self._begin(self._waiting.popleft(), connection)
        else:
            self._idle.append(connection)

    def _begin(self, scheduled_at: float, connection: Connection) -> None:
        self._under_way += 1
        self._begun += 1
        Journey(self, connection, scheduled_at, is_recorded=scheduled_at >= self._warm_until).begin(next(self._firsts))

    def end(self, connection: Connection) -> None:
        """Take back the connection of a journey that is over."""
        self._under_way -= 1
        now = self.record.ended_at = perf_counter()
        job = self.job
        if job.own_connections:
            connection = self._renewed(connection)
        may_begin = now < self._arrivals_end_at and not (job.most and self._begun >= job.most)
        if not job.rate and may_begin and connection.is_open:
            self._begin(now, connection)
            return
        self._free(connection)


class Journey:
    """One participant on one connection."""

    __slots__ = ("_connection", "_crowd", "_get", "_is_recorded", "_scheduled_at")

    def __init__(self, crowd: Crowd, connection: Connection, scheduled_at: float, *, is_recorded: bool) -> None:
        self._crowd = crowd
        self._connection = connection
        self._scheduled_at = scheduled_at
        self._is_recorded = is_recorded
        self._get = b""

    def begin(self, first: bytes) -> None:
        """Send the first request."""
        self._connection.send(first, self._posted)

    def _posted(self, status: int, body: bytes) -> None:
        crowd, is_accepted = self._crowd, status in _ACCEPTED
        if self._is_recorded:
            record, seconds = crowd.record, perf_counter() - self._scheduled_at
            record.arrived += 1
            record.statuses[str(status)] += 1
            (record.accepted_after if is_accepted else record.refused_after).append(seconds)
        if not is_accepted or not crowd.job.reads:
            crowd.end(self._connection)
            return
        self._get = _get_request(body, crowd.job.wait_seconds)
        if crowd.job.poll_seconds:
            crowd.ask_later(self)
        else:
            self.ask()

    def ask(self) -> None:
        """Ask how the session stands."""
        self._crowd.record.reads += 1
        self._connection.send(self._get, self._read)

    def _read(self, status: int, body: bytes) -> None:
        if _READY in body:
            if self._is_recorded:
                self._crowd.record.ready_after.append(perf_counter() - self._scheduled_at)
            self._crowd.end(self._connection)
        elif not self._connection.is_open or status not in _ACCEPTED:
            self._crowd.record.statuses[f"read {status}"] += 1
            self._crowd.end(self._connection)
        elif self._crowd.job.poll_seconds:
            self._crowd.ask_later(self)
        else:
            self.ask()


def _get_request(body: bytes, wait_seconds: int) -> bytes:
    made = orjson.loads(body)
    wait = f"?wait={wait_seconds}" if wait_seconds else ""
    return (
        f"GET /v1/sessions/{made['session_id']}{wait} HTTP/1.1\r\nHost: bench\r\n"
        f"Authorization: Bearer {made['session_key']}\r\n\r\n"
    ).encode()
