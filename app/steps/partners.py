"""Which partner a management call is about, for those who may see it."""

from app.errors import PartnerUnknown
from app.management_ports import DocumentKind, DocumentStore, StoredDocument
from app.steps.authorize import Caller
from app.steps.configure import is_document_id


def find_partner(documents: DocumentStore, partner_id: str, caller: Caller) -> StoredDocument:
    """Return the partner's document; raise PartnerUnknown, also for what the caller does not see."""
    is_seen = caller.sees(partner_id) and is_document_id(partner_id)
    stored = documents.find(DocumentKind.PARTNER, partner_id) if is_seen else None
    if stored is None:
        raise PartnerUnknown
    return stored
