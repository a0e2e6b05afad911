"""The load client: what it counts, and from when."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import web

from bench.crowd import Crowd, Job
from tests.servers.process import free_port

SERVICE_SECONDS = 0.02
POST = "POST /v1/campaigns/c/sessions HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def _service(statuses: list[int], reads_until_ready: int = 1) -> AsyncIterator[Job]:
    """Serve one POST after the other, each with the next of `statuses` (the last one from then on)."""
    turn, reads = asyncio.Lock(), [0]

    async def create(_: web.Request) -> web.Response:
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


async def test_open_loop_counts_latency_from_the_moment_of_arrival() -> None:
    async with _service([202]) as job:
        closed = await Crowd(replace(job, users=1)).run()
        opened = await Crowd(replace(job, rate=100.0)).run()

    # Twenty arrive in 0.2 s, and the service needs 0.4 s for them: the last has waited for half of it.
    assert len(opened.ready_after) >= 15
    assert max(opened.accepted_after) > 5 * SERVICE_SECONDS
    assert max(closed.accepted_after) < 5 * SERVICE_SECONDS


async def test_closed_loop_begins_no_more_participants_than_asked_for() -> None:
    async with _service([202]) as job:
        record = await Crowd(replace(job, seconds=5, most=6)).run()

    assert len(record.ready_after) == 6


async def test_participant_asks_again_until_ready() -> None:
    async with _service([202], reads_until_ready=3) as job:
        record = await Crowd(replace(job, users=1, seconds=5, most=2)).run()

    assert (len(record.ready_after), record.reads) == (2, 6)


async def test_refused_participants_are_counted_apart_and_read_nothing() -> None:
    async with _service([429, 202, 503]) as job:
        record = await Crowd(replace(job, users=1, seconds=5, most=3)).run()

    assert record.statuses == {"429": 1, "202": 1, "503": 1}
    assert (len(record.accepted_after), len(record.refused_after), record.reads) == (1, 2, 1)


async def test_participant_that_never_gets_ready_is_unfinished() -> None:
    async with _service([202], reads_until_ready=1_000_000) as job:
        record = await Crowd(replace(job, users=1, seconds=0.1, grace_seconds=0.2, poll_seconds=0.05)).run()

    assert record.unfinished == 1
    assert record.ready_after == []
