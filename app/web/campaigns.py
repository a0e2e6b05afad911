"""`/v1/campaigns`: the configuration of campaigns."""

from aiohttp import web

from app.domain.scopes import Scope
from app.management_ports import DocumentKind
from app.steps.configure import ConfigureDocuments
from app.web.bearer import BearerGuard
from app.web.documents import DocumentCalls
from app.web.store_threads import StoreThreads


def campaign_routes(configure: ConfigureDocuments, guard: BearerGuard, threads: StoreThreads) -> list[web.RouteDef]:
    """Return the routes of campaigns' documents."""
    calls = DocumentCalls(DocumentKind.CAMPAIGN, configure, threads)
    return calls.routes("/v1/campaigns", guard, Scope.CAMPAIGNS_READ, Scope.CAMPAIGNS_WRITE)
