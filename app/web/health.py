"""Whether the process lives, whether it can serve, and its figures: on a port of their own."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web

from app.errors import Overloaded, SchemaOutdated, SealBroken, StoreUnavailable
from app.web.bodies import json_response
from app.web.metrics import CONTENT_TYPE, WebMetrics
from app.web.store_threads import StoreThreads


@dataclass(frozen=True, slots=True)
class HealthRoutes:
    """Answers probes.

    `is_migrated` asks the store whether it has the schema of this version, `try_master_keys` tries them on what the
    store holds, and raises SealBroken where they do not open it.
    `more_figures` reads the figures that only the store knows; where the store cannot tell them, the others are
    shown all the same.
    """

    threads: StoreThreads
    is_migrated: Callable[[], bool]
    try_master_keys: Callable[[], object]
    metrics: WebMetrics
    more_figures: Callable[[], Awaitable[bytes]] | None = None

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes by method and pattern."""
        return [
            web.get("/health/live", self.live),
            web.get("/health/ready", self.ready),
            web.get("/metrics", self.figures),
        ]

    async def live(self, _: web.Request) -> web.Response:
        """Answer that the event loop turns."""
        return json_response({"status": "live"})

    async def ready(self, _: web.Request) -> web.Response:
        """Answer whether the store is reachable and migrated, and ours to read; 503 if not."""
        if not await self.threads.call(self.is_migrated):
            raise StoreUnavailable("the database has not the schema of this version") from SchemaOutdated()
        try:
            await self.threads.call(self.try_master_keys)
        except SealBroken as error:
            raise StoreUnavailable("the master keys do not open what is sealed in the database") from error
        return json_response({"status": "ready"})

    async def figures(self, _: web.Request) -> web.Response:
        """Answer Prometheus."""
        figures = self.metrics.render()
        if self.more_figures is not None:
            with suppress(StoreUnavailable, SchemaOutdated, Overloaded):
                figures += await self.more_figures()
        return web.Response(body=figures, headers={"Content-Type": CONTENT_TYPE})
