"""The inspector over HTTP: what becomes of a token, told to who integrates; no session, and no log of its own."""

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from aiohttp import web

from app.documents.orders import InspectionOrder, parsed_order
from app.domain.inspection import Inspection
from app.domain.inspection_view import inspection_view
from app.domain.prefill import PrefillCall
from app.errors import CampaignUnknown, PartnerUnknown, RateLimited
from app.ports import Clock
from app.steps.authorize import Caller
from app.steps.configure import is_document_id
from app.steps.inspect import LOOK_SECONDS, PATIENCE_SECONDS, Asked, InspectToken
from app.steps.rehearse import Rehearsal, RehearsePrefill, rehearsal_view
from app.web.bearer import BearerGuard
from app.web.bodies import json_response, read_json
from app.web.limits import TokenBuckets
from app.web.openapi.inspect import INSPECT_TOKEN
from app.web.openapi.operation import OperationRoute
from app.web.store_threads import StoreThreads

_MAX_BODY_BYTES: Final = 64 * 1024
"""So that a token which is too large is told so by a check."""


def inspection_buckets() -> TokenBuckets:
    """Return the limit of one client: two inspections a second, sixty at once."""
    return TokenBuckets(per_second=2, burst=60)


@dataclass(frozen=True, slots=True)
class InspectionCalls:
    """The call of the inspector."""

    inspect_token: InspectToken
    rehearse: RehearsePrefill
    threads: StoreThreads
    clock: Clock
    buckets: TokenBuckets = field(default_factory=inspection_buckets)
    patience_seconds: float = PATIENCE_SECONDS

    def routes(self, guard: BearerGuard) -> list[OperationRoute]:
        """Return the routes."""
        return [guard.serves(INSPECT_TOKEN, self.inspect)]

    async def inspect(self, request: web.Request, caller: Caller) -> web.Response:
        """Answer with every check and the verdict."""
        wait = self.buckets.take(caller.client_id, time.monotonic())
        if wait:
            raise RateLimited("This client inspects too many tokens.", retry_after_seconds=wait)
        order = parsed_order(InspectionOrder, await read_json(request, _MAX_BODY_BYTES))
        inspection = await self._patiently(_asked(order), caller)
        rehearsal = await self._rehearsed(inspection) if order.dry_run_prefill else None
        shown = None if rehearsal is None else rehearsal_view(rehearsal)
        return json_response({**inspection_view(inspection, self.clock.now()), "dry_run": shown})

    async def _patiently(self, asked: Asked, caller: Caller) -> Inspection:
        inspection = await self.threads.call(partial(self.inspect_token, asked, caller))
        for _ in range(round(self.patience_seconds / LOOK_SECONDS)):
            if not inspection.is_fetching:
                break
            await asyncio.sleep(LOOK_SECONDS)
            inspection = await self.threads.call(partial(self.inspect_token.look_again, inspection))
        return inspection

    async def _rehearsed(self, inspection: Inspection) -> Rehearsal | None:
        planned = await self.threads.call(partial(self.rehearse.plan, inspection))
        return await self.rehearse(planned) if isinstance(planned, PrefillCall) else planned


def _asked(order: InspectionOrder) -> Asked:
    if not is_document_id(order.partner_id):
        raise PartnerUnknown
    if not is_document_id(order.campaign_id):
        raise CampaignUnknown
    return Asked(order.partner_id, order.campaign_id, order.token)
