"""Documents as one would PUT them: valid as they stand, a test changes the one thing that it is about."""

from typing import Any, Final

from app.documents.campaign import parse_campaign_document
from app.documents.partner import parse_partner_document
from app.domain.outside import OutboundPolicy
from app.errors import RequestInvalid

OUTBOUND: Final = OutboundPolicy()
HS_SECRET: Final = "a-shared-secret-of-32-octets-abc"
AES_SECRET: Final = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
CREDENTIAL: Final = "credential-of-ours"


def partner_body(**changes: Any) -> dict[str, Any]:
    """Return the least that a partner must say, and `changes`."""
    signature = {"method": "jwks", "jwks_url": "https://acme.example/jwks.json", "algorithms": ["RS256"]}
    return {"name": "ACME", "signature": signature, **changes}


def secretive_body(**changes: Any) -> dict[str, Any]:
    """Return a partner with a secret in every place that may hold one, and `changes`."""
    return {
        "name": "ACME",
        "signature": {
            "method": "symmetric",
            "keys": [{"secret": HS_SECRET}, {"secret": HS_SECRET + "2", "kid": "next"}],
            "algorithms": ["HS256"],
        },
        "encryption": {"method": "shared_secret", "keys": [{"secret": AES_SECRET}]},
        "prefill": {"url": "https://api.acme.example/p", "authorization": {"from": "static", "secret": CREDENTIAL}},
        **changes,
    }


def campaign_body(**changes: Any) -> dict[str, Any]:
    """Return the least that a campaign must say, and `changes`."""
    return {"partner_id": "acme", "name": "Spring 2027", **changes}


def partner_mistakes(body: object, previous: dict[str, Any] | None = None) -> dict[str, str]:
    """Return what is wrong with a partner's document: reasons by path."""
    return _mistakes(lambda: parse_partner_document(body, previous, OUTBOUND))


def campaign_mistakes(body: object) -> dict[str, str]:
    """Return what is wrong with a campaign's document: reasons by path."""
    return _mistakes(lambda: parse_campaign_document(body))


def _mistakes(parse: Any) -> dict[str, str]:
    try:
        parse()
    except RequestInvalid as error:
        return {mistake.path: mistake.reason for mistake in error.mistakes}
    return {}
