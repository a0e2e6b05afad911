"""The demo partner's participant API: by bearer, slow for one participant, out of order for another until mended."""

import asyncio
import hmac
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from app.demo.keys import DemoKeys
from app.demo.people import DOWN, PEOPLE, SLOW

SLOW_SECONDS: Final = 3.0
"""How long the slow participant's data takes: longer than a page waits, shorter than the partner's timeout."""
_MAINTENANCE: Final = "<!doctype html><title>Aurora</title><p>We are down for maintenance.</p>"


@dataclass(slots=True)
class ParticipantApi:
    """Answers Vestibule's calls; `is_down` is what the pages break and mend."""

    keys: DemoKeys
    is_down: bool = True

    async def participant(self, request: web.Request) -> web.Response:
        """Answer one participant's data to whoever brings their access token."""
        sub = request.match_info["sub"]
        expected = f"Bearer {self.keys.access_token(sub)}"
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), expected.encode()):
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})
        if sub == DOWN and self.is_down:
            # Not a 503: that would be tried again by itself, and there would be nothing to replay.
            return web.Response(text=_MAINTENANCE, content_type="text/html")
        if sub == SLOW:
            await asyncio.sleep(SLOW_SECONDS)
        if sub not in PEOPLE:
            raise web.HTTPNotFound
        return web.json_response(dict(PEOPLE[sub]))
