"""The document: OpenAPI 3.1, made of the operations that are served and of the models that validate and answer."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final, Literal

from aiohttp import web
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema

from app.domain.scopes import Scope
from app.web.openapi import parameters
from app.web.openapi.failures import failures, problem_examples
from app.web.openapi.member_texts import member_texts
from app.web.openapi.operation import (
    Answer,
    Content,
    Header,
    ManagementOperation,
    Operation,
    OperationRoute,
    Parameter,
    Security,
    Tag,
)
from app.web.openapi.shapes import ProblemShape

_Mode = Literal["validation", "serialization"]
_Schemas = Mapping[Any, JsonSchemaValue]
"""Of models in their modes."""

_DESCRIPTION: Final = """\
Recognises a campaign's participants before they reach the form.

JSON everywhere, UTF-8, moments in RFC 3339 UTC. Errors are problem details (RFC 9457) with a `code` that is never \
renamed. A body that is not strict JSON is answered with 400 `request_malformed`, one that says the wrong thing with \
422 `request_invalid` and every mistake. Every answer carries `X-Request-ID`, taken from the request if it is sane. An \
address that does not know a method answers 405 with `Allow`; what answers GET answers HEAD too.
"""
_SCHEMES: Final[Mapping[Security, Any]] = {
    Security.BEARER: {
        "type": "oauth2",
        "description": "An access token from our Authorization API, as bearer.",
        "flows": {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": {scope.value: "" for scope in Scope}}},
    },
    Security.SESSION_KEY: {"type": "http", "scheme": "bearer", "description": "The `session_key` of the session."},
    Security.CLIENT: {"type": "http", "scheme": "basic", "description": "Client id and secret; or both in the body."},
}


def openapi_document(routes: Iterable[web.AbstractRouteDef]) -> dict[str, Any]:
    """Return the document of the routes that have an operation."""
    served = [route.operation for route in routes if isinstance(route, OperationRoute)]
    tags = list(Tag)
    operations = sorted(served, key=lambda operation: tags.index(operation.tag))
    schemas, definitions = _schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Vestibule", "version": version("vestibule"), "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag.value} for tag in tags],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": {scheme.value: shown for scheme, shown in _SCHEMES.items()},
            "examples": problem_examples(operations),
            "headers": {
                "RequestId": _header(parameters.REQUEST_ID),
                "RetryAfter": _header(parameters.RETRY_AFTER),
                "Challenge": _header(parameters.CHALLENGE),
            },
        },
    }


class PlainSchemas(GenerateJsonSchema):
    """JSON Schemas of models as the document shows them."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Give members no title, which would only be their name again."""
        del schema
        return False

    def normalize_name(self, name: str) -> str:
        """Call a model what it is of."""
        return super().normalize_name(name).removesuffix("Shape")

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        """Describe members by what is written beneath them."""
        shown = super().model_schema(schema)
        for name, text in member_texts(schema["cls"]).items():
            shown["properties"][name]["description"] = text
        return shown

    def dict_schema(self, schema: Any) -> JsonSchemaValue:
        """Allow no names but those that the pattern allows."""
        shown = super().dict_schema(schema)
        return {**shown, "additionalProperties": False} if "patternProperties" in shown else shown

    def ser_schema(self, schema: Any) -> JsonSchemaValue | None:
        """Tell of what is stored as of what is sent, where a serializer only leaves members out."""
        return None if schema["type"] == "function-wrap" else super().ser_schema(schema)


def _schemas(operations: Sequence[Operation]) -> tuple[_Schemas, dict[str, Any]]:
    models: dict[tuple[Any, _Mode], None] = {(ProblemShape, "validation"): None}
    for operation in operations:
        contents = [
            *operation.body.values(),
            *(found for answer in operation.answers for found in answer.content.values()),
        ]
        models |= {(content.schema, _mode(content)): None for content in contents if isinstance(content.schema, type)}
    schemas, rest = models_json_schema(
        list(models), ref_template="#/components/schemas/{model}", schema_generator=PlainSchemas
    )
    definitions: dict[str, Any] = rest["$defs"]
    for definition in definitions.values():
        definition.pop("title", None)
    return schemas, dict(sorted(definitions.items()))


def _operation(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag.value],
        "summary": operation.summary,
    }
    if operation.description:
        shown["description"] = operation.description
    if operation.parameters:
        shown["parameters"] = [_parameter(parameter) for parameter in operation.parameters]
    if operation.body:
        shown["requestBody"] = {"required": operation.body_required, "content": _contents(operation.body, schemas)}
    shown["security"] = _security(operation)
    shown["responses"] = _responses(operation, schemas)
    return shown


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    match operation.security:
        case Security.NOTHING:
            return []
        case Security.CLIENT:  # or in the body
            return [{Security.CLIENT.value: []}, {}]
        case Security.SESSION_KEY:
            return [{Security.SESSION_KEY.value: []}]
        case Security.BEARER:
            scopes = [operation.scope.value] if isinstance(operation, ManagementOperation) else []
            return [{Security.BEARER.value: scopes}]


def _responses(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    responses = failures(operation)
    for answer in operation.answers:
        shown = _answer(answer, schemas)
        failed = responses.get(answer.status)
        if failed is not None:  # one status for an answer of the operation's own and for problems
            shown["description"] = f"{shown['description']} {failed['description']}"
            shown["content"] = {**failed["content"], **shown["content"]}
            shown["headers"] = {**failed["headers"], **_optional(shown["headers"])}
        responses[answer.status] = shown
    return {str(status): responses[status] for status in sorted(responses)}


def _answer(answer: Answer, schemas: _Schemas) -> dict[str, Any]:
    shown: dict[str, Any] = {"description": answer.description}
    if answer.content:
        shown["content"] = _contents(answer.content, schemas)
    headers = {name: _header(header) for name, header in answer.headers.items()}
    shown["headers"] = {"X-Request-ID": {"$ref": "#/components/headers/RequestId"}, **headers}
    return shown


def _optional(headers: Mapping[str, Any]) -> dict[str, Any]:
    return {name: header if "$ref" in header else {**header, "required": False} for name, header in headers.items()}


def _contents(contents: Mapping[str, Content], schemas: _Schemas) -> dict[str, Any]:
    return {media_type: _content(content, schemas) for media_type, content in contents.items()}


def _content(content: Content, schemas: _Schemas) -> dict[str, Any]:
    schema = schemas[content.schema, _mode(content)] if isinstance(content.schema, type) else dict(content.schema)
    shown: dict[str, Any] = {"schema": schema}
    if content.examples:
        shown["examples"] = {name: {"value": value} for name, value in content.examples.items()}
    return shown


def _mode(content: Content) -> _Mode:
    return "serialization" if content.is_stored else "validation"


def _header(header: Header) -> dict[str, Any]:
    return {"description": header.description, "required": header.required, "schema": dict(header.schema)}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        "required": parameter.required,
        "schema": dict(parameter.schema),
        "example": parameter.example,
    }
