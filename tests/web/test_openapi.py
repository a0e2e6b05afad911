"""`/openapi.json`: valid, one operation for each route that is served, examples that are what they are examples of."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.documents.campaign import parse_campaign_document
from app.documents.orders import CheckupOrder, EncryptionOrder, InspectionOrder, RevocationOrder, parsed_order
from app.documents.partner import parse_partner_document
from app.documents.replay import parse_replay_order
from app.domain.outside import OutboundPolicy
from app.domain.scopes import Scope
from tests.web.conforming import ConformingClient
from tests.web.documented import Described, Documented, document_of, public_app, served_routes

FOLLOWING: Final = {"HEAD", "OPTIONS"}
"""Methods that have no operation: HEAD follows from GET, OPTIONS is what browsers ask before a call from afar."""
PARSERS: Final[Mapping[str, Callable[[Any], object]]] = {
    "putPartner": lambda body: parse_partner_document(body, None, OutboundPolicy()),
    "putCampaign": parse_campaign_document,
    "startReplay": parse_replay_order,
    "revokeKey": lambda body: parsed_order(RevocationOrder, body),
    "inspectToken": lambda body: parsed_order(InspectionOrder, body),
    "examinePartner": lambda body: parsed_order(CheckupOrder, body),
    "encryptToken": lambda body: parsed_order(EncryptionOrder, body),
}
"""What validates the JSON bodies of management calls, by operation."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> web.Application:
    return public_app(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def documented(app: web.Application) -> Documented:
    return Documented(document_of(app))


def test_document_is_valid_openapi_3_1(documented: Documented) -> None:
    mistakes = [error.message for error in OpenAPIV31SpecValidator(dict(documented.document)).iter_errors()]

    assert mistakes == []
    assert documented.document["openapi"].startswith("3.1.")


def test_document_has_an_operation_for_each_route_that_is_served(app: web.Application, documented: Documented) -> None:
    served = {route for route in served_routes(app) if route[0] not in FOLLOWING}
    described = {(operation.method, operation.path) for operation in documented.operations()}

    without = sorted(served - described)
    assert without == [], "serve each as an OperationRoute, or through BearerGuard.serves: see app/web/openapi"
    assert described - served == set()


async def test_address_tells_of_a_method_that_it_does_not_know_those_that_are_described(
    tmp_path: Path, documented: Documented
) -> None:
    async with ConformingClient(TestServer(public_app(tmp_path))) as http:
        for path in documented.document["paths"]:
            described = {operation.method for operation in documented.operations() if operation.path == path}
            place = re.sub(r"\{[a-z_]+\}", "x", path)

            for method in {"GET", "PUT", "POST", "PATCH", "DELETE"} - described:
                answer = await http.request(method, place, allow_redirects=False)
                allowed = set(answer.headers["Allow"].split(","))

                assert answer.status == 405, (method, path)
                assert allowed - FOLLOWING == described, (method, path)
                assert ("HEAD" in allowed) is ("GET" in described), (method, path)


def test_operation_ids_are_unique(documented: Documented) -> None:
    ids = [operation.content["operationId"] for operation in documented.operations()]

    assert len(ids) == len(set(ids))


def test_models_are_called_by_one_word(documented: Documented) -> None:
    """Two of one name would be told apart by the modules that they stand in."""
    assert [name for name in documented.document["components"]["schemas"] if "__" in name] == []


def test_members_are_described_by_what_is_written_beneath_them(documented: Documented) -> None:
    schemas = documented.document["components"]["schemas"]

    for name in ("CampaignDocument-Input", "CampaignDocument-Output", "ListedCampaign"):
        told = schemas[name]["properties"]["single_use"]["description"]
        assert told == "Whether a token counts once, by its `jti`.", name


def test_each_scope_opens_some_operation(documented: Documented) -> None:
    asked = {
        scope
        for operation in documented.operations()
        for requirement in operation.content["security"]
        for scope in requirement.get("accessToken", [])
    }

    assert asked == {scope.value for scope in Scope}


def test_path_parameters_are_those_of_the_path(documented: Documented) -> None:
    for operation in documented.operations():
        named = {step[1:-1] for step in operation.path.split("/") if step.startswith("{")}
        parameters = operation.content.get("parameters", [])
        assert {parameter["name"] for parameter in parameters if parameter["in"] == "path"} == named, operation.path


def _contents(operation: Described) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Yield each body of an operation, with where it stands."""
    body = operation.content.get("requestBody", {"content": {}})
    for media_type, content in body["content"].items():
        yield (*operation.place, "requestBody", "content", media_type), content
    for status, response in operation.content["responses"].items():
        for media_type, content in response.get("content", {}).items():
            yield (*operation.place, "responses", status, "content", media_type), content


def test_examples_are_what_they_are_examples_of(documented: Documented) -> None:
    checked, mistakes = 0, []
    for operation in documented.operations():
        for index, parameter in enumerate(operation.content.get("parameters", [])):
            place = (*operation.place, "parameters", str(index), "schema")
            mistakes += [(place, mistake) for mistake in documented.mistakes(parameter["example"], *place)]
        for place, content in _contents(operation):
            for example in content.get("examples", {}).values():
                checked += 1
                mistakes += [
                    (place, mistake)
                    for mistake in documented.mistakes(documented.resolve(example)["value"], *place, "schema")
                ]

    assert mistakes == []
    assert checked > 100


def test_json_bodies_and_answers_have_examples(documented: Documented) -> None:
    without = [
        place
        for operation in documented.operations()
        for place, content in _contents(operation)
        if "json" in place[-1] and not content.get("examples")
    ]

    assert without == []


def test_example_bodies_are_taken(documented: Documented) -> None:
    bodies = {
        operation.content["operationId"]: content
        for operation in documented.operations()
        for place, content in _contents(operation)
        if "requestBody" in place and any("accessToken" in each for each in operation.content["security"])
    }

    for id_, content in bodies.items():
        for example in content["examples"].values():
            PARSERS[id_](example["value"])
    assert bodies.keys() == PARSERS.keys()
