"""The check that holds answers to the document: what it finds."""

import json
from typing import Any

import pytest

from tests.web.conforming import check_answer

HEADERS = {"X-Request-ID": "r", "Content-Type": "application/json", "ETag": '"1"'}
PROBLEM = {
    "type": "/docs/problems#partner_unknown",
    "title": "Unknown partner",
    "status": 404,
    "detail": "There is no partner of this id.",
    "instance": "/v1/partners/acme",
    "code": "partner_unknown",
    "request_id": "r",
}
PROBLEM_HEADERS = {**HEADERS, "Content-Type": "application/problem+json"}


def test_answer_as_described_passes() -> None:
    check_answer("GET", "/v1/partners/acme", 404, PROBLEM_HEADERS, json.dumps(PROBLEM).encode())


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        pytest.param(418, PROBLEM_HEADERS, PROBLEM, id="status"),
        pytest.param(404, HEADERS, PROBLEM, id="media-type"),
        pytest.param(404, {"Content-Type": "application/problem+json"}, PROBLEM, id="header-missing"),
        pytest.param(404, PROBLEM_HEADERS, {**PROBLEM, "code": "campaign_unknown"}, id="code"),
        pytest.param(404, PROBLEM_HEADERS, {**PROBLEM, "more": 1}, id="member-too-many"),
        pytest.param(200, {**HEADERS, "ETag": "1"}, {}, id="header-and-shape"),
    ],
)
def test_answer_that_differs_is_found(status: int, headers: dict[str, str], body: Any) -> None:
    with pytest.raises(AssertionError):
        check_answer("GET", "/v1/partners/acme", status, headers, json.dumps(body).encode())


def test_problem_of_no_operation_is_held_to_its_shape() -> None:
    with pytest.raises(AssertionError):
        check_answer("GET", "/nothing", 404, PROBLEM_HEADERS, b'{"code": "not_found"}')
