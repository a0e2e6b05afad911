"""How the delivery is, over HTTP, and a partner stopped and started by hand. Thin: the steps decide."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from app.domain.scopes import Scope
from app.fetch_ports import PartnerFigures
from app.ports import Clock
from app.steps.authorize import Caller
from app.steps.contain import ContainPartner
from app.steps.stats import ShowStats, partner_view
from app.web.bearer import BearerGuard
from app.web.bodies import json_response
from app.web.store_threads import StoreThreads


@dataclass(frozen=True, slots=True)
class ContainmentCalls:
    """The calls, on the steps behind them."""

    contain: ContainPartner
    stats: ShowStats
    threads: StoreThreads
    clock: Clock

    def routes(self, guard: BearerGuard) -> list[web.RouteDef]:
        """Return the routes by method and pattern."""
        return [
            web.post("/v1/partners/{id}/pause", guard.requires(Scope.PARTNERS_WRITE, self.pause)),
            web.post("/v1/partners/{id}/resume", guard.requires(Scope.PARTNERS_WRITE, self.resume)),
            web.get("/v1/stats", guard.requires(Scope.STATS_READ, self.show), allow_head=False),
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
        figures = await self.threads.call(partial(change, request.match_info["id"], caller))
        return json_response(partner_view(figures, self.clock.now()))
