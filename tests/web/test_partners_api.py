"""`/v1/partners`, and what it shares with `/v1/campaigns`: statuses, ETags, pages, bearers and scopes."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from app.documents.secrets import MASK
from app.management_ports import DocumentKind
from tests.builders import NOW
from tests.documents.examples import CREDENTIAL, HS_SECRET, partner_body, secretive_body
from tests.web.management import Management

ACME = "/v1/partners/acme"


@pytest_asyncio.fixture
async def management() -> AsyncIterator[Management]:
    async with Management().running() as running:
        running.with_client("admin")
        yield running


def problem(status: int, code: str, title: str, detail: str, **members: Any) -> dict[str, Any]:
    return {
        "type": f"/docs/problems#{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": ACME,
        "code": code,
        "request_id": "test-1",
        **members,
    }


UNKNOWN = problem(404, "partner_unknown", "Unknown partner", "There is no partner of this id.")


async def test_partner_put_anew_then_again_answers_201_then_200(management: Management) -> None:
    created = await management.call("PUT", ACME, json=partner_body())
    changed = await management.call("PUT", ACME, json=partner_body(name="New"))
    read = await management.call("GET", ACME)

    assert [answer.status for answer in (created, changed, read)] == [201, 200, 200]
    assert [answer.headers["ETag"] for answer in (created, changed, read)] == ['"1"', '"2"', '"2"']
    assert await read.json() == await changed.json()
    assert (await read.json())["name"] == "New"


async def test_partner_answers_hold_masks_for_secrets(management: Management) -> None:
    answers = [
        await management.call("PUT", ACME, json=secretive_body()),
        await management.call("GET", ACME),
        await management.call("GET", "/v1/partners"),
    ]

    texts = [await answer.text() for answer in answers]

    for text in texts:
        assert text.count(MASK) == 4
        assert CREDENTIAL not in text
        assert HS_SECRET not in text


async def test_partner_put_of_what_was_read_changes_no_secret(management: Management) -> None:
    await management.call("PUT", ACME, json=secretive_body())
    before = management.documents.rows[DocumentKind.PARTNER, "acme"].document
    read = await (await management.call("GET", ACME)).json()

    answer = await management.call("PUT", ACME, json=read, headers={"If-Match": '"1"'})

    assert answer.status == 200
    assert management.documents.rows[DocumentKind.PARTNER, "acme"].document == before


async def test_partner_with_mistakes_is_refused_with_all_of_them(management: Management) -> None:
    answer = await management.call("PUT", ACME, json={"nmae": "x", "signature": {"method": "rsa"}})

    assert answer.status == 422
    assert answer.content_type == "application/problem+json"
    assert await answer.json() == problem(
        422,
        "request_invalid",
        "Invalid request",
        "The request has mistakes; each is listed in errors.",
        errors=[
            {"path": "name", "reason": "This member is required."},
            {"path": "signature.method", "reason": "This must be one of 'public_key', 'symmetric', 'jwks'."},
            {"path": "nmae", "reason": "There is no member of this name."},
        ],
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"name": "a", "name": "b"}', id="name-twice"),
        pytest.param(b'{"leeway_seconds": NaN}', id="nan"),
        pytest.param(b"{", id="syntax"),
    ],
)
async def test_partner_body_that_is_not_strict_json_is_malformed(management: Management, body: bytes) -> None:
    answer = await management.call("PUT", ACME, data=body, headers={"Content-Type": "application/json"})

    assert (answer.status, (await answer.json())["code"]) == (400, "request_malformed")


async def test_partner_put_under_an_id_that_is_none_is_refused(management: Management) -> None:
    answer = await management.call("PUT", "/v1/partners/.acme", json=partner_body())

    assert answer.status == 422
    assert [mistake["path"] for mistake in (await answer.json())["errors"]] == ["id"]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_partner_that_is_not_there_is_unknown(management: Management, method: str) -> None:
    answer = await management.call(method, ACME)

    assert answer.status == 404
    assert await answer.json() == UNKNOWN


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_partner_of_an_id_that_is_none_is_unknown(management: Management, method: str) -> None:
    answer = await management.call(method, "/v1/partners/%2e%2e%2f")

    assert (answer.status, (await answer.json())["code"]) == (404, "partner_unknown")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"If-Match": '"2"'}, 200, id="match"),
        pytest.param({"If-Match": '"1", "2"'}, 200, id="one-of-two"),
        pytest.param({"If-Match": "*"}, 200, id="any"),
        pytest.param({"If-Match": '"1"'}, 412, id="old"),
        pytest.param({"If-Match": 'W/"2"'}, 412, id="weak"),
        pytest.param({"If-Match": "2"}, 412, id="unquoted"),
        pytest.param({"If-Match": ""}, 412, id="empty"),
        pytest.param({"If-None-Match": "*"}, 412, id="create-only"),
        pytest.param({"If-None-Match": '"2"'}, 412, id="not-this-one"),
        pytest.param({"If-None-Match": 'W/"2"'}, 412, id="not-this-one-weakly"),
        pytest.param({"If-None-Match": '"1"'}, 200, id="not-another-one"),
    ],
)
async def test_partner_at_version_two_obeys_preconditions(
    management: Management, headers: dict[str, str], status: int
) -> None:
    for _ in range(2):
        await management.call("PUT", ACME, json=partner_body())

    answer = await management.call("PUT", ACME, json=partner_body(), headers=headers)

    assert answer.status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"If-None-Match": "*"}, 201, id="create-only"),
        pytest.param({"If-Match": "*"}, 412, id="must-exist"),
        pytest.param({"If-Match": '"1"'}, 412, id="version"),
        pytest.param({"If-Match": ""}, 412, id="empty"),
        pytest.param({"If-None-Match": '"1"'}, 201, id="not-this-version"),
    ],
)
async def test_partner_that_is_new_obeys_preconditions(
    management: Management, headers: dict[str, str], status: int
) -> None:
    answer = await management.call("PUT", ACME, json=partner_body(), headers=headers)

    assert answer.status == status


@pytest.mark.parametrize(
    ("known", "status"),
    [
        pytest.param('"1"', 304, id="current"),
        pytest.param('"7", W/"1"', 304, id="one-of-several"),
        pytest.param("*", 304, id="any"),
        pytest.param('"7"', 200, id="other"),
    ],
)
async def test_partner_that_the_caller_has_as_it_is_is_not_sent_again(
    management: Management, known: str, status: int
) -> None:
    await management.call("PUT", ACME, json=partner_body())

    answer = await management.call("GET", ACME, headers={"If-None-Match": known})

    assert (answer.status, answer.headers["ETag"]) == (status, '"1"')


async def test_partner_that_would_be_refused_anyway_is_told_so_before_its_precondition(management: Management) -> None:
    await management.call("PUT", ACME, json=partner_body())

    answer = await management.call("PUT", ACME, json=partner_body(name=""), headers={"If-Match": '"7"'})

    assert (answer.status, (await answer.json())["code"]) == (422, "request_invalid")


async def test_partner_deleted_is_gone(management: Management) -> None:
    await management.call("PUT", ACME, json=partner_body())

    refused = await management.call("DELETE", ACME, headers={"If-Match": '"7"'})
    deleted = await management.call("DELETE", ACME, headers={"If-Match": '"1"'})
    read = await management.call("GET", ACME)

    assert [answer.status for answer in (refused, deleted, read)] == [412, 204, 404]
    assert await deleted.read() == b""


async def test_partners_are_listed_page_by_page(management: Management) -> None:
    for id_ in ("c", "a", "b"):
        await management.call("PUT", f"/v1/partners/{id_}", json=partner_body())

    first = await (await management.call("GET", "/v1/partners?limit=2")).json()
    second = await (await management.call("GET", f"/v1/partners?limit=2&cursor={first['cursor']}")).json()

    assert [item["id"] for item in first["items"]] == ["a", "b"]
    assert [item["id"] for item in second["items"]] == ["c"]
    assert second["cursor"] is None
    moment = NOW.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    document = await (await management.call("GET", "/v1/partners/c")).json()
    assert second["items"] == [{"id": "c", "version": 1, "created_at": moment, "updated_at": moment, **document}]


async def test_partners_asked_for_with_a_cursor_that_no_store_keeps_are_refused(management: Management) -> None:
    answer = await management.call("GET", "/v1/partners?cursor=AA==")

    assert answer.status == 422
    assert [one["path"] for one in (await answer.json())["errors"]] == ["cursor"]


async def test_partner_with_thousands_of_mistakes_is_told_the_first_hundred(management: Management) -> None:
    answer = await management.call("PUT", ACME, json=partner_body(**{f"x{number}": 1 for number in range(3000)}))

    errors = (await answer.json())["errors"]
    assert (answer.status, len(errors)) == (422, 101)
    assert errors[0] == {"path": "x0", "reason": "There is no member of this name."}
    assert errors[-1] == {"path": "", "reason": "There are 2900 more mistakes."}


async def test_partners_asked_for_with_a_bad_page_are_refused(management: Management) -> None:
    answer = await management.call("GET", "/v1/partners?limit=0&cursor=%C3%A9&colour=red")

    assert answer.status == 422
    assert (await answer.json())["errors"] == [
        {"path": "cursor", "reason": "This is not a cursor that a list has given."},
        {"path": "limit", "reason": "This must be a whole number from 1 to 200."},
        {"path": "colour", "reason": "There is no member of this name."},
    ]


async def test_partners_asked_for_with_a_thing_twice_are_refused(management: Management) -> None:
    answer = await management.call("GET", "/v1/partners?limit=1&limit=2")

    assert (answer.status, (await answer.json())["errors"]) == (
        422,
        [{"path": "limit", "reason": "This stands here twice."}],
    )


@pytest.mark.parametrize(
    ("authorization", "challenge", "detail"),
    [
        pytest.param(
            None,
            'Bearer realm="vestibule"',
            "This call needs a bearer token from /oauth/token.",
            id="none",
        ),
        pytest.param(
            "Bearer x.y.z",
            'Bearer realm="vestibule", error="invalid_token"',
            "The access token is not one of ours.",
            id="garbage",
        ),
        pytest.param(
            "Basic YTpi",
            'Bearer realm="vestibule", error="invalid_token"',
            "The Authorization header must hold one bearer token.",
            id="basic",
        ),
    ],
)
async def test_partner_without_a_good_bearer_is_refused(
    management: Management, authorization: str | None, challenge: str, detail: str
) -> None:
    headers = {"X-Request-ID": "test-1", **({"Authorization": authorization} if authorization else {})}

    answer = await management.http.get(ACME, headers=headers)

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == challenge
    assert await answer.json() == problem(401, "unauthenticated", "Unauthenticated", detail)


async def test_partner_with_an_expired_bearer_is_refused(management: Management) -> None:
    management.clock.advance(3600)

    answer = await management.call("GET", ACME)

    assert answer.status == 401
    assert (await answer.json())["detail"] == "The access token has expired."


@pytest.mark.parametrize(
    ("method", "scope", "needed"),
    [
        pytest.param("GET", "partners:write", "partners:read", id="get"),
        pytest.param("PUT", "partners:read", "partners:write", id="put"),
        pytest.param("DELETE", "partners:read", "partners:write", id="delete"),
    ],
)
async def test_partner_with_too_little_scope_is_refused(
    management: Management, method: str, scope: str, needed: str
) -> None:
    management.with_client("little", scope)

    answer = await management.call(method, ACME, "little", json=partner_body())

    assert answer.status == 403
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="vestibule", error="insufficient_scope"'
    assert await answer.json() == problem(403, "scope_missing", "Scope missing", f"This call needs the scope {needed}.")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_partner_of_others_does_not_exist_for_a_bound_client(management: Management, method: str) -> None:
    management.with_client("bound", partner_id="other")
    await management.call("PUT", ACME, json=partner_body())

    answer = await management.call(method, ACME, "bound", json=partner_body(name="Mine"))

    assert answer.status == 404
    assert await answer.json() == UNKNOWN
    assert management.documents.rows[DocumentKind.PARTNER, "acme"].document["name"] == "ACME"
