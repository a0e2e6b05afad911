"""The documents that the demo partner and its campaign are configured with, as one would PUT them."""

from collections.abc import Sequence
from typing import Any, Final

PARTNER_ID: Final = "demo"
CAMPAIGN_ID: Final = "demo"
ISSUER: Final = "demo-partner"
SIGNING_ALGORITHM: Final = "RS256"


def partner_document(base_url: str, encryption_secret: str) -> dict[str, Any]:
    """Return the partner's document, given where its endpoints stand."""
    return {
        "name": "Aurora",
        "issuer": ISSUER,
        "signature": {"method": "jwks", "jwks_url": f"{base_url}/jwks.json", "algorithms": [SIGNING_ALGORITHM]},
        "encryption": {"method": "shared_secret", "keys": [{"secret": encryption_secret}], "required": False},
        "prefill": {
            "url": f"{base_url}/participants/{{sub}}",
            "authorization": {"from": "claim", "name": "access_token"},
            "mapping": {
                "form": {
                    "firstname": "profile.given_name",
                    "lastname": "profile.family_name",
                    "birthdate": "profile.birthdate",
                    "email": "contact.email",
                    "phone": "contact.phone",
                },
                "optin": {"newsletter": "consents.newsletter"},
            },
        },
    }


def campaign_document(return_url: str, origins: Sequence[str]) -> dict[str, Any]:
    """Return the campaign's document: the refused are shown the way to `return_url`; `origins` may embed it."""
    return {
        "partner_id": PARTNER_ID,
        "name": "A day at the spa",
        "prefill_deadline_seconds": 6,
        "allowed_origins": list(origins),
        "languages": ["en", "fr"],
        "screens": {"en": _english_screens(return_url), "fr": _french_screens(return_url)},
        "form": form_fields(),
        "colours": {"accent": "#743a5a"},
    }


def form_fields() -> list[dict[str, Any]]:
    """Return the fields of the campaign's form, which are those of the partner's own page too."""
    return [
        _field("firstname", "First name", "Prénom", "text", "given-name", required=True),
        _field("lastname", "Last name", "Nom", "text", "family-name", required=True),
        _field("email", "Email", "E-mail", "email", "email", required=True),
        _field("phone", "Phone", "Téléphone", "tel", "tel"),
        _field("birthdate", "Date of birth", "Date de naissance", "date", "bday"),
        _field("newsletter", "Send me Aurora's newsletter", "Je m'abonne à la lettre d'Aurora", "checkbox", None),
    ]


def _field(
    name: str, english: str, french: str, type_: str, autocomplete: str | None, *, required: bool = False
) -> dict[str, Any]:
    return {
        "name": name,
        "label": {"en": english, "fr": french},
        "type": type_,
        "autocomplete": autocomplete,
        "required": required,
    }


def _english_screens(return_url: str) -> dict[str, Any]:
    return {
        "not_eligible": {
            "title": "This one is for members",
            "message": "The spa day is a thank-you to Aurora members. Become one, and we will see you next time.",
            "return_url": return_url,
        },
        "limit_reached": {
            "title": "You have already taken part",
            "message": "Everyone has one go. We draw the winners on 1 June and write to them by email.",
            "return_url": return_url,
        },
        "token_rejected": {
            "title": "This link is no longer valid",
            "message": "Please open the campaign again from your Aurora account.",
            "return_url": return_url,
        },
    }


def _french_screens(return_url: str) -> dict[str, Any]:
    return {
        "not_eligible": {
            "title": "Réservé aux membres",
            "message": "Cette journée au spa remercie les membres Aurora. Rejoignez-les : à la prochaine !",
            "return_url": return_url,
        },
        "limit_reached": {
            "title": "Vous avez déjà participé",
            "message": "Une participation par personne. Tirage au sort le 1er juin, les gagnants reçoivent un e-mail.",
            "return_url": return_url,
        },
        "token_rejected": {
            "title": "Ce lien n'est plus valable",
            "message": "Merci d'ouvrir à nouveau la campagne depuis votre compte Aurora.",
            "return_url": return_url,
        },
    }
