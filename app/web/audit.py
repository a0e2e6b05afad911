"""The record of all changes over HTTP. Thin: reads the query, calls the step in a thread, writes the answer."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from app.documents.audit import parse_audit_query
from app.steps.audit import ListAudit, entry_view
from app.steps.authorize import Caller
from app.web.bearer import BearerGuard
from app.web.bodies import json_response, single_query
from app.web.openapi.audit import LIST_AUDIT
from app.web.openapi.operation import OperationRoute
from app.web.store_threads import StoreThreads


@dataclass(frozen=True, slots=True)
class AuditCalls:
    """The call, on the step behind it."""

    entries: ListAudit
    threads: StoreThreads

    def routes(self, guard: BearerGuard) -> list[OperationRoute]:
        """Return the routes."""
        return [guard.serves(LIST_AUDIT, self.load_page)]

    async def load_page(self, request: web.Request, caller: Caller) -> web.Response:
        """Answer with a page of the record, the newest entry first."""
        asked = parse_audit_query(single_query(request))
        page = await self.threads.call(partial(self.entries, asked.wanted, caller, asked.before, asked.limit))
        cursor = None if page.before is None else urlsafe_b64encode(str(page.before).encode()).decode()
        return json_response({"items": [entry_view(recorded) for recorded in page.entries], "cursor": cursor})
