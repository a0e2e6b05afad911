"""The reference: the document of the interface, made once of the routes that are served."""

import json
from collections.abc import Sequence
from typing import Final

from aiohttp import web

from app.web.openapi.document import openapi_document
from app.web.openapi.operation import JSON, OperationRoute
from app.web.openapi.reference import SHOW_DOCUMENT

_HEADERS: Final = {"Content-Type": JSON, "Cache-Control": "public, max-age=300"}


class Reference:
    """Answers with the document of `routes` and of its own."""

    def __init__(self, routes: Sequence[web.AbstractRouteDef]) -> None:
        self.routes = [*routes, OperationRoute(SHOW_DOCUMENT, self.show_document)]
        self._body = json.dumps(openapi_document(self.routes), ensure_ascii=False, separators=(",", ":")).encode()

    async def show_document(self, _: web.Request) -> web.Response:
        """Answer with the document."""
        return web.Response(body=self._body, headers=_HEADERS)
