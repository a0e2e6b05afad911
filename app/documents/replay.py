"""What may be said of dead letters and replays: the body that asks for a replay, the query that lists dead letters.

Whether the caller may see what is named is not known here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, ConfigDict, Field, ValidationError, model_validator

from app.documents.fields import Document, Identifier, Short, Shown, said
from app.documents.listing import DEFAULT_PAGE, NO_CURSOR, Limit, Window, decode_cursor, to_moment
from app.documents.mistakes import mistakes_in
from app.domain.dead_letter import LetterFilter
from app.domain.replay import ReplayFilter, ReplayOrder
from app.errors import RequestInvalid
from app.reasons import PrefillReason

DEFAULT_RATE: Final = 20
MAX_RATE: Final = 1000

_CLASSES = tuple(PrefillReason)


def _error_class(value: str) -> str:
    if value not in _CLASSES:
        raise ValueError(f"This must be one of {', '.join(_CLASSES)}.")
    return value


def _place(cursor: str) -> str:
    place = decode_cursor(cursor)
    if not place.isprintable() or "/" not in place:
        raise ValueError(NO_CURSOR)
    return place


ErrorClass = Annotated[str, AfterValidator(_error_class), Shown({"enum": list(_CLASSES)})]


class FilterDocument(Window):
    """Which dead letters; a member that is not given, or null, is no condition."""

    partner_id: Identifier | None = None
    campaign_id: Identifier | None = None
    error_class: ErrorClass | None = None

    def members(self) -> dict[str, Any]:
        """Return the members of a LetterFilter."""
        return {
            "partner_id": self.partner_id,
            "campaign_id": self.campaign_id,
            "error_class": None if self.error_class is None else PrefillReason(self.error_class),
            "since": to_moment(self.since),
            "until": to_moment(self.until),
        }


class LetterQuery(FilterDocument):
    """The query of the list, all of it text."""

    cursor: Annotated[str, AfterValidator(_place)] = ""
    limit: Limit = str(DEFAULT_PAGE)


class ReplayFilterDocument(FilterDocument):
    """The filter of a replay: it must say something."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [said(name) for name in FilterDocument.model_fields]})

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if all(value is None for value in self.members().values()):
            raise ValueError("This must have at least one of partner_id, campaign_id, error_class, since and until.")
        return self


class ReplayDocument(Document):
    """The body that asks for a replay."""

    filter: ReplayFilterDocument
    rate_per_second: Annotated[float, Field(ge=0.1, le=MAX_RATE), Short] = DEFAULT_RATE
    force: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class LetterPageAsked:
    """A page of the list: which dead letters, the place behind which it begins (empty: the first), how many."""

    wanted: LetterFilter
    after: str
    limit: int


def parse_replay_order(body: object) -> ReplayOrder:
    """Return the replay that `body` asks for; raise RequestInvalid with every mistake."""
    try:
        document = ReplayDocument.model_validate(body)
    except ValidationError as error:
        raise RequestInvalid(mistakes_in(error, {})) from None
    return ReplayOrder(
        ReplayFilter(**document.filter.members()), document.rate_per_second, document.force, document.dry_run
    )


def parse_letter_query(query: Mapping[str, str]) -> LetterPageAsked:
    """Return the page that a query asks for; raise RequestInvalid with every mistake."""
    try:
        document = LetterQuery.model_validate(dict(query))
    except ValidationError as error:
        raise RequestInvalid(mistakes_in(error, {})) from None
    return LetterPageAsked(LetterFilter(**document.members()), document.cursor, int(document.limit))
