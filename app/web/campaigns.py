"""`/v1/campaigns`: the configuration of campaigns."""

from app.management_ports import DocumentKind
from app.steps.configure import ConfigureDocuments
from app.web.bearer import BearerGuard
from app.web.documents import DocumentCalls
from app.web.openapi.documents import CAMPAIGNS
from app.web.openapi.operation import OperationRoute
from app.web.store_threads import StoreThreads


def campaign_routes(configure: ConfigureDocuments, guard: BearerGuard, threads: StoreThreads) -> list[OperationRoute]:
    """Return the routes of campaigns' documents."""
    return DocumentCalls(DocumentKind.CAMPAIGN, CAMPAIGNS, configure, threads).routes(guard)
