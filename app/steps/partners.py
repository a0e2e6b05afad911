"""Which partner a management call is about, for those who may see it."""

from app.management_ports import DocumentKind, DocumentStore, StoredDocument
from app.steps.authorize import Caller
from app.steps.configure import find_document


def find_partner(documents: DocumentStore, partner_id: str, caller: Caller) -> StoredDocument:
    """Return the partner's document; raise PartnerUnknown, also for what the caller does not see."""
    return find_document(documents, DocumentKind.PARTNER, partner_id, caller)
