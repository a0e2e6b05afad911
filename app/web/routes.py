"""One application of all its routes: each answers by the policy of its pattern."""

from collections.abc import Iterable, Mapping
from typing import Final

from aiohttp import web

from app.web.middleware import PARTICIPANT_POLICY, Observe, RoutePolicy, request_middleware
from app.web.openapi.sessions import OPEN_SESSION, READ_SESSION, RECORD_PARTICIPATION

POLICIES: Final[Mapping[str, RoutePolicy]] = {
    OPEN_SESSION.path: PARTICIPANT_POLICY,
    READ_SESSION.path: PARTICIPANT_POLICY,
    RECORD_PARTICIPATION.path: PARTICIPANT_POLICY,
}
"""By pattern, of what is special in the interface; the pages bring their own, all others follow API_POLICY."""

HSTS: Final = ("Strict-Transport-Security", "max-age=31536000")


def build_application(
    routes: Iterable[web.AbstractRouteDef],
    observe: Observe,
    policies: Mapping[str, RoutePolicy] = POLICIES,
    *,
    is_behind_tls: bool = False,
) -> web.Application:
    """Return the application that serves `routes`; behind TLS, browsers are told to come by TLS only (RFC 6797)."""
    app = web.Application(middlewares=[request_middleware(observe, policies, (HSTS,) if is_behind_tls else ())])
    app.add_routes(routes)
    return app
