"""`/v1/partners`: the configuration of the brands that hand out tokens, and the key sets that they publish."""

from aiohttp import web

from app.domain.scopes import Scope
from app.management_ports import DocumentKind
from app.steps.configure import ConfigureDocuments
from app.web.bearer import BearerGuard
from app.web.documents import DocumentCalls
from app.web.keysets import KeysetCalls
from app.web.store_threads import StoreThreads


def partner_routes(
    configure: ConfigureDocuments, keysets: KeysetCalls, guard: BearerGuard, threads: StoreThreads
) -> list[web.RouteDef]:
    """Return the routes of partners' documents and key sets."""
    calls = DocumentCalls(DocumentKind.PARTNER, configure, threads, keysets.try_source)
    documents = calls.routes("/v1/partners", guard, Scope.PARTNERS_READ, Scope.PARTNERS_WRITE)
    return [*documents, *keysets.routes(guard)]
