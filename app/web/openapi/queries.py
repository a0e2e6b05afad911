"""Parameters of a query out of the model that validates it."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from app.documents.listing import DEFAULT_PAGE
from app.web.openapi import parameters
from app.web.openapi.operation import Parameter

Told = Mapping[str, tuple[str, object]]
"""What is said of each parameter, and an example, by name."""

PAGE_CURSOR: Final = "The `cursor` of the page before; the first page without one."

_OFTEN: Final[Told] = {
    "partner_id": ("Of this partner.", parameters.PARTNER),
    "campaign_id": ("Of this campaign.", parameters.CAMPAIGN),
    "since": ("Not before this moment.", "2027-03-01T00:00:00Z"),
    "until": ("Before this moment.", "2027-04-01T00:00:00Z"),
    "cursor": (PAGE_CURSOR, "MjAyNy0wMy0wMVQxMjowMDowMFovMQ=="),
    "limit": (f"How many entries a page has at most; {DEFAULT_PAGE} if it is not said.", 20),
}


def query_parameters(model: type[BaseModel], told: Told) -> tuple[Parameter, ...]:
    """Return a parameter for each field of `model`; `told` of those that are not in every list."""
    members = model.model_json_schema()["properties"]
    return tuple(_parameter(name, member, *{**_OFTEN, **told}[name]) for name, member in members.items())


def _parameter(name: str, member: Mapping[str, Any], description: str, example: object) -> Parameter:
    """Return the parameter; where it is not given it is left out, so that it is never null and has no default."""
    [schema] = [form for form in member.get("anyOf", [member]) if form.get("type") != "null"]
    shown = {key: value for key, value in schema.items() if key not in {"title", "default"}}
    return Parameter(name=name, place="query", description=description, schema=shown, example=example)
