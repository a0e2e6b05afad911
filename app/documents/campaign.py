"""A campaign's document: what it may say, and what the journey makes of it.

That its partner exists is not known here; the step that stores it looks.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError

from app.documents.fields import (
    UNIQUE,
    WHOLE,
    Document,
    Identifier,
    Language,
    Message,
    Name,
    Origin,
    Page,
    Shown,
    Variable,
    integral,
    repeated,
    twice,
)
from app.documents.mistakes import mistakes_in
from app.domain.campaign import MAX_SESSION_TTL, Campaign, FormField, Mode, Screen
from app.errors import Mistake, RequestInvalid
from app.reasons import ParticipationReason

_MAX_TTL_SECONDS = int(MAX_SESSION_TTL.total_seconds())
_MAX_ENTRIES = 100
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
_MAX_ALIAS_DIGITS = 10**256
# https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#autofill
# fmt: off
_AUTOCOMPLETE = frozenset({
    "off", "on", "name", "honorific-prefix", "given-name", "additional-name", "family-name", "honorific-suffix",
    "nickname", "username", "organization-title", "organization", "street-address", "address-line1",
    "address-line2", "address-line3", "address-level1", "address-level2", "address-level3", "address-level4",
    "country", "country-name", "postal-code", "language", "bday", "bday-day", "bday-month", "bday-year", "sex",
    "url", "tel", "tel-country-code", "tel-national", "tel-area-code", "tel-local", "tel-extension", "email",
    "impp",
})
# fmt: on


def _alias(sent: object) -> object:
    number = integral(sent)
    is_number = isinstance(number, int) and not isinstance(number, bool) and abs(number) < _MAX_ALIAS_DIGITS
    return str(number) if is_number else sent  # a token's campaignId is compared as text


def _autocomplete(value: str) -> str:
    if value not in _AUTOCOMPLETE:
        raise ValueError("This must be an autofill field name of HTML, such as given-name or email.")
    return value


def _colour(value: str) -> str:
    if not _COLOUR.fullmatch(value):
        raise ValueError("This must be a colour as #rrggbb.")
    return value


def _lets_colours_be_absent(schema: dict[str, Any]) -> None:
    schema["required"] = [name for name in schema["required"] if name != "colours"]


Alias = Annotated[Identifier, BeforeValidator(_alias), Shown({"type": ["string", "integer"]}, is_sent_alone=True)]
Autocomplete = Annotated[str, AfterValidator(_autocomplete), Shown({"enum": sorted(_AUTOCOMPLETE)})]
Texts = Annotated[dict[Language, Name], Field(min_length=1, max_length=_MAX_ENTRIES)]


class ScreenDocument(Document):
    """What one who may not play is shown."""

    title: Name
    message: Message
    return_url: Page | None = None


class ScreensDocument(Document):
    """The screens of one language; for those not given there are neutral words."""

    not_eligible: ScreenDocument | None = None
    limit_reached: ScreenDocument | None = None
    token_rejected: ScreenDocument | None = None


class FieldDocument(Document):
    """One field of the form step."""

    name: Variable
    """What the prefill calls the field."""
    label: Texts
    """By language."""
    type: Literal["text", "email", "tel", "url", "date", "number", "checkbox", "textarea"] = "text"
    autocomplete: Autocomplete | None = None
    """An autofill field name of HTML."""
    required: bool = False


class ColoursDocument(Document):
    """The colour of the campaign's pages; all others are made from it."""

    accent: Annotated[str, AfterValidator(_colour), Shown.pattern(_COLOUR.pattern)]


def _names_of_fields(form: Sequence[FieldDocument]) -> list[Mistake]:
    names = [field.name for field in form]
    return [Mistake(f"form[{index}].name", "Two fields have this name.") for index in repeated(names)]


class CampaignDocument(Document):
    """The whole document; a member that is not given has the default that stands here."""

    model_config = ConfigDict(json_schema_extra=_lets_colours_be_absent)

    partner_id: Identifier
    """Whose tokens are taken."""
    name: Name
    """What the page is called."""
    aliases: Annotated[list[Alias], Field(max_length=_MAX_ENTRIES), UNIQUE] = Field(default_factory=list)
    """What else `campaignId` may say in a token; a whole number is taken as text."""
    mode: Literal["required", "optional", "report_only"] = "required"
    """Whether a token must be accepted to play, may be, or is only reported on."""
    single_use: bool = False
    """Whether a token counts once, by its `jti`."""
    session_ttl_seconds: Annotated[int, Field(ge=1, le=_MAX_TTL_SECONDS), WHOLE] = 86400
    """How long a session can be read and played with."""
    prefill_deadline_seconds: Annotated[int, Field(ge=1, le=300), WHOLE] = 10
    """How long a participant waits for the prefill."""
    allowed_origins: Annotated[list[Origin], Field(max_length=_MAX_ENTRIES), UNIQUE] = Field(default_factory=list)
    """Which pages may call from a browser, and frame the campaign page."""
    languages: Annotated[list[Language], Field(min_length=1, max_length=_MAX_ENTRIES), UNIQUE] = Field(
        default_factory=lambda: ["en"]
    )
    """In which languages there are texts, the first by default."""
    screens: Annotated[dict[Language, ScreensDocument], Field(max_length=_MAX_ENTRIES)] = Field(default_factory=dict)
    """What one who may not play is shown, by language."""
    form: Annotated[list[FieldDocument], Field(max_length=_MAX_ENTRIES)] = Field(default_factory=list)
    """The fields of the form step, in their order."""
    colours: ColoursDocument | None = None

    rules = (
        lambda aliases: twice("aliases", aliases),
        lambda allowed_origins: twice("allowed_origins", allowed_origins),
        lambda languages: twice("languages", languages),
        _names_of_fields,
    )


def parse_campaign_document(body: object) -> dict[str, Any]:
    """Return the canonical document that `body` says, all defaults filled; raise RequestInvalid with every mistake.

    Only `colours` stands there only if it was given.
    """
    try:
        document = CampaignDocument.model_validate(body)
    except ValidationError as error:
        raise RequestInvalid(mistakes_in(error, {})) from None
    return document.model_dump(exclude={"colours"} if document.colours is None else None)


def to_campaign(id_: str, version: int, document: Mapping[str, Any]) -> Campaign:
    """Return the campaign that a canonical document describes."""
    return Campaign(
        id=id_,
        version=version,
        partner_id=document["partner_id"],
        name=document["name"],
        aliases=frozenset(document["aliases"]),
        mode=Mode(document["mode"]),
        single_use=document["single_use"],
        session_ttl=timedelta(seconds=document["session_ttl_seconds"]),
        prefill_deadline=timedelta(seconds=document["prefill_deadline_seconds"]),
        allowed_origins=tuple(document["allowed_origins"]),
        languages=tuple(document["languages"]),
        screens={language: _screens(screens) for language, screens in document["screens"].items()},
        form=tuple(FormField(**field) for field in document["form"]),
        accent=document.get("colours", {}).get("accent"),
    )


def _screens(screens: Mapping[str, Any]) -> dict[ParticipationReason, Screen]:
    return {ParticipationReason(reason): Screen(**screen) for reason, screen in screens.items() if screen is not None}
