"""The demo partner's participants, all of them invented, as its API knows them."""

from collections.abc import Mapping
from typing import Final

Person = Mapping[str, object]

SLOW: Final = "grace-slow"
"""The API takes its time over this participant."""
DOWN: Final = "alan-down"
"""The API is out of order for this participant, until it is mended."""
ADA: Final = "ada"
JOAN: Final = "joan"

PEOPLE: Final[Mapping[str, Person]] = {
    ADA: {
        "profile": {"given_name": "Ada", "family_name": "Martin", "birthdate": "1990-12-10"},
        "contact": {"email": "ada.martin@example.com", "phone": "+33 6 39 98 01 02"},
        "consents": {"newsletter": True},
    },
    SLOW: {
        "profile": {"given_name": "Grace", "family_name": "Moreau", "birthdate": "1986-12-09"},
        "contact": {"email": "grace.moreau@example.com", "phone": "+33 6 39 98 03 04"},
        "consents": {"newsletter": False},
    },
    DOWN: {
        "profile": {"given_name": "Alan", "family_name": "Petit", "birthdate": "1992-06-23"},
        "contact": {"email": "alan.petit@example.com", "phone": "+33 6 39 98 07 08"},
        "consents": {"newsletter": True},
    },
}
"""By `sub`; phone numbers are of the range that France keeps for fiction."""

TOKEN_FORM: Final[Mapping[str, str]] = {
    "firstname": "Joan",
    "lastname": "Bernard",
    "email": "joan.bernard@example.com",
    "phone": "+33 6 39 98 05 06",
    "birthdate": "1994-06-24",
}
"""What a token of the demo partner carries where it carries the data itself."""
TOKEN_OPTIN: Final[Mapping[str, str]] = {"newsletter": "1"}
