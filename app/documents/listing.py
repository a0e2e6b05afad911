"""What the queries of all lists share: a window of time, how many at once, where a page begins."""

import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, ValidationError

from app.documents.fields import Document, Moment, Shown
from app.documents.mistakes import mistakes_in
from app.errors import Mistake, RequestInvalid

MAX_PAGE: Final = 200
DEFAULT_PAGE: Final = 50
NO_CURSOR: Final = "This is not a cursor that a list has given."


def _window(since: Moment | None, until: Moment | None) -> list[Mistake]:
    begins_at, ends_at = to_moment(since), to_moment(until)
    is_empty = begins_at is not None and ends_at is not None and ends_at <= begins_at
    return [Mistake("until", "This must be later than since.")] if is_empty else []


class Window(Document):
    """From when, inclusive, until when; a member that is not given, or null, is no bound."""

    since: Moment | None = None
    until: Moment | None = None

    rules = (_window,)


def _limit(sent: str) -> str:
    if not re.fullmatch(r"[0-9]{1,4}", sent) or not 1 <= int(sent) <= MAX_PAGE:
        raise ValueError(f"This must be a whole number from 1 to {MAX_PAGE}.")
    return sent


Limit = Annotated[str, AfterValidator(_limit), Shown({"type": "integer", "minimum": 1, "maximum": MAX_PAGE})]


def decode_cursor(cursor: str) -> str:
    """Return the place that a cursor names; raise ValueError if it is none."""
    try:
        return b64decode(cursor, altchars=b"-_", validate=True).decode("ascii")
    except ValueError:
        raise ValueError(NO_CURSOR) from None


def _place(cursor: str) -> str:
    place = decode_cursor(cursor)
    if not place.isprintable():
        raise ValueError(NO_CURSOR)
    return place


class PageQuery(Document):
    """The query of a list by id, all of it text."""

    cursor: Annotated[str, AfterValidator(_place)] | None = None
    limit: Limit = str(DEFAULT_PAGE)


@dataclass(frozen=True, slots=True)
class PageAsked:
    """A page of a list by id: the id behind which it begins (None: the first page), how many."""

    after: str | None
    limit: int


def parse_page_query(query: Mapping[str, str]) -> PageAsked:
    """Return the page that a query asks for; raise RequestInvalid with every mistake."""
    try:
        asked = PageQuery.model_validate(dict(query))
    except ValidationError as error:
        raise RequestInvalid(mistakes_in(error, {})) from None
    return PageAsked(asked.cursor, int(asked.limit))


def to_moment(text: str | None) -> datetime | None:
    """Return the moment that a Moment spells, in UTC."""
    return None if text is None else datetime.fromisoformat(text.upper()).astimezone(UTC)
