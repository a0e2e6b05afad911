"""The deletion of a participant's data over HTTP, by its `sub`.

Thin: the steps decide. A long search goes step by step, so that no call of the store takes long; a caller that leaves
meanwhile changes nothing, since what was begun is finished by upkeep.
"""

from dataclasses import dataclass
from functools import partial

from aiohttp import web

from app.documents.erasure import parse_erasure_query
from app.domain.erasure import erasing_view
from app.steps.authorize import Caller
from app.steps.erase import EraseParticipant
from app.web.bearer import BearerGuard
from app.web.bodies import json_response, single_query
from app.web.openapi.operation import OperationRoute
from app.web.openapi.participants import DELETE_PARTICIPANT
from app.web.store_threads import StoreThreads


@dataclass(frozen=True, slots=True)
class ErasureCalls:
    """The call, on the step behind it."""

    erase: EraseParticipant
    threads: StoreThreads

    def routes(self, guard: BearerGuard) -> list[OperationRoute]:
        """Return the routes."""
        return [guard.serves(DELETE_PARTICIPANT, self.delete)]

    async def delete(self, request: web.Request, caller: Caller) -> web.Response:
        """Delete what the participant left behind; answer with how much that was."""
        forget = parse_erasure_query(single_query(request)).plays == "forget"
        partner_id, sub = request.match_info["partner_id"], request.match_info["sub"]
        erasing = await self.threads.call(partial(self.erase.begin, partner_id, sub, caller, forget_plays=forget))
        while not erasing.is_over:
            erasing = await self.threads.call(partial(self.erase.go_on, erasing))
        return json_response(erasing_view(erasing))
