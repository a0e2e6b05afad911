"""The reference: the document of the interface, made once of the routes that are served, and the pages made of it."""

import json
from collections.abc import Sequence
from typing import Final

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from app.web.assets import Assets
from app.web.openapi.document import openapi_document
from app.web.openapi.operation import JSON, OperationRoute
from app.web.openapi.reading import read_groups, read_models
from app.web.openapi.reference import SHOW_DOCUMENT, SHOW_PROBLEMS, SHOW_REFERENCE
from app.web.problems import statuses_by_code

_KEPT: Final = {"Cache-Control": "public, max-age=300"}
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""No script, nothing from elsewhere, in nobody's frame."""


class Reference:
    """Answers with the document of `routes` and of its own, and with the pages made of it."""

    def __init__(self, routes: Sequence[web.AbstractRouteDef], assets: Assets) -> None:
        self.routes = [
            *routes,
            OperationRoute(SHOW_DOCUMENT, self.show_document),
            OperationRoute(SHOW_REFERENCE, self.show_reference),
            OperationRoute(SHOW_PROBLEMS, self.show_problems),
        ]
        document = openapi_document(self.routes)
        templates = Environment(
            loader=PackageLoader("app.web"), autoescape=select_autoescape(default=True), undefined=StrictUndefined
        )
        templates.globals |= {"asset": assets.url, **document["info"]}
        groups, models = read_groups(document), read_models(document)
        self._document = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        self._reference = templates.get_template("reference.html").render(groups=groups, models=models)
        self._problems = templates.get_template("problems.html").render(problems=statuses_by_code())

    async def show_document(self, _: web.Request) -> web.Response:
        """Answer with the document."""
        return web.Response(body=self._document, headers={"Content-Type": JSON, **_KEPT})

    async def show_reference(self, _: web.Request) -> web.Response:
        """Answer with the page that is made of the document."""
        return _page(self._reference)

    async def show_problems(self, _: web.Request) -> web.Response:
        """Answer with the page of every problem."""
        return _page(self._problems)


def _page(html: str) -> web.Response:
    headers = {"Content-Security-Policy": _POLICY, "X-Frame-Options": "DENY", **_KEPT}
    return web.Response(text=html, content_type="text/html", headers=headers)
