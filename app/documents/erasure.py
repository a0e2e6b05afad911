"""What may be said of a deletion: the query."""

from collections.abc import Mapping
from typing import Literal

from pydantic import ValidationError

from app.documents.fields import Document
from app.documents.mistakes import mistakes_in
from app.errors import RequestInvalid


class ErasureQuery(Document):
    """Whether what was played still counts."""

    plays: Literal["count", "forget"] = "count"


def parse_erasure_query(query: Mapping[str, str]) -> ErasureQuery:
    """Return what a query asks for; raise RequestInvalid with every mistake."""
    try:
        return ErasureQuery.model_validate(dict(query))
    except ValidationError as error:
        raise RequestInvalid(mistakes_in(error, {})) from None
