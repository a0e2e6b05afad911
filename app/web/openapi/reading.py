"""What the reference page shows of the document: operations by tag, each laid out for reading; the models by member.

Decides what is said and in which order; knows no HTML.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_COMPONENT: Final = "#/components/schemas/"
_BOUNDS: Final = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} entries",
    "maxItems": "at most {} entries",
    "minProperties": "at least {} members",
    "maxProperties": "at most {} members",
    "pattern": "like {}",
}
_BEARER: Final = '-H "Authorization: Bearer $TOKEN"'
_SECRETS: Final = {"accessToken": "bearer", "sessionKey": "the session's key as bearer", "clientCredentials": "client"}


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a type; `model` is the one that it names, if it does."""

    text: str
    model: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """A parameter, or a member of a model."""

    name: str
    place: str
    type: Sequence[Word]
    required: bool
    description: str
    bounds: str


@dataclass(frozen=True, slots=True)
class Body:
    """What a body holds."""

    media_type: str
    type: Sequence[Word]
    examples: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Response:
    """One answer; `codes` are those of its problems."""

    status: str
    description: str
    codes: Sequence[str]
    headers: Sequence[str]
    bodies: Sequence[Body]


@dataclass(frozen=True, slots=True)
class Call:
    """One operation."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    needs: str
    curl: str
    parameters: Sequence[Member]
    bodies: Sequence[Body]
    responses: Sequence[Response]


@dataclass(frozen=True, slots=True)
class Group:
    """The operations of one tag."""

    name: str
    calls: Sequence[Call]


@dataclass(frozen=True, slots=True)
class Model:
    """A model: its members, or what it is where it has none."""

    name: str
    description: str
    type: Sequence[Word]
    members: Sequence[Member]


def read_groups(document: Mapping[str, Any]) -> list[Group]:
    """Return the operations by tag, in the order of the document."""
    calls: dict[str, list[Call]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            calls[operation["tags"][0]].append(_call(method.upper(), path, operation, document))
    return [Group(name, found) for name, found in calls.items() if found]


def read_models(document: Mapping[str, Any]) -> list[Model]:
    """Return the models by name."""
    return [_model(name, schema) for name, schema in document["components"]["schemas"].items()]


def _call(method: str, path: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> Call:
    responses = operation["responses"].items()
    return Call(
        id=operation["operationId"],
        method=method,
        path=path,
        summary=operation["summary"],
        description=operation.get("description", ""),
        needs=_needs(operation["security"]),
        curl=_curl(method, path, operation),
        parameters=[_parameter(parameter) for parameter in operation.get("parameters", ())],
        bodies=_bodies(operation.get("requestBody", {}), document),
        responses=[_response(status, response, document) for status, response in responses],
    )


def _needs(security: Sequence[Mapping[str, Sequence[str]]]) -> str:
    for requirement in security:
        for scheme, scopes in requirement.items():
            return " ".join((_SECRETS[scheme], *scopes))
    return "public"


def _curl(method: str, path: str, operation: Mapping[str, Any]) -> str:
    """Return the call as it is made with curl: what is required alone, with the first example of a body."""
    for parameter in operation.get("parameters", ()):
        path = path.replace(f"{{{parameter['name']}}}", str(parameter["example"]))
    lines = [f'curl -X {method} "$VESTIBULE_URL{path}"']
    if any(operation["security"]):
        schemes = operation["security"][0]
        lines.append('-u "$CLIENT_ID:$CLIENT_SECRET"' if "clientCredentials" in schemes else _BEARER)
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        value = next(iter(content["examples"].values()))["value"]
        if "urlencoded" in media_type:
            lines.append("-d grant_type=client_credentials")
        else:
            sent = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            lines += [f'-H "Content-Type: {media_type}"', f"-d '{sent}'"]
        break
    return " \\\n  ".join(lines)


def _parameter(parameter: Mapping[str, Any]) -> Member:
    schema = parameter["schema"]
    return Member(
        name=parameter["name"],
        place=parameter["in"],
        type=list(_words(schema)),
        required=parameter["required"],
        description=parameter["description"],
        bounds=_bounds(schema),
    )


def _bodies(holder: Mapping[str, Any], document: Mapping[str, Any]) -> list[Body]:
    return [
        Body(media_type, list(_words(content["schema"])), dict(_examples(content, document)))
        for media_type, content in holder.get("content", {}).items()
    ]


def _examples(content: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, example in content.get("examples", {}).items():
        shown = document["components"]["examples"][name] if "$ref" in example else example
        value = shown["value"]
        yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def _response(status: str, response: Mapping[str, Any], document: Mapping[str, Any]) -> Response:
    bodies = _bodies(response, document)
    problems = [body for body in bodies if body.media_type.endswith("problem+json")]
    return Response(
        status=status,
        description=response["description"],
        codes=[name.partition("-")[0] for body in problems for name in body.examples],
        headers=[name for name in response["headers"] if name != "X-Request-ID"],
        bodies=[body for body in bodies if body not in problems],
    )


def _model(name: str, schema: Mapping[str, Any]) -> Model:
    required = schema.get("required", ())
    members = [
        Member(
            name=member,
            place="",
            type=list(_words(shown)),
            required=member in required,
            description=shown.get("description", ""),
            bounds=_bounds(shown),
        )
        for member, shown in schema.get("properties", {}).items()
    ]
    return Model(name, schema.get("description", ""), [] if members else list(_words(schema)), members)


def _words(schema: Mapping[str, Any]) -> Iterator[Word]:
    """Yield what a schema says of the type, in words."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_COMPONENT)
        yield Word(name, name)
    elif "enum" in schema or "const" in schema:
        yield Word(" | ".join(json.dumps(value) for value in schema.get("enum", [schema.get("const")])))
    elif forms := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
        yield from _several(forms, " and " if "allOf" in schema else " or ")
    elif schema.get("type") == "array":
        yield Word("list of ")
        yield from _words(schema.get("items", {}))
    elif value := _value_of(schema):
        yield Word("object of ")
        yield from _words(value)
    else:
        kinds = schema.get("type", "anything")
        kind = " or ".join(kinds) if isinstance(kinds, list) else kinds
        yield Word(f"{kind} ({schema['format']})" if "format" in schema else kind)


def _several(forms: Sequence[Mapping[str, Any]], between: str) -> Iterator[Word]:
    told = [form for form in forms if form.keys() - {"properties", "required", "not"}]
    for index, form in enumerate(told):
        if index:
            yield Word(between)
        yield Word(form["title"]) if "title" in form else Word("")
        yield from () if "title" in form else _words(form)


def _value_of(schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the schema of all values of an object whose names are free, or None."""
    values = [*schema.get("patternProperties", {}).values()]
    if isinstance(schema.get("additionalProperties"), Mapping):
        values.append(schema["additionalProperties"])
    return values[0] if values else None


def _bounds(schema: Mapping[str, Any]) -> str:
    forms = [schema, *(form for form in schema.get("anyOf", ()) if form.get("type") != "null")]
    told = [_bound(name, form[name]) for form in forms for name in _BOUNDS if name in form]
    if schema.get("default") is not None:
        told.append(f"{json.dumps(schema['default'])} if absent")
    return ", ".join(told)


def _bound(name: str, bound: object) -> str:
    if (name, bound) in {("minLength", 1), ("minItems", 1), ("minProperties", 1)}:
        return "not empty"
    if name == "pattern" and "[^\\x00" in str(bound):
        return "no control characters"
    return _BOUNDS[name].format(re.sub(r"^\^\(\?:(.*)\)\$$", r"\1", str(bound)))
