"""How an operation may fail, as responses: its own errors, and those that every call of its kind has."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from app import errors
from app.errors import VestibuleError
from app.reasons import TokenReason
from app.web.openapi.operation import HTML, JSON, ManagementOperation, Operation
from app.web.openapi.shapes import EXAMPLE_MISTAKE
from app.web.problems import PROBLEM_JSON, problem, status_of

_ARGUMENTS: Final[Mapping[type[VestibuleError], tuple[object, ...]]] = {
    errors.RequestInvalid: ((EXAMPLE_MISTAKE,),),
    errors.TokenRejected: (TokenReason.TOKEN_EXPIRED, "exp"),
}
_TRIES_AGAIN: Final = frozenset({429, 503})
_CHALLENGES: Final = frozenset({401, 403})
_REQUEST_ID: Final = "req-1"


def failures(operation: Operation) -> dict[int, dict[str, Any]]:
    """Return the responses for the errors of `operation`, by status."""
    by_status: dict[int, list[type[VestibuleError]]] = {}
    for error in dict.fromkeys(_errors(operation)):
        by_status.setdefault(status_of(_made(error)).status, []).append(error)
    return {status: _response(operation, status, by_status[status]) for status in sorted(by_status)}


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
    problems = [_problem(error, operation) for error in found]
    codes = list(dict.fromkeys(problem["code"] for problem in problems))
    return {
        "description": " ".join(dict.fromkeys(f"{status_of(_made(error)).title}." for error in found)),
        "headers": _headers(operation, status),
        "content": {HTML: {"schema": {"type": "string"}}}
        if operation.error_type == HTML
        else {
            PROBLEM_JSON: {
                "schema": {
                    "allOf": [
                        {"$ref": "#/components/schemas/ProblemShape"},
                        {"properties": {"status": {"const": status}, "code": {"enum": codes}}},
                    ]
                },
                "examples": {problem["code"]: {"value": problem} for problem in problems},
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


def _problem(error: type[VestibuleError], operation: Operation) -> dict[str, Any]:
    path = operation.path
    for parameter in operation.parameters:
        path = path.replace(f"{{{parameter.name}}}", str(parameter.example))
    body = problem(_made(error), path, _REQUEST_ID).body
    shown: dict[str, Any] = json.loads(body) if isinstance(body, bytes) else {}
    return shown


def _made(error: type[VestibuleError]) -> VestibuleError:
    return error(*_ARGUMENTS.get(error, ()))
