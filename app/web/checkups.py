"""A partner's check-up over HTTP; limited by client, since each one makes calls to the outside."""

import time
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from aiohttp import web

from app.documents.orders import CheckupOrder, parsed_order
from app.domain.checkup import checkup_view
from app.errors import RateLimited
from app.steps.authorize import Caller
from app.steps.examine import ExaminePartner
from app.web.bearer import BearerGuard
from app.web.bodies import json_response, read_json
from app.web.limits import TokenBuckets
from app.web.openapi.checkups import EXAMINE_PARTNER
from app.web.openapi.operation import OperationRoute
from app.web.store_threads import StoreThreads

_MAX_BODY_BYTES: Final = 4096


def checkup_buckets() -> TokenBuckets:
    """Return the limit of one client: a check-up every five seconds, ten at once."""
    return TokenBuckets(per_second=0.2, burst=10)


@dataclass(frozen=True, slots=True)
class CheckupCalls:
    """The call, on the step behind it."""

    examine: ExaminePartner
    threads: StoreThreads
    buckets: TokenBuckets = field(default_factory=checkup_buckets)

    def routes(self, guard: BearerGuard) -> list[OperationRoute]:
        """Return the routes."""
        return [guard.serves(EXAMINE_PARTNER, self.post)]

    async def post(self, request: web.Request, caller: Caller) -> web.Response:
        """Answer with what was found."""
        wait = self.buckets.take(caller.client_id, time.monotonic())
        if wait:
            raise RateLimited("This client examines partners too often.", retry_after_seconds=wait)
        body = await read_json(request, _MAX_BODY_BYTES) if request.can_read_body else {}
        order, partner_id = parsed_order(CheckupOrder, body), request.match_info["partner_id"]
        examination = await self.threads.call(partial(self.examine.begin, partner_id, order.sub, caller))
        return json_response(checkup_view(partner_id, await self.examine(examination)))
