"""Which browser origins may use a participant's route and read its answer (Fetch standard, CORS).

An origin is judged by the campaign. Where none is known yet there is nothing to protect, so that any origin may read
the problem; the answer itself is judged. No credentials: a session is opened by its key, never by a cookie, from afar.
"""

import re
from typing import Final

from aiohttp import web

from app.domain.campaign import Campaign
from app.errors import OriginNotAllowed
from app.web.middleware import ALLOWED_ORIGIN

MAX_AGE_SECONDS: Final = 7200
"""How long a browser remembers a preflight; Chromium caps it here."""

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]{1,300}")
_ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, X-Request-ID"


def allow_any_origin(request: web.BaseRequest) -> None:
    """Let the request's origin, whatever it is, read the answer: a problem that reveals nothing."""
    origin = any_origin(request.headers.get("Origin"))
    if origin is not None:
        request[ALLOWED_ORIGIN] = origin


def any_origin(origin: str | None) -> str | None:
    """Return an origin that is one by its shape, whatever it is."""
    return origin if origin is not None and _ORIGIN.fullmatch(origin) else None


def check_origin(request: web.Request, campaign: Campaign, own_origin: str) -> None:
    """Let the request's origin read the answer if `campaign` allows it or it is ours; raise OriginNotAllowed."""
    origin = request.headers.get("Origin")
    if origin is None:
        return
    if not may_use(origin, campaign, own_origin):
        request.pop(ALLOWED_ORIGIN, None)
        raise OriginNotAllowed
    request[ALLOWED_ORIGIN] = origin


def may_use(origin: str, campaign: Campaign, own_origin: str) -> bool:
    """Tell whether pages of `origin` may use a participant's routes and read their answers."""
    return origin == own_origin or origin in campaign.allowed_origins


def preflight_response(methods: str) -> web.Response:
    """Return the answer to a preflight for a route that knows `methods`; the middleware names the origin."""
    return web.Response(status=204, headers=preflight_headers(methods))


def preflight_headers(methods: str) -> dict[str, str]:
    """Return what a preflight for a route that knows `methods` is told."""
    return {
        "Allow": f"{methods}, OPTIONS",
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
        "Access-Control-Max-Age": str(MAX_AGE_SECONDS),
    }
