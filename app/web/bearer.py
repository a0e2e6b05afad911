"""Who calls a management address: the bearer is judged and its scope checked before the handler sees the request.

RFC 6750: the token comes in the Authorization header, never in the body or the query.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from aiohttp import web

from app.errors import BearerRefused, ScopeMissing, Unauthenticated
from app.steps.authorize import AuthorizeRequest, Caller
from app.web.middleware import REQUEST_ID
from app.web.openapi.operation import ManagementOperation, OperationRoute
from app.web.store_threads import StoreThreads

ManagementHandler = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BearerGuard:
    """Stands before the handlers of the management interface."""

    authorize: AuthorizeRequest
    threads: StoreThreads

    def serves(self, operation: ManagementOperation, handler: ManagementHandler) -> OperationRoute:
        """Return the route of `operation`: `handler` is called for whoever has its scope.

        Others are told Unauthenticated (of which BearerRefused is a kind) or ScopeMissing.
        """

        async def guarded(request: web.Request) -> web.StreamResponse:
            caller = await self.caller_of(request)
            if operation.scope not in caller.scopes:
                raise ScopeMissing(f"This call needs the scope {operation.scope}.")
            return await handler(request, caller)

        return OperationRoute(operation, guarded)

    async def caller_of(self, request: web.Request) -> Caller:
        """Return who calls; raise Unauthenticated, or BearerRefused if there is a bearer."""
        sent = request.headers.getall("Authorization", [])
        if not sent:
            raise Unauthenticated("This call needs a bearer token from /oauth/token.")
        bearer = _BEARER.fullmatch(sent[0]) if len(sent) == 1 else None
        if bearer is None:
            raise BearerRefused("The Authorization header must hold one bearer token.")
        # Of a busy caller a thread and a signature are spent once a second, not at each call.
        caller = self.authorize.recall(bearer[1]) or await self._judge(bearer[1])
        return replace(caller, request_id=request[REQUEST_ID])

    async def _judge(self, bearer: str) -> Caller:
        try:
            return await self.threads.call(partial(self.authorize, bearer))
        except Unauthenticated as error:
            raise BearerRefused(error.detail) from None
