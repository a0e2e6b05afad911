"""What may be said of dead letters and replays: the body that asks for a replay, the query that lists dead letters.

Whether the caller may see what is named is not known here.
"""

import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from app.documents.fields import Document, Identifier, Moment, Number
from app.documents.mistakes import mistakes_in, refuse_if_any
from app.domain.dead_letter import LetterFilter
from app.domain.replay import ReplayFilter, ReplayOrder
from app.errors import Mistake, RequestInvalid
from app.reasons import PrefillReason

MAX_PAGE: Final = 200
DEFAULT_PAGE: Final = 50
DEFAULT_RATE: Final = 20
MAX_RATE: Final = 1000

_CLASSES = tuple(PrefillReason)


def _error_class(value: str) -> str:
    if value not in _CLASSES:
        raise ValueError(f"This must be one of {', '.join(_CLASSES)}.")
    return value


def _place(cursor: str) -> str:
    try:
        place = b64decode(cursor, altchars=b"-_", validate=True).decode("ascii")
    except ValueError:
        place = ""
    if not place.isprintable() or "/" not in place:
        raise ValueError("This is not a cursor that a list has given.")
    return place


def _limit(sent: str) -> str:
    if not re.fullmatch(r"[0-9]{1,4}", sent) or not 1 <= int(sent) <= MAX_PAGE:
        raise ValueError(f"This must be a whole number from 1 to {MAX_PAGE}.")
    return sent


ErrorClass = Annotated[str, AfterValidator(_error_class)]


class FilterDocument(Document):
    """Which dead letters; a member that is not given, or null, is no condition."""

    partner_id: Identifier | None = None
    campaign_id: Identifier | None = None
    error_class: ErrorClass | None = None
    since: Moment | None = None
    until: Moment | None = None

    @model_validator(mode="after")
    def _window(self) -> Self:
        since, until = _moment(self.since), _moment(self.until)
        if since is not None and until is not None and until <= since:
            refuse_if_any([Mistake("until", "This must be later than since.")])
        return self

    def members(self) -> dict[str, Any]:
        """Return the members of a LetterFilter."""
        return {
            "partner_id": self.partner_id,
            "campaign_id": self.campaign_id,
            "error_class": None if self.error_class is None else PrefillReason(self.error_class),
            "since": _moment(self.since),
            "until": _moment(self.until),
        }


class LetterQuery(FilterDocument):
    """The query of the list, all of it text."""

    cursor: Annotated[str, AfterValidator(_place)] = ""
    limit: Annotated[str, AfterValidator(_limit)] = str(DEFAULT_PAGE)


class ReplayFilterDocument(FilterDocument):
    """The filter of a replay: it must say something."""

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if all(value is None for value in self.members().values()):
            raise ValueError("This must have at least one of partner_id, campaign_id, error_class, since and until.")
        return self


class ReplayDocument(Document):
    """The body that asks for a replay."""

    filter: ReplayFilterDocument
    rate_per_second: Annotated[Number, Field(ge=0.1, le=MAX_RATE)] = DEFAULT_RATE
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


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text.upper())
