"""How a partner's participant API is called: its address, the credential, the mapping of its answer, the limits."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field

from app.documents.fields import WHOLE, Document, Identifier, Short, Shown, Variable
from app.documents.mapping import MAX_EXPRESSION_CHARACTERS, MappingRefused, check_expression
from app.documents.urls import OutsideTemplate
from app.domain.partner import Authorization, AuthorizationSource, PrefillConfig
from app.domain.prefill import MAX_KEYS

UNIONS: Final[Mapping[tuple[str, ...], str]] = {("prefill", "authorization"): "from"}
"""Where a document holds one of several forms, and the member that says which."""

_CREDENTIAL_CHARACTERS = frozenset(map(chr, range(0x21, 0x7F)))


def _expression(text: str) -> str:
    try:
        check_expression(text)
    except MappingRefused as refusal:
        raise ValueError(f"This is not a JMESPath expression that can be used: {refusal}.") from None
    return text


def _credential(secret: str) -> str:
    if not _CREDENTIAL_CHARACTERS.issuperset(secret):
        raise ValueError("This must hold only visible ASCII characters, since it is sent in a header.")
    return secret


Expression = Annotated[str, Field(min_length=1, max_length=MAX_EXPRESSION_CHARACTERS), AfterValidator(_expression)]
Variables = Annotated[dict[Variable, Expression], Field(max_length=MAX_KEYS)]


class _From(Document):
    # `from` is no name that Python lets a field have.
    model_config = ConfigDict(validate_by_alias=True, validate_by_name=False, serialize_by_alias=True)


class ClaimAuthorization(_From):
    """The access token that stands in a claim."""

    source: Literal["claim"] = Field(alias="from")
    name: Identifier = "access_token"
    """What the claim is called."""


class TokenAuthorization(_From):
    """The signed token itself."""

    source: Literal["token"] = Field(alias="from")


class StaticAuthorization(_From):
    """A credential of ours for that partner."""

    source: Literal["static"] = Field(alias="from")
    secret: Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_credential), Shown.pattern("[!-~]*")]
    """Write-only: an answer shows a mask, which keeps what is stored when it is sent back."""


class NoAuthorization(_From):
    """No credential."""

    source: Literal["none"] = Field(alias="from")


AuthorizationDocument = Annotated[
    ClaimAuthorization | TokenAuthorization | StaticAuthorization | NoAuthorization, Field(discriminator="source")
]


def _default_authorization() -> ClaimAuthorization:
    return ClaimAuthorization.model_validate({"from": "claim"})


class MappingDocument(Document):
    """JMESPath expressions by variable."""

    form: Variables = Field(default_factory=dict)
    """Of the fields of the form."""
    optin: Variables = Field(default_factory=dict)
    """Of the consents."""


class PrefillDocument(Document):
    """The `prefill` member of a partner."""

    url: OutsideTemplate
    """Where a participant is found; `{sub}` and `{campaign_id}` stand for what the token says."""
    method: Literal["GET", "POST"] = "GET"
    authorization: AuthorizationDocument = Field(default_factory=_default_authorization)
    """Which credential the call carries."""
    mapping: MappingDocument | None = None
    """Which members of the answer fill the form; null: its members `form` and `optin` as they are."""
    timeout_seconds: Annotated[float, Field(ge=0.1, le=30), Short] = 5
    """How long one call may take."""
    max_concurrency: Annotated[int, Field(ge=1, le=10000), WHOLE] = 50
    """How many calls may be under way at once, over all processes."""
    rate_per_second: Annotated[float, Field(ge=0.01, le=100000), Short] | None = None
    """How many calls may begin in a second, over all processes; null: any number."""


def prefill_config(document: Mapping[str, Any]) -> PrefillConfig:
    """Return the canonical `prefill` member as the journey needs it."""
    authorization, mapping = document["authorization"], document["mapping"]
    return PrefillConfig(
        url=document["url"],
        method=document["method"],
        authorization=Authorization(
            AuthorizationSource(authorization["from"]), authorization.get("name"), authorization.get("secret")
        ),
        timeout=timedelta(seconds=document["timeout_seconds"]),
        max_concurrency=document["max_concurrency"],
        rate_per_second=document["rate_per_second"],
        form_mapping=None if mapping is None else mapping["form"],
        optin_mapping=None if mapping is None else mapping["optin"],
    )
