"""`/v1/partners`: the configuration of the brands that hand out tokens, and the key sets that they publish."""

from app.management_ports import DocumentKind
from app.steps.configure import ConfigureDocuments
from app.web.bearer import BearerGuard
from app.web.documents import DocumentCalls
from app.web.keysets import KeysetCalls
from app.web.openapi.documents import PARTNERS
from app.web.openapi.operation import OperationRoute
from app.web.store_threads import StoreThreads


def partner_routes(
    configure: ConfigureDocuments, keysets: KeysetCalls, guard: BearerGuard, threads: StoreThreads
) -> list[OperationRoute]:
    """Return the routes of partners' documents and key sets."""
    calls = DocumentCalls(DocumentKind.PARTNER, PARTNERS, configure, threads, keysets.try_source)
    return [*calls.routes(guard), *keysets.routes(guard)]
