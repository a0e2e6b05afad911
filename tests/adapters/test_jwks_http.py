"""Fetching a key set: what is asked for, and what is made of the caching headers."""

from collections.abc import AsyncIterator
from datetime import timedelta
from ipaddress import IPv4Network

import pytest

from app.adapters.jwks_http import HttpJwks
from app.adapters.safe_http import SafeHttp
from app.domain.keyset_refresh import KeysetAnswer
from app.domain.outside import OutboundPolicy
from app.errors import OutsideError
from app.reasons import PrefillReason
from tests.doubles.http_double import http_answer, serving

SET = b'{"keys": []}'
MODIFIED = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.fixture
async def jwks() -> AsyncIterator[HttpJwks]:
    async with SafeHttp(OutboundPolicy((IPv4Network("127.0.0.0/8"),)), "vestibule/test") as http:
        yield HttpJwks(http)


async def fetch(
    jwks: HttpJwks, answer: bytes, etag: str | None = None, last_modified: str | None = None
) -> KeysetAnswer:
    async with serving(answer) as double:
        return await jwks.fetch(f"http://127.0.0.1:{double.port}/jwks", etag, last_modified)


async def test_fetch_of_a_key_set_returns_it_with_its_validators(jwks: HttpJwks) -> None:
    answer = http_answer(
        SET, etag='W/"7"', last_modified=MODIFIED, age="30", content_type="application/jwk-set+json; charset=utf-8"
    )

    found = await fetch(jwks, answer)

    assert found == KeysetAnswer({"keys": []}, 'W/"7"', MODIFIED, None, timedelta(seconds=30), no_store=False)


async def test_fetches_of_several_key_sets_of_one_server_share_no_connection(jwks: HttpJwks) -> None:
    async with serving(http_answer(SET)) as double:
        for path in ("acme", "globex"):
            await jwks.fetch(f"http://127.0.0.1:{double.port}/{path}", None, None)

    assert (len(double.requests), double.connections) == (2, 2)


@pytest.mark.parametrize(
    ("etag", "last_modified"),
    [
        pytest.param(None, None, id="without conditions"),
        pytest.param('"7"', None, id="by tag"),
        pytest.param(None, MODIFIED, id="by date"),
        pytest.param('"7"', MODIFIED, id="by both"),
    ],
)
async def test_fetch_sends_the_conditions_that_it_is_given(
    jwks: HttpJwks, etag: str | None, last_modified: str | None
) -> None:
    async with serving(http_answer(SET)) as double:
        await jwks.fetch(f"http://127.0.0.1:{double.port}/jwks", etag, last_modified)

    assert double.requests[0].startswith(b"GET /jwks HTTP/1.1\r\n")
    assert double.header("accept") == "application/jwk-set+json, application/json"
    assert double.header("if-none-match") == etag
    assert double.header("if-modified-since") == last_modified


async def test_fetch_answered_not_modified_to_a_condition_has_no_document(jwks: HttpJwks) -> None:
    answer = b'HTTP/1.1 304 Not Modified\r\nETag: "7"\r\nCache-Control: max-age=600\r\n\r\n'

    found = await fetch(jwks, answer, etag='"7"')

    assert found.is_not_modified
    assert (found.etag, found.max_age) == ('"7"', timedelta(minutes=10))


async def test_fetch_answered_not_modified_without_condition_breaks_the_contract(jwks: HttpJwks) -> None:
    with pytest.raises(OutsideError) as failed:
        await fetch(jwks, b"HTTP/1.1 304 Not Modified\r\n\r\n")

    assert failed.value.error_class is PrefillReason.CONTRACT
    assert failed.value.detail == "not_modified_without_condition"


@pytest.mark.parametrize(
    ("cache_control", "max_age_seconds", "no_store"),
    [
        pytest.param("max-age=600", 600, False, id="plain"),
        pytest.param("public, MAX-AGE = 600 , must-revalidate", 600, False, id="among others, odd case and spaces"),
        pytest.param('max-age="600"', 600, False, id="quoted"),
        pytest.param("s-maxage=5", None, False, id="only for shared caches"),
        pytest.param("max-age=600, s-maxage=5", 600, False, id="for both kinds of caches"),
        pytest.param("max-age=600, max-age=5", 600, False, id="twice, the first counts"),
        pytest.param("max-age=0", 0, False, id="zero"),
        pytest.param("max-age=-5", 0, False, id="negative"),
        pytest.param("max-age=soon", 0, False, id="no number"),
        pytest.param("max-age", 0, False, id="no argument"),
        pytest.param("max-age=1.5", 0, False, id="fraction"),
        pytest.param("max-age=٦٠", 0, False, id="other digits"),
        pytest.param("max-age=" + "9" * 7000, 2**31, False, id="endless"),
        pytest.param("no-cache", 0, False, id="no-cache"),
        pytest.param('no-cache="set-cookie", max-age=600', 0, False, id="no-cache of a field"),
        pytest.param("no-store", None, True, id="no-store"),
        pytest.param("no-store, max-age=600", 600, True, id="no-store with an age"),
        pytest.param('x="a, no-store, max-age=5", max-age=600', 600, False, id="inside a quoted string"),
        pytest.param('x="a, max-age=5', None, False, id="open quote"),
        pytest.param(",,=,  ,=600", None, False, id="garbage"),
        pytest.param("x-max-age=5", None, False, id="another name"),
        pytest.param("private", None, False, id="nothing about time"),
    ],
)
async def test_fetch_with_cache_control_says_how_long_the_set_is_fresh(
    jwks: HttpJwks, cache_control: str, max_age_seconds: int | None, no_store: bool
) -> None:
    found = await fetch(jwks, http_answer(SET, cache_control=cache_control))

    expected = None if max_age_seconds is None else timedelta(seconds=max_age_seconds)
    assert (found.max_age, found.no_store) == (expected, no_store)


@pytest.mark.parametrize(
    ("age", "expected_seconds"),
    [
        pytest.param("60", 60, id="plain"),
        pytest.param("60, 5", 60, id="two"),
        pytest.param("-60", 0, id="negative"),
        pytest.param("x", 0, id="no number"),
    ],
)
async def test_fetch_with_age_reads_it_or_counts_it_as_zero(jwks: HttpJwks, age: str, expected_seconds: int) -> None:
    found = await fetch(jwks, http_answer(SET, age=age))

    assert found.age == timedelta(seconds=expected_seconds)


@pytest.mark.parametrize(
    "etag", [pytest.param('"' + "x" * 300 + '"', id="too long"), pytest.param('"é"', id="not ASCII")]
)
async def test_fetch_with_a_tag_that_cannot_be_sent_back_forgets_it(jwks: HttpJwks, etag: str) -> None:
    found = await fetch(jwks, http_answer(SET, etag=etag))

    assert found.etag is None


@pytest.mark.parametrize(
    ("answer", "error_class"),
    [
        pytest.param(http_answer(b"<html>", content_type="text/html"), "contract", id="HTML"),
        pytest.param(http_answer(b"[]"), "contract", id="array"),
        pytest.param(http_answer(b'{"keys": [], "keys": []}'), "contract", id="a name twice"),
        pytest.param(http_answer(b'{"keys": [NaN]}'), "contract", id="NaN"),
        pytest.param(http_answer(b" " * (256 * 1024 + 1)), "contract", id="too large"),
        pytest.param(http_answer(status="503 Later", retry_after="9"), "http_5xx", id="unavailable"),
        pytest.param(http_answer(status="404 None"), "http_4xx", id="not found"),
    ],
)
async def test_fetch_of_anything_else_fails_with_its_class(jwks: HttpJwks, answer: bytes, error_class: str) -> None:
    with pytest.raises(OutsideError) as failed:
        await fetch(jwks, answer)

    assert failed.value.error_class == error_class


async def test_fetch_of_a_set_of_the_largest_size_is_taken(jwks: HttpJwks) -> None:
    body = SET + b" " * (256 * 1024 - len(SET))

    found = await fetch(jwks, http_answer(body))

    assert found.document == {"keys": []}
