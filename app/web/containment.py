"""How the delivery is, over HTTP, and a partner stopped and started by hand. Thin: the steps decide."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from app.fetch_ports import PartnerFigures
from app.ports import Clock
from app.steps.authorize import Caller
from app.steps.contain import ContainPartner
from app.steps.stats import ShowStats, partner_view
from app.web.bearer import BearerGuard
from app.web.bodies import json_response
from app.web.openapi.containment import PAUSE_PARTNER, RESUME_PARTNER, SHOW_STATS
from app.web.openapi.operation import OperationRoute
from app.web.store_threads import StoreThreads


@dataclass(frozen=True, slots=True)
class ContainmentCalls:
    """The calls, on the steps behind them."""

    contain: ContainPartner
    stats: ShowStats
    threads: StoreThreads
    clock: Clock

    def routes(self, guard: BearerGuard) -> list[OperationRoute]:
        """Return the routes."""
        return [
            guard.serves(PAUSE_PARTNER, self.pause),
            guard.serves(RESUME_PARTNER, self.resume),
            guard.serves(SHOW_STATS, self.show),
        ]

    async def pause(self, request: web.Request, caller: Caller) -> web.Response:
        """Stop the calls to a partner; answer with how it is."""
        return await self._changed(self.contain.pause, request, caller)

    async def resume(self, request: web.Request, caller: Caller) -> web.Response:
        """Begin again; answer with how it is."""
        return await self._changed(self.contain.resume, request, caller)

    async def show(self, _: web.Request, caller: Caller) -> web.Response:
        """Answer with all figures."""
        return json_response(await self.threads.call(partial(self.stats, caller)))

    async def _changed(
        self, change: Callable[[str, Caller], PartnerFigures], request: web.Request, caller: Caller
    ) -> web.Response:
        figures = await self.threads.call(partial(change, request.match_info["partner_id"], caller))
        return json_response(partner_view(figures, self.clock.now()))
