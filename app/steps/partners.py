"""Which partner or campaign a management call is about, for those who may see it."""

from app.errors import CampaignUnknown, PartnerUnknown
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


def find_campaign(documents: DocumentStore, campaign_id: str, caller: Caller) -> StoredDocument:
    """Return the campaign's document; raise CampaignUnknown, also for what the caller does not see."""
    stored = documents.find(DocumentKind.CAMPAIGN, campaign_id) if is_document_id(campaign_id) else None
    if stored is None or not caller.sees(str(stored.document["partner_id"])):
        raise CampaignUnknown
    return stored
