"""What holds for every management call, those of the document one by one: who may call, how, and with which bodies."""

import re
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio

from app.domain.scopes import Scope
from tests.documents.examples import partner_body
from tests.web.conforming import interface
from tests.web.documented import Described
from tests.web.management import Management

JSON: Final = "application/json"
METHODS: Final = ("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS")


@pytest_asyncio.fixture
async def management() -> AsyncIterator[Management]:
    async with Management().running() as running:
        running.with_client("admin")
        await running.call("PUT", "/v1/partners/acme", json=partner_body())
        yield running


def management_calls() -> list[Described]:
    """Return every call that needs a bearer with a scope."""
    return [each for each in interface().operations() if "accessToken" in str(each.content["security"])]


def calls_with_a_body() -> list[Described]:
    """Return those that take JSON."""
    return [each for each in management_calls() if JSON in each.content.get("requestBody", {}).get("content", {})]


def address(operation: Described) -> str:
    """Return where the call may be made: the examples stand in the path."""
    examples = {parameter["name"]: parameter["example"] for parameter in operation.content.get("parameters", ())}
    return re.sub(r"\{([a-z_]+)\}", lambda name: str(examples[name[1]]), operation.path)


async def test_call_without_a_bearer_is_challenged(management: Management) -> None:
    for operation in management_calls():
        answer = await management.http.request(operation.method, address(operation))

        assert (answer.status, (await answer.json())["code"]) == (401, "unauthenticated"), operation.path
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="vestibule"', operation.path


@pytest.mark.parametrize("bearer", ["Bearer x.y.z", "Bearer", "Basic YTpi", "Bearer a, Bearer b", "Token x"])
async def test_call_with_a_bad_bearer_is_challenged(management: Management, bearer: str) -> None:
    for operation in management_calls():
        answer = await management.http.request(operation.method, address(operation), headers={"Authorization": bearer})

        assert answer.status == 401, operation.path
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="vestibule", error="invalid_token"', operation.path


async def test_call_with_every_other_scope_is_refused(management: Management) -> None:
    for operation in management_calls():
        [needed] = operation.content["security"][0]["accessToken"]
        management.with_client("other", *({scope.value for scope in Scope} - {needed}))

        answer = await management.call(operation.method, address(operation), "other")

        assert (answer.status, (await answer.json())["code"]) == (403, "scope_missing"), operation.path
        assert needed in (await answer.json())["detail"]
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="vestibule", error="insufficient_scope"'


async def test_call_with_its_scope_alone_is_let_through(management: Management) -> None:
    for operation in management_calls():
        [needed] = operation.content["security"][0]["accessToken"]
        management.with_client("one", needed)

        answer = await management.call(operation.method, address(operation), "one")

        assert answer.status not in {401, 403}, operation.path


async def test_method_that_an_address_does_not_know_is_told_those_that_it_knows(management: Management) -> None:
    for path in {operation.path for operation in management_calls()}:
        known = {operation.method for operation in interface().operations() if operation.path == path}
        [place] = {address(operation) for operation in management_calls() if operation.path == path}

        for method in set(METHODS) - known:
            answer = await management.call(method, place)

            assert (answer.status, (await answer.json())["code"]) == (405, "method_not_allowed"), (method, path)
            allowed = set(answer.headers["Allow"].split(","))
            assert allowed == known | ({"HEAD"} if "GET" in known else set()), (method, path)


async def test_head_is_answered_as_get_without_the_body(management: Management) -> None:
    for operation in (each for each in management_calls() if each.method == "GET"):
        read = await management.call("GET", address(operation))
        looked = await management.call("HEAD", address(operation))

        assert looked.status == read.status, operation.path
        assert looked.headers["Content-Type"] == read.headers["Content-Type"], operation.path
        assert looked.headers.get("ETag") == read.headers.get("ETag"), operation.path
        assert await looked.read() == b""


async def test_call_is_answered_with_its_request_id_and_is_never_stored(management: Management) -> None:
    for operation in management_calls():
        answer = await management.call(operation.method, address(operation), headers={"X-Request-ID": "trace-7"})

        assert answer.headers["X-Request-ID"] == "trace-7", operation.path
        assert answer.headers["Cache-Control"] == "no-store", operation.path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", operation.path


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{", id="syntax"),
        pytest.param(b'{"a": 1, "a": 1}', id="name-twice"),
        pytest.param(b'{"a": 1, "\\u0061": 1}', id="name-twice-escaped"),
        pytest.param(b'{"a": NaN}', id="nan"),
        pytest.param(b'{"a": -Infinity}', id="infinity"),
        pytest.param(b'{"a": 1,}', id="trailing-comma"),
        pytest.param(b'{"a": "\xff"}', id="not-utf-8"),
        pytest.param(b'\xef\xbb\xbf{"a": 1}', id="byte-order-mark"),
        pytest.param(b'{"a": "\\ud800"}', id="lone-surrogate"),
        pytest.param(b"[" * 100 + b"]" * 100, id="too-deep"),
        pytest.param(b'{"a": 1} {}', id="more-behind"),
    ],
)
async def test_body_that_is_not_strict_json_is_malformed(management: Management, body: bytes) -> None:
    for operation in calls_with_a_body():
        answer = await management.call(operation.method, address(operation), data=body, headers={"Content-Type": JSON})

        assert (answer.status, (await answer.json())["code"]) == (400, "request_malformed"), operation.path


async def test_body_that_is_needed_and_not_there_is_malformed(management: Management) -> None:
    for operation in (each for each in calls_with_a_body() if each.content["requestBody"]["required"]):
        answer = await management.call(operation.method, address(operation), headers={"Content-Type": JSON})

        assert (answer.status, (await answer.json())["code"]) == (400, "request_malformed"), operation.path


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"null", b"1"])
async def test_body_that_is_no_object_is_invalid(management: Management, body: bytes) -> None:
    for operation in calls_with_a_body():
        answer = await management.call(operation.method, address(operation), data=body, headers={"Content-Type": JSON})

        assert (answer.status, (await answer.json())["code"]) == (422, "request_invalid"), operation.path


async def test_body_with_unknown_members_is_told_of_each_of_them(management: Management) -> None:
    for operation in calls_with_a_body():
        answer = await management.call(operation.method, address(operation), json={"colour": 1, "shape": 2})

        paths = {error["path"] for error in (await answer.json())["errors"]}
        assert answer.status == 422, operation.path
        assert paths >= {"colour", "shape"} | _required(operation), operation.path


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        pytest.param("text/plain", 415, id="text"),
        pytest.param("application/merge-patch+json", 415, id="other-json"),
        pytest.param("", 415, id="none"),
        pytest.param("Application/JSON; charset=utf-8", 422, id="with-charset"),
    ],
)
async def test_body_of_another_type_is_refused(management: Management, content_type: str, status: int) -> None:
    for operation in calls_with_a_body():
        answer = await management.call(
            operation.method, address(operation), data=b'{"colour": 1}', headers={"Content-Type": content_type}
        )

        assert answer.status == status, operation.path


async def test_body_that_is_too_large_is_refused(management: Management) -> None:
    for operation in calls_with_a_body():
        answer = await management.call(
            operation.method, address(operation), data=b" " * 600_000, headers={"Content-Type": JSON}
        )

        assert (answer.status, (await answer.json())["code"]) == (413, "request_too_large"), operation.path


def _required(operation: Described) -> set[str]:
    schema: Any = operation.content["requestBody"]["content"][JSON]["schema"]
    return set(interface().resolve(schema).get("required", ()))
