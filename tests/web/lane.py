"""A stage whose fast lane has all that it needs, and what a test may look at in its connections."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app.web.fast_path import FastProtocol
from tests.web.alike import take_in_all
from tests.web.stage import Stage, eventually, staged
from tests.web.wire import request, wired


@asynccontextmanager
async def prepared(**options: Any) -> AsyncIterator[Stage]:
    """Serve a campaign that is known, sessions of each kind, and know the time."""
    async with staged(**options) as stage:
        await take_in_all(stage)
        await _disconnected(stage)
        yield stage


def connection(stage: Stage) -> FastProtocol:
    """Return the server's side of the one connection."""
    (only,) = connections(stage)
    return only


def connections(stage: Stage) -> list[FastProtocol]:
    """Return the server's side of all connections."""
    (runner,) = stage.sites._runners
    server = runner.server
    assert server is not None
    return [one for one in server.connections if isinstance(one, FastProtocol)]


def held_back(stage: Stage) -> bytes:
    """Return what waits behind a request that is under way."""
    return connection(stage)._held_back


async def figures(stage: Stage) -> list[str]:
    """Return what the process counts, a line each."""
    async with wired(stage) as wire:
        wire.send(request("GET", "/metrics", "Connection: close"))
        return (await wire.rest()).decode().splitlines()


async def counted(stage: Stage, method: str, status: int) -> float:
    """Return how many requests of a method were answered with a status."""
    said = [line for line in await figures(stage) if f'method="{method}"' in line and f'status="{status}"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in said)


async def _disconnected(stage: Stage) -> None:
    await eventually(lambda: not connections(stage))
