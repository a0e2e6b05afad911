"""What may be said of the record of changes: the query that lists its entries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, ValidationError

from app.documents.fields import Identifier
from app.documents.listing import DEFAULT_PAGE, NO_CURSOR, Limit, Window, decode_cursor, to_moment
from app.documents.mistakes import mistakes_in
from app.domain.audit import AuditFilter
from app.errors import RequestInvalid

_MAX_DIGITS = 18
"""Of a number that both databases can compare."""


def _number(cursor: str) -> str:
    number = decode_cursor(cursor)
    if not number.isdecimal() or len(number) > _MAX_DIGITS:
        raise ValueError(NO_CURSOR)
    return number


class AuditQuery(Window):
    """The query of the list, all of it text; what is not given is no condition."""

    actor: Identifier | None = None
    action: Identifier | None = None
    subject: Identifier | None = None
    partner_id: Identifier | None = None
    cursor: Annotated[str, AfterValidator(_number)] | None = None
    limit: Limit = str(DEFAULT_PAGE)


@dataclass(frozen=True, slots=True)
class AuditPageAsked:
    """A page of the list: which entries, the number before which it begins, how many."""

    wanted: AuditFilter
    before: int | None
    limit: int


def parse_audit_query(query: Mapping[str, str]) -> AuditPageAsked:
    """Return the page that a query asks for; raise RequestInvalid with every mistake."""
    try:
        asked = AuditQuery.model_validate(dict(query))
    except ValidationError as error:
        raise RequestInvalid(mistakes_in(error, {})) from None
    wanted = AuditFilter(
        asked.actor, asked.action, asked.subject, asked.partner_id, to_moment(asked.since), to_moment(asked.until)
    )
    return AuditPageAsked(wanted, None if asked.cursor is None else int(asked.cursor), int(asked.limit))
