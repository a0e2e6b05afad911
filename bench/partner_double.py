"""A partner's participant API that takes its time: `GET /{milliseconds}/{sub}` answers after so long.

`GET /figures` tells how many calls came, how many are in flight, and how many were at most; `GET /hurry/{milliseconds}`
lets those that would take so long be answered at once from now on.
"""

import asyncio
import sys
from dataclasses import dataclass, field

import uvloop
from aiohttp import web

_FORM = b'{"form":{"firstname":"Ada","lastname":"Lovelace","email":"ada@example.com"},"optin":{"newsletter":true}}'


@dataclass(slots=True)
class Partner:
    """Counts its calls."""

    calls: int = 0
    answered: int = 0
    in_flight: int = 0
    highest: int = 0
    hurried: set[str] = field(default_factory=set)

    async def participant(self, request: web.Request) -> web.Response:
        """Answer after a while."""
        self.calls += 1
        self.in_flight += 1
        self.highest = max(self.highest, self.in_flight)
        try:
            milliseconds = request.match_info["milliseconds"]
            await asyncio.sleep(0 if milliseconds in self.hurried else int(milliseconds) / 1000)
        finally:
            self.in_flight -= 1
        self.answered += 1
        return web.Response(body=_FORM, content_type="application/json")

    async def figures(self, _: web.Request) -> web.Response:
        """Tell the counts, and begin a new highest."""
        told = {"answered": self.answered, "in_flight": self.in_flight, "highest": self.highest}
        self.highest = self.in_flight
        return web.json_response(told)

    async def hurry(self, request: web.Request) -> web.Response:
        """Answer calls of that many milliseconds at once."""
        self.hurried.add(request.match_info["milliseconds"])
        return web.Response()


def main() -> None:
    """Serve on the loopback port given as argument."""
    partner, app = Partner(), web.Application()
    app.router.add_get("/figures", partner.figures)
    app.router.add_get("/hurry/{milliseconds}", partner.hurry)
    app.router.add_get("/{milliseconds}/{sub}", partner.participant)
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None, backlog=4096)


if __name__ == "__main__":
    main()
