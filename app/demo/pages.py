"""The demo partner's pages: what it shows, under a policy as strict as a careful partner's."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Self

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from app.demo.documents import CAMPAIGN_ID, form_fields
from app.demo.scenarios import SCENARIOS, Scenario


@dataclass(frozen=True, slots=True)
class DemoPages:
    """Renders the templates; `service_url` is where scripts, frames and sessions come from."""

    templates: Environment
    service_url: str

    @classmethod
    def load(cls, service_url: str) -> Self:
        """Return the pages of `app/demo/templates`."""
        templates = Environment(
            loader=PackageLoader("app.demo"), autoescape=select_autoescape(default=True), undefined=StrictUndefined
        )
        templates.globals |= {"service": service_url, "campaign": CAMPAIGN_ID}
        return cls(templates, service_url)

    def index(self) -> web.Response:
        """Return the page with every way to arrive."""
        return self._page("index.html", scenarios=SCENARIOS)

    def embedding(self, template: str, scenario: Scenario, token: str) -> web.Response:
        """Return a page that shows the campaign to the participant of `token`."""
        return self._page(template, scenario=scenario, token=token, fields=form_fields())

    def thanks(self) -> web.Response:
        """Return what follows the minisite's form."""
        return self._page("thanks.html")

    def file(self, name: str, content_type: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Return the handler that answers the file called `name`."""
        text = self.templates.get_template(name).render()

        async def serve(request: web.Request) -> web.Response:
            del request
            return web.Response(text=text, content_type=content_type)

        return serve

    def _page(self, template: str, **context: object) -> web.Response:
        nonce = secrets.token_urlsafe(16)
        html = self.templates.get_template(template).render(**context, nonce=nonce)
        headers = {
            "Content-Security-Policy": policy_for(self.service_url, nonce),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
        }
        return web.Response(text=html, content_type="text/html", headers=headers)


def policy_for(service_url: str, nonce: str) -> str:
    """Return what docs/embed.md tells partners to allow, and nothing else."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'nonce-{nonce}' {service_url}/embed/v1/",
            f"connect-src 'self' {service_url}",
            f"frame-src {service_url}",
            "style-src 'self'",
            "img-src data:",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )
