"""A partner's server: the pages of tests, by the host that they are asked at, on a port of its own.

The browser's own way to a page: one that a test answers instead leaves out the preflights of what the page asks for.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

THANKS = "<!doctype html><title>Thanks</title><h1>Thanks</h1>"


@dataclass(slots=True)
class PartnerPages:
    """What stands where: each page with its policy, by host and port."""

    port: int = 0
    pages: dict[str, tuple[str, str]] = field(default_factory=dict)

    def put(self, origin: str, page: str, policy: str) -> None:
        """Let a page stand on the origin, under this Content-Security-Policy."""
        self.pages[origin.partition("://")[2]] = (page, policy)

    async def answer(self, request: web.Request) -> web.Response:
        """Answer the page of the host that was asked, and thanks to a form."""
        if request.path != "/hosted":
            return web.Response(text=THANKS, content_type="text/html")
        page, policy = self.pages[request.host]
        headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
        return web.Response(text=page, content_type="text/html", headers=headers)


@asynccontextmanager
async def serving_pages(port: int) -> AsyncIterator[PartnerPages]:
    """Serve until the end of the block."""
    pages = PartnerPages(port)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", pages.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield pages
    finally:
        await runner.cleanup()
