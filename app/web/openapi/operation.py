"""What a route says of itself: its address, what it takes, what it answers, and how it may fail.

A route is served with its operation, so that none is without one. Knows no handler and no document.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel

from app.domain.scopes import Scope
from app.errors import VestibuleError
from app.web.problems import PROBLEM_JSON

JSON: Final = "application/json"
HTML: Final = "text/html"

JsonSchema = Mapping[str, Any]
Place = Literal["path", "query", "header"]


class Tag(StrEnum):
    """What operations are grouped by, in the order in which they are shown; the value is the heading."""

    PARTICIPANTS = "Participants"
    PAGES = "Campaign pages"
    AUTHORIZATION = "Authorization"
    PARTNERS = "Partners"
    CAMPAIGNS = "Campaigns"
    KEY_SETS = "Key sets"
    ENCRYPTION = "Encryption"
    INSPECTOR = "Inspector"
    DELIVERY = "Delivery"
    AUDIT = "Audit"
    REFERENCE = "Reference"


class Security(StrEnum):
    """How a call shows that it may be made; the value names the scheme in the document."""

    NOTHING = ""
    SESSION_KEY = "sessionKey"
    CLIENT = "clientCredentials"
    BEARER = "accessToken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of the path, the query or the headers."""

    name: str
    place: Place
    description: str
    schema: JsonSchema
    example: object
    required: bool = False


@dataclass(frozen=True, slots=True)
class Content:
    """What a body holds: a model, or the JSON Schema of what has no model; with examples by name.

    Of a model that documents are made of, `is_stored` asks for the form in which it is given back.
    """

    schema: type[BaseModel] | JsonSchema
    examples: Mapping[str, object] = field(default_factory=dict)
    is_stored: bool = False


@dataclass(frozen=True, slots=True)
class Header:
    """A header of an answer; one that is not always there is not `required`."""

    description: str
    schema: JsonSchema
    required: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; without content it has no body. A status that errors have too may be listed for their sake."""

    status: int
    description: str
    content: Mapping[str, Content] = field(default_factory=dict)
    headers: Mapping[str, Header] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call. `errors` are those of its own; what every call of its kind may fail with is known by itself.

    `pattern` is the path as it is served, where that says more of a step than its name.
    """

    method: str
    path: str
    id: str
    tag: Tag
    summary: str
    answers: Sequence[Answer]
    description: str = ""
    parameters: Sequence[Parameter] = ()
    body: Mapping[str, Content] = field(default_factory=dict)
    body_required: bool = True
    errors: Sequence[type[VestibuleError]] = ()
    security: Security = Security.NOTHING
    error_type: str = PROBLEM_JSON
    asks_store: bool = True
    pattern: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagementOperation(Operation):
    """A call that needs a bearer with `scope`."""

    scope: Scope
    security: Security = Security.BEARER


@dataclass(frozen=True, slots=True)
class OperationRoute(web.AbstractRouteDef):
    """A route with its operation; one that answers GET answers HEAD too (RFC 9110 section 9.3.2)."""

    operation: Operation
    handler: Handler

    def register(self, router: web.UrlDispatcher) -> list[web.AbstractRoute]:
        """Add the route to a router."""
        operation = self.operation
        path = operation.pattern or operation.path
        if operation.method == "GET":
            return [router.add_get(path, self.handler, allow_head=True)]
        return [router.add_route(operation.method, path, self.handler)]


def json_answer(
    status: int,
    description: str,
    schema: type[BaseModel] | JsonSchema,
    example: object,
    headers: Mapping[str, Header] | None = None,
) -> Answer:
    """Return an answer of one JSON object."""
    return Answer(status, description, json_content(schema, example), headers or {})


def json_content(schema: type[BaseModel] | JsonSchema, example: object) -> dict[str, Content]:
    """Return JSON content with one example."""
    return {JSON: Content(schema, {"example": example})}
