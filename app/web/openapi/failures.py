"""How an operation may fail, as responses: its own errors, and those that every call of its kind has."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from app import errors
from app.errors import VestibuleError
from app.reasons import TokenReason
from app.web.openapi.operation import HTML, JSON, ManagementOperation, Operation
from app.web.openapi.shapes import EXAMPLE_MISTAKE
from app.web.problems import PROBLEM_JSON, code_of, problem, status_of, statuses_by_code

_ARGUMENTS: Final[Mapping[type[VestibuleError], tuple[object, ...]]] = {
    errors.RequestInvalid: ((EXAMPLE_MISTAKE,),),
    errors.TokenRejected: (TokenReason.TOKEN_EXPIRED, "exp"),
}
_TRIES_AGAIN: Final = frozenset({429, 503})
_CHALLENGES: Final = frozenset({401, 403})
_INSTANCE: Final = "/v1/where/it/was/asked"
_REQUEST_ID: Final = "req-1"


def failures(operation: Operation) -> dict[int, dict[str, Any]]:
    """Return the responses for the errors of `operation`, by status."""
    by_status: dict[int, list[type[VestibuleError]]] = {}
    for error in dict.fromkeys(_errors(operation)):
        by_status.setdefault(status_of(_made(error)).status, []).append(error)
    return {status: _response(operation, status, by_status[status]) for status in sorted(by_status)}


def problem_examples(operations: Sequence[Operation]) -> dict[str, Any]:
    """Return an example of each problem that `operations` may answer with, by its name."""
    found = dict.fromkeys(error for operation in operations for error in _errors(operation))
    return {_name(error): {"value": _problem(error)} for error in found}


def _errors(operation: Operation) -> Iterator[type[VestibuleError]]:
    yield errors.RequestMalformed
    if "{" in operation.path:
        yield errors.NotFound  # a step of the path that is empty leads nowhere
    if isinstance(operation, ManagementOperation):
        yield from (errors.Unauthenticated, errors.ScopeMissing)
    if operation.body:
        yield from (errors.BodyTooLarge, errors.MediaTypeUnsupported)
    if JSON in operation.body or any(parameter.name == "Idempotency-Key" for parameter in operation.parameters):
        yield errors.RequestInvalid
    yield from operation.errors
    if operation.asks_store:
        yield errors.StoreUnavailable
    yield VestibuleError


def _response(operation: Operation, status: int, found: Sequence[type[VestibuleError]]) -> dict[str, Any]:
    codes = list(dict.fromkeys(code_of(error) for error in found))
    return {
        "description": " ".join(dict.fromkeys(f"{status_of(_made(error)).title}." for error in found)),
        "headers": _headers(operation, status),
        "content": {HTML: {"schema": {"type": "string"}}}
        if operation.error_type == HTML
        else {
            PROBLEM_JSON: {
                "schema": {
                    "allOf": [
                        {"$ref": "#/components/schemas/Problem"},
                        {"properties": {"status": {"const": status}, "code": {"enum": codes}}},
                    ]
                },
                "examples": {name: {"$ref": f"#/components/examples/{name}"} for name in map(_name, found)},
            }
        },
    }


def _headers(operation: Operation, status: int) -> dict[str, Any]:
    headers = {"X-Request-ID": {"$ref": "#/components/headers/RequestId"}}
    if status in _TRIES_AGAIN:
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    if status in _CHALLENGES and isinstance(operation, ManagementOperation):
        headers["WWW-Authenticate"] = {"$ref": "#/components/headers/Challenge"}
    return headers


def _name(error: type[VestibuleError]) -> str:
    """Return what the example of a problem is called: as its code, with the status where that is not all."""
    code = code_of(error)
    return code if len(statuses_by_code()[code]) == 1 else f"{code}-{status_of(_made(error)).status}"


def _problem(error: type[VestibuleError]) -> dict[str, Any]:
    body = problem(_made(error), _INSTANCE, _REQUEST_ID).body
    shown: dict[str, Any] = json.loads(body) if isinstance(body, bytes) else {}
    return shown


def _made(error: type[VestibuleError]) -> VestibuleError:
    return error(*_ARGUMENTS.get(error, ()))
