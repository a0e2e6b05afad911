"""Where a process listens: at a port of its own, or with others, and with how many doors for a crowd."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from typing import Any

import pytest
import uvloop
from aiohttp import ClientConnectionError, ClientSession, web

from app.errors import ConfigurationError
from app.web.sites import CROWD_DOORS, Site, Sites

CROWD = 200


def _sites(port: int = 0, **options: Any) -> Sites:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="here")

    app = web.Application()
    app.router.add_get("/", answer)
    return Sites([Site("public port", app, "127.0.0.1", port, **options)], 5)


@asynccontextmanager
async def _listening(sites: Sites) -> AsyncIterator[int]:
    ((_, port),) = await sites.start()
    try:
        yield port
    finally:
        await sites.stop()


async def _ask(port: int) -> str:
    async with ClientSession() as client, client.get(f"http://127.0.0.1:{port}/") as response:
        return await response.text()


@pytest.mark.parametrize("doors", [1, CROWD_DOORS])
async def test_port_of_its_own_is_nobody_elses(doors: int) -> None:
    async with _listening(_sites(doors=doors)) as port:
        with pytest.raises(ConfigurationError) as refused:
            await _sites(port, doors=doors).start()

        assert refused.value.problems == (f"public port: 127.0.0.1:{port} is taken",)
        assert await _ask(port) == "here"


async def test_port_that_is_not_shared_by_whoever_listens_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(ConfigurationError, match="is taken"):
        await _sites(other.getsockname()[1], reuse_port=True, doors=CROWD_DOORS).start()


async def test_port_is_shared_by_those_who_say_so() -> None:
    shared = {"reuse_port": True, "doors": CROWD_DOORS}
    first = _sites(**shared)
    ((_, port),) = await first.start()
    async with _listening(_sites(port, **shared)) as second_port:
        await first.stop()

        assert second_port == port
        assert [await _ask(port) for _ in range(CROWD_DOORS)] == ["here"] * CROWD_DOORS


async def test_nobody_is_let_in_any_more_by_any_door_after_the_end() -> None:
    async with _listening(_sites(doors=CROWD_DOORS)) as port:
        assert await _ask(port) == "here"

    for _ in range(2 * CROWD_DOORS):
        with pytest.raises(ClientConnectionError):
            await _ask(port)


@pytest.mark.parametrize(("doors", "is_quick"), [(1, False), (CROWD_DOORS, True)])
def test_crowd_is_accepted_in_few_turns_of_a_full_loop_by_many_doors(doors: int, *, is_quick: bool) -> None:
    async def turns_until_accepted() -> int:
        sites = _sites(doors=doors)
        async with _listening(sites) as port, AsyncExitStack() as stack:
            for _ in range(CROWD):
                stack.enter_context(closing(_connecting(port)))
            server = sites._runners[0].server
            turns = 0
            while server is not None and len(server.connections) < CROWD:
                turns += 1
                time.sleep(0.001)  # noqa: ASYNC251 - the loop has much to do
                await asyncio.sleep(0)
            return turns

    assert (uvloop.run(turns_until_accepted()) < CROWD / 4) == is_quick


def _connecting(port: int) -> socket.socket:
    made = socket.socket()
    made.setblocking(False)
    made.connect_ex(("127.0.0.1", port))
    return made
