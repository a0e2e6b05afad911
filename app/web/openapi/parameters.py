"""Parameters and headers that several operations have."""

from typing import Final

from app.steps.configure import DOCUMENT_ID
from app.web.openapi.operation import Header, JsonSchema, Parameter

PARTNER: Final = "acme"
CAMPAIGN: Final = "945645"
SESSION: Final = "ses_01k83topnb2u00bsj1svpu2v2v"
REPLAY: Final = "rpl_01k83tq2c5v0r0g6h6i8c2b4n6"
JWS: Final = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsxIn0.eyJzdWIiOiJhZGEiLCJpc3MiOiJhY21lIn0.c2lnbmF0dXJl"
JWE: Final = "eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00ifQ.a2V5.aXY.dG9rZW4.dGFn"
MOMENT: Final = "2027-03-01T12:00:00.123Z"


def whole(pattern: str) -> str:
    """Return a pattern that the whole text must match, as JSON Schema spells it (ECMA 262)."""
    return f"^(?:{pattern})$"


def text(pattern: str = "") -> JsonSchema:
    """Return the schema of text, by a pattern of the whole if one is given."""
    return {"type": "string", "pattern": whole(pattern)} if pattern else {"type": "string"}


PARTNER_ID: Final = Parameter(
    name="partner_id",
    place="path",
    description="The partner's id.",
    schema=text(DOCUMENT_ID.pattern),
    example=PARTNER,
    required=True,
)
CAMPAIGN_ID: Final = Parameter(
    name="campaign_id",
    place="path",
    description="The campaign's id.",
    schema=text(DOCUMENT_ID.pattern),
    example=CAMPAIGN,
    required=True,
)
SESSION_ID: Final = Parameter(
    name="session_id",
    place="path",
    description="The session's id.",
    schema=text("ses_[0-9a-v]{26}"),
    example=SESSION,
    required=True,
)
ETAG: Final = Header("The version of the document, a strong tag.", text('"[1-9][0-9]*"'))
LOCATION: Final = Header("Where it is found.", text("/.*"))
REQUEST_ID: Final = Header("What the request is called in our log; taken from the request if it is sane.", text())
RETRY_AFTER: Final = Header("After how many seconds it is worth trying again.", {"type": "integer", "minimum": 1})
CHALLENGE: Final = Header("How to authenticate (RFC 6750 section 3, RFC 7617).", text())
SCREEN_LANGUAGE: Final = Header("Which language the screen is in, where there is one.", text(), required=False)
KEPT: Final = Header("How long the answer may be kept.", text())
