"""The documents that stand as examples, as they are sent and as they are stored."""

from typing import Any, Final

from app.documents.campaign import parse_campaign_document
from app.documents.partner import parse_partner_document
from app.documents.secrets import PARTNER as PARTNER_KIND
from app.documents.secrets import mask_document
from app.domain.outside import OutboundPolicy

PARTNER: Final[dict[str, Any]] = {
    "name": "ACME",
    "issuer": "acme",
    "signature": {
        "method": "jwks",
        "jwks_url": "https://www.acme.example/.well-known/jwks.json",
        "algorithms": ["RS256"],
    },
    "encryption": {
        "method": "shared_secret",
        "keys": [{"secret": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY", "encoding": "base64url"}],
    },
    "prefill": {
        "url": "https://api.acme.example/participants/{sub}",
        "authorization": {"from": "claim", "name": "access_token"},
        "mapping": {"form": {"firstname": "profile.given_name"}},
    },
}
CAMPAIGN: Final[dict[str, Any]] = {
    "partner_id": "acme",
    "name": "Spring 2027",
    "aliases": ["channel-uuid"],
    "mode": "required",
    "allowed_origins": ["https://www.acme.example"],
    "languages": ["en"],
    "screens": {"en": {"not_eligible": {"title": "Not this time", "message": "This campaign is not for you."}}},
    "form": [
        {
            "name": "firstname",
            "label": {"en": "First name"},
            "type": "text",
            "autocomplete": "given-name",
            "required": True,
        }
    ],
}
PARTNER_STORED: Final = mask_document(PARTNER_KIND, parse_partner_document(PARTNER, None, OutboundPolicy()))
CAMPAIGN_STORED: Final = parse_campaign_document(CAMPAIGN)
