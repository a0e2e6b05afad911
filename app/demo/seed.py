"""Configures the demo partner and its campaign, by the same step as the management API; once more changes nothing."""

from app.demo.documents import CAMPAIGN_ID, PARTNER_ID, campaign_document, partner_document
from app.demo.keys import DemoKeys
from app.documents.campaign import parse_campaign_document
from app.documents.partner import parse_partner_document
from app.management_ports import DocumentKind
from app.steps.authorize import LOCAL_CALLER
from app.steps.configure import ConfigureDocuments


def seed_demo(configure: ConfigureDocuments, keys: DemoKeys, demo_url: str) -> None:
    """Store the demo's documents where they are missing or different; `demo_url` is where the demo partner stands.

    Raise RequestInvalid if the settings do not let us call that address.
    """
    partner = partner_document(demo_url, keys.encryption_secret)
    wanted = parse_partner_document(partner, None, configure.outbound)
    if wanted != _stored(configure, DocumentKind.PARTNER, PARTNER_ID):
        configure.put(DocumentKind.PARTNER, PARTNER_ID, partner, LOCAL_CALLER)
    by_name = demo_url.replace("127.0.0.1", "localhost")  # another site to a browser, as a partner's is
    campaign = campaign_document(f"{demo_url}/", (demo_url, by_name))
    if parse_campaign_document(campaign) != _stored(configure, DocumentKind.CAMPAIGN, CAMPAIGN_ID):
        configure.put(DocumentKind.CAMPAIGN, CAMPAIGN_ID, campaign, LOCAL_CALLER)


def _stored(configure: ConfigureDocuments, kind: DocumentKind, id_: str) -> object:
    stored = configure.documents.find(kind, id_)
    return None if stored is None else dict(stored.document)
