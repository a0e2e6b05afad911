"""Listens: the public and the admin port, until a signal says to stop, and then for as long as the grace lasts."""

import asyncio
import errno
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from structlog import get_logger

from app.errors import ConfigurationError
from app.web.fast_path import FastLane
from app.web.http_server import ProblemRunner
from app.web.shedding import Shedding

BACKLOG: Final = 4096
"""Connections that may wait to be accepted: everyone arrives in the same second."""
CROWD_DOORS: Final = 16
"""Sockets that listen on the public port, since of each one connection is accepted in a turn of the loop (libuv)."""
_SHARES_PORTS: Final = hasattr(socket, "SO_REUSEPORT")
_log = get_logger()


@dataclass(frozen=True, slots=True)
class Site:
    """An application and where it listens, with how many sockets; with port 0 the system chooses.

    Where `reuse_port`, other processes may listen there too.
    """

    name: str
    app: web.Application
    host: str
    port: int
    reuse_port: bool = False
    shedding: Shedding | None = None
    lane: FastLane | None = None
    doors: int = 1


class Sites:
    """Sites that were started, in order; the last is stopped last."""

    def __init__(self, sites: Sequence[Site], grace_seconds: float) -> None:
        self._sites = sites
        self._grace = grace_seconds
        self._runners: list[ProblemRunner] = []

    async def start(self) -> Sequence[tuple[str, int]]:
        """Listen, and return the addresses; raise ConfigurationError for a port that is taken or an unknown host."""
        try:
            return [await self._listen(site) for site in self._sites]
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop listening, and return when what is under way has its answer, or the grace is over."""
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()

    async def _listen(self, site: Site) -> tuple[str, int]:
        runner = ProblemRunner(site.app, self._grace, site.shedding, site.lane)
        await runner.setup()
        self._runners.append(runner)
        try:
            host, port = await _open(runner, site)
        except OSError as error:
            why = "is taken" if error.errno == errno.EADDRINUSE else "cannot be listened on"
            raise ConfigurationError((f"{site.name}: {site.host}:{site.port} {why}",)) from error
        _log.info("site.opened", site=site.name, host=host, port=port)
        return host, port


async def _open(runner: ProblemRunner, site: Site) -> tuple[str, int]:
    """Listen at all doors, and return the address; raise OSError where that is not possible, or others listen there."""
    first = web.TCPSite(runner, site.host, site.port, backlog=BACKLOG, reuse_port=site.reuse_port or None)
    await first.start()
    host, port = runner.addresses[0][:2]
    if site.doors > 1 and _SHARES_PORTS:
        await first.stop()  # nobody else listened here, and at a port that is shared all have to say so
        for _ in range(site.doors):
            await web.TCPSite(runner, site.host, port, backlog=BACKLOG, reuse_port=True).start()
    return host, port


async def run_until_signal(sites: Sites, close: Callable[[], Awaitable[None]], grace_seconds: float) -> None:
    """Serve until SIGTERM or SIGINT; then stop the sites, close what is behind them, at the latest after the grace."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await sites.start()
    await stop.wait()
    _log.info("web.stopping")
    try:
        async with asyncio.timeout(grace_seconds):
            await sites.stop()
            await close()
    except TimeoutError:
        _log.warning("web.cut_short", grace_seconds=grace_seconds)
    else:
        _log.info("web.stopped")
