"""The load client: what it counts, and from when."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web

from bench.crowd import Crowd, Job, Record
from tests.servers.process import free_port

SERVICE_SECONDS = 0.02
POST = "POST /v1/campaigns/c/sessions HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def _service(
    statuses: list[int], reads_until_ready: int = 1, seen: set[object] | None = None
) -> AsyncIterator[Job]:
    """Serve one POST after the other, each with the next of `statuses` (the last one from then on).

    Clients' addresses are put into `seen`.
    """
    turn, reads = asyncio.Lock(), [0]

    async def create(request: web.Request) -> web.Response:
        if seen is not None and request.transport is not None:
            seen.add(request.transport.get_extra_info("peername"))
        async with turn:
            await asyncio.sleep(SERVICE_SECONDS)
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        return web.Response(status=status, body=json.dumps({"session_id": "ses_1", "session_key": "key"}).encode())

    async def read(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer key"
        reads[0] += 1
        word = "ready" if reads[0] % reads_until_ready == 0 else "pending"
        return web.Response(body=json.dumps({"status": word}).encode())

    app = web.Application()
    app.router.add_post("/v1/campaigns/c/sessions", create)
    app.router.add_get("/v1/sessions/ses_1", read)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield Job(port, [POST], users=4, seconds=0.2, grace_seconds=5)
    finally:
        await runner.cleanup()


async def _play(job: Job) -> Record:
    return await asyncio.to_thread(Crowd(job).run)


async def test_open_loop_counts_latency_from_the_moment_of_arrival() -> None:
    async with _service([202]) as job:
        closed = await _play(replace(job, users=1))
        opened = await _play(replace(job, rate=100.0))

    # Twenty arrive in 0.2 s, and the service needs 0.4 s for them: the last has waited for half of it.
    assert len(opened.ready_after) >= 15
    assert max(opened.accepted_after) > 5 * SERVICE_SECONDS
    assert max(closed.accepted_after) < 5 * SERVICE_SECONDS


async def test_closed_loop_begins_no_more_participants_than_asked_for() -> None:
    async with _service([202]) as job:
        record = await _play(replace(job, seconds=5, most=6))

    assert len(record.ready_after) == 6


@pytest.mark.parametrize(("own", "expected"), [(False, 1), (True, 6)])
async def test_each_participant_has_a_connection_of_its_own_if_so_asked(*, own: bool, expected: int) -> None:
    seen: set[object] = set()
    async with _service([202], seen=seen) as job:
        record = await _play(replace(job, users=1, seconds=5, most=6, own_connections=own))

    assert len(record.ready_after) == 6
    assert len(seen) == expected


async def test_participant_asks_again_until_ready() -> None:
    async with _service([202], reads_until_ready=3) as job:
        record = await _play(replace(job, users=1, seconds=5, most=2))

    assert (len(record.ready_after), record.reads) == (2, 6)


async def test_refused_participants_are_counted_apart_and_read_nothing() -> None:
    async with _service([429, 202, 503]) as job:
        record = await _play(replace(job, users=1, seconds=5, most=3))

    assert record.statuses == {"429": 1, "202": 1, "503": 1}
    assert (len(record.accepted_after), len(record.refused_after), record.reads) == (1, 2, 1)


async def test_participant_that_never_gets_ready_is_unfinished() -> None:
    async with _service([202], reads_until_ready=1_000_000) as job:
        record = await _play(replace(job, users=1, seconds=0.1, grace_seconds=0.2, poll_seconds=0.05))

    assert record.unfinished == 1
    assert record.ready_after == []


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def _raw_service(handle: Handler) -> AsyncIterator[Job]:
    """Serve each connection by `handle`, then close it."""
    served: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.add(asyncio.current_task())
        await handle(reader, writer)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield Job(server.sockets[0].getsockname()[1], [POST], users=1, seconds=0.3, grace_seconds=1)
        await asyncio.gather(*filter(None, served))


async def test_lost_connections_are_counted_and_replaced() -> None:
    async def hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async with _raw_service(hang_up) as job:
        record = await _play(replace(job, rate=50.0))

    assert record.statuses["0"] > 5
    assert (record.accepted_after, record.unfinished) == ([], 0)


async def test_answer_may_come_in_pieces() -> None:
    answer = b'HTTP/1.1 202 Accepted\r\nContent-Length: 39\r\n\r\n{"session_id":"s","session_key":"key"}\n'

    async def answer_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        for piece in (answer[:20], answer[20:60], answer[60:]):
            writer.write(piece)
            await asyncio.sleep(0.01)

    async with _raw_service(answer_slowly) as job:
        record = await _play(replace(job, most=1, reads=False))

    assert record.statuses == {"202": 1}
