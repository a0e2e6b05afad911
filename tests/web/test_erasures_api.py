"""`DELETE /v1/partners/{id}/participants/{sub}`: any sub that can be spelled, and none in an answer."""

from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import quote

import pytest
import pytest_asyncio

from app.domain.session import Stage
from app.ports import Claim
from tests.builders import NOW, move, new_session
from tests.documents.examples import partner_body
from tests.web.management import DIGESTS, Management

LEASE = timedelta(seconds=30)


@pytest_asyncio.fixture
async def management() -> AsyncIterator[Management]:
    async with Management().running() as running:
        running.with_client("admin")
        await running.call("PUT", "/v1/partners/acme", json=partner_body())
        yield running


def leave_behind(management: Management, sub: str) -> str:
    """Store a session of the participant and return its id."""
    session = new_session()
    management.sessions.add([session], NOW)
    [claimed] = management.sessions.claim(Claim(Stage.VERIFY, 1, NOW, NOW + LEASE))
    management.sessions.finish([move(claimed, participant_digest=DIGESTS.participant("acme", sub))], NOW)
    return session.id


def place(sub: str) -> str:
    return f"/v1/partners/acme/participants/{quote(sub, safe='')}"


@pytest.mark.parametrize(
    "sub",
    [
        pytest.param("42", id="plain"),
        pytest.param("ada@example.com", id="address"),
        pytest.param("auth0|ada/lovelace", id="slash"),
        pytest.param("{ada}", id="braces"),
        pytest.param("50%25", id="percent"),
        pytest.param("a+b c", id="plus-and-blank"),
        pytest.param("ädä\u2603", id="not-ascii"),
    ],
)
async def test_participant_is_deleted_by_any_sub(management: Management, sub: str) -> None:
    mine, other = leave_behind(management, sub), leave_behind(management, "somebody-else")

    answer = await management.call("DELETE", place(sub))

    assert (answer.status, await answer.json()) == (
        200,
        {
            "sessions": 1,
            "attempts": 0,
            "participations": 0,
            "used_tokens": 0,
            "plays": "counted",
            "left": 0,
            "unjudged": 0,
        },
    )
    assert sorted(management.sessions.load([mine, other])) == [other]


async def test_participant_who_left_nothing_is_deleted_too(management: Management) -> None:
    answer = await management.call("DELETE", place("nobody"), params={"plays": "forget"})

    body = await answer.json()
    assert (answer.status, body["sessions"], body["plays"]) == (200, 0, "forgotten")


@pytest.mark.parametrize(
    ("path", "client", "status", "code"),
    [
        pytest.param("/v1/partners/nowhere/participants/secret-sub", "admin", 404, "partner_unknown", id="no-partner"),
        pytest.param("/v1/partners/acme/participants/secret-sub", "globex", 404, "partner_unknown", id="another-s"),
        pytest.param(
            "/v1/partners/acme/participants/secret-sub?plays=all", "admin", 422, "request_invalid", id="query"
        ),
        pytest.param("/v1/partners/acme/participants/secret-sub", "reader", 403, "scope_missing", id="scope"),
    ],
)
async def test_refused_deletion_names_no_participant(
    management: Management, path: str, client: str, status: int, code: str
) -> None:
    management.with_client("globex", partner_id="globex")
    management.with_client("reader", "partners:read")
    kept = leave_behind(management, "secret-sub")

    refused = await management.call("DELETE", path, client)

    body = await refused.json()
    assert (refused.status, body["code"]) == (status, code)
    assert body["instance"] == path.rpartition("/")[0]
    assert "secret-sub" not in await refused.text()
    assert kept in management.sessions.load([kept])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("DELETE", "/v1/partners/acme/participants/secret-sub/", 404, id="slash"),
        pytest.param("DELETE", "/v1/partner/acme/participants/secret-sub", 404, id="misspelt"),
        pytest.param("POST", "/v1/partners/acme/participants/secret-sub", 405, id="method"),
    ],
)
async def test_address_that_is_nearly_a_participants_names_none(
    management: Management, method: str, path: str, status: int
) -> None:
    refused = await management.call(method, path)

    body = await refused.json()
    assert (refused.status, body["instance"]) == (status, path.partition("/secret-sub")[0])
    assert "secret-sub" not in await refused.text()


async def test_deletion_without_a_bearer_names_no_participant(management: Management) -> None:
    refused = await management.http.delete(place("secret-sub"), headers={"Authorization": "Bearer x.y.z"})

    assert refused.status == 401
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="vestibule", error="invalid_token"'
    assert "secret-sub" not in await refused.text()
