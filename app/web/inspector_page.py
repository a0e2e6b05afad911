"""The inspector's page for integrators: HTML and scripts of our own, under a policy that lets nothing else in or out.

Holds no token and knows none: what is pasted goes from the browser to `/v1/inspect`, and the browser stores nothing.
"""

import secrets
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from app.domain.reason_guide import EXPLANATIONS
from app.web.assets import Assets
from app.web.openapi.inspector_page import SHOW_INSPECTOR, SHOW_REASONS
from app.web.openapi.operation import OperationRoute

_POLICY: Final = (
    "default-src 'none'",
    "script-src 'nonce-{nonce}'",
    "style-src 'nonce-{nonce}'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
)


@dataclass(frozen=True, slots=True)
class InspectorPage:
    """The page, and the explanations of all reasons that it links to."""

    environment: Environment

    @classmethod
    def of(cls, assets: Assets) -> "InspectorPage":
        """Return the page with these static files."""
        environment = Environment(
            loader=PackageLoader("app.web"), autoescape=select_autoescape(default=True), undefined=StrictUndefined
        )
        environment.globals["asset"] = assets.url
        return cls(environment)

    def routes(self) -> list[OperationRoute]:
        """Return the routes."""
        return [OperationRoute(SHOW_INSPECTOR, self.show), OperationRoute(SHOW_REASONS, self.show_reasons)]

    async def show(self, _: web.Request) -> web.Response:
        """Answer the page."""
        return self._page("inspect.html")

    async def show_reasons(self, _: web.Request) -> web.Response:
        """Answer what each reason means, under an anchor of its name."""
        return self._page("reasons.html", explanations=EXPLANATIONS)

    def _page(self, template: str, **context: object) -> web.Response:
        nonce = secrets.token_urlsafe(16)
        html = self.environment.get_template(template).render(**context, nonce=nonce)
        headers = {
            "Content-Security-Policy": "; ".join(_POLICY).format(nonce=nonce),
            "Cross-Origin-Opener-Policy": "same-origin",
        }
        return web.Response(text=html, content_type="text/html", headers=headers)
