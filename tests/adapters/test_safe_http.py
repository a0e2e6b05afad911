"""The outside call against servers that do everything wrong: a row is one way to misbehave."""

import gzip
import logging
import pickle
import traceback
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network

import pytest

from app.adapters.safe_http import CallBounds, SafeAnswer, SafeHttp
from app.domain.outside import OutboundPolicy
from app.errors import OutsideError
from app.reasons import PrefillReason
from tests.doubles.http_double import (
    Behaviour,
    http_answer,
    sends,
    sends_then_ends,
    sends_then_half_closes,
    sends_then_repeats,
    sends_then_resets,
    serving,
)
from tests.fakes.outside import FixedClock

LOOPBACK = OutboundPolicy((IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")))
NOW = datetime(2026, 10, 21, 7, 28, tzinfo=UTC)
BOUNDS = CallBounds(whole=timedelta(seconds=5), max_body_bytes=100_000)
SHORT = CallBounds(whole=timedelta(seconds=0.2))
JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
INTERIM = b"HTTP/1.1 102 Processing\r\n\r\n"
CHUNKED = JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BOMB = gzip.compress(b"[" + b"0," * 1_000_000 + b"0]")


@pytest.fixture
async def http() -> AsyncIterator[SafeHttp]:
    async with SafeHttp(LOOPBACK, "vestibule/test", clock=FixedClock(NOW)) as safe_http:
        yield safe_http


async def get(http: SafeHttp, port: int, path: str = "/", bounds: CallBounds = BOUNDS) -> SafeAnswer:
    return await http.request("GET", f"http://127.0.0.1:{port}{path}", pool="acme", bounds=bounds, headers={})


async def test_request_answered_with_json_returns_body_and_caching_headers(http: SafeHttp) -> None:
    answer = http_answer(b'{"a": 1}', etag='"1"', cache_control="max-age=60", age="5", server="secret/1.0")

    async with serving(answer) as double:
        found = await get(http, double.port)

    assert found == SafeAnswer(200, {"etag": '"1"', "cache-control": "max-age=60", "age": "5"}, b'{"a": 1}')
    assert found.json_object() == {"a": 1}


async def test_request_sends_what_is_given_and_nothing_of_the_process(http: SafeHttp) -> None:
    async with serving(http_answer()) as double:
        url = f"http://127.0.0.1:{double.port}/a%2Fb/%7E?c=d+e"
        await http.request("POST", url, pool="acme", bounds=BOUNDS, headers={"Accept": "x/y", "X-A": "b"}, body=b"{}")

    head, _, body = double.requests[0].partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    assert line == "POST /a%2Fb/%7E?c=d+e HTTP/1.1"
    assert body == b"{}"
    assert sorted(field.lower() for field in fields if not field.lower().startswith("content-type")) == [
        "accept-encoding: identity",
        "accept: x/y",
        "content-length: 2",
        f"host: 127.0.0.1:{double.port}",
        "user-agent: vestibule/test",
        "x-a: b",
    ]


@pytest.mark.parametrize(
    ("behaviour", "error_class", "detail"),
    [
        pytest.param(sends_then_ends(b""), "connect", "connection_lost", id="ends without an answer"),
        pytest.param(sends_then_half_closes(b""), "connect", "connection_lost", id="half-closes without an answer"),
        pytest.param(sends_then_resets(b""), "connect", "connection_lost", id="resets at once"),
        pytest.param(sends_then_resets(b"HTTP/1.1 200"), "connect", "connection_lost", id="resets in the head"),
        pytest.param(
            sends_then_resets(JSON_HEAD + b"Content-Length: 9\r\n\r\n{}"),
            "connect",
            "body_cut_short",
            id="resets in the body",
        ),
        pytest.param(
            sends_then_ends(JSON_HEAD + b"Content-Length: 9\r\n\r\n{}"),
            "connect",
            "body_cut_short",
            id="ends in the body",
        ),
        pytest.param(sends_then_ends(CHUNKED + b"9\r\n{}"), "connect", "body_cut_short", id="ends in a chunk"),
        pytest.param(sends(CHUNKED + b"zz\r\n{}\r\n"), "contract", "not_http", id="chunk size not hex"),
        pytest.param(sends(CHUNKED + b"f" * 20 + b"\r\n{}"), "contract", "not_http", id="chunk size overflows"),
        pytest.param(
            sends(JSON_HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
            "contract",
            "not_http",
            id="two lengths",
        ),
        pytest.param(
            sends(JSON_HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"),
            "contract",
            "not_http",
            id="length and chunks",
        ),
        pytest.param(sends(JSON_HEAD + b"Content-Length: -2\r\n\r\n{}"), "contract", "not_http", id="negative length"),
        pytest.param(sends(b"SSH-2.0-OpenSSH\r\n\r\n"), "contract", "not_http", id="another protocol"),
        pytest.param(sends(b"{}"), "contract", "not_http", id="no head"),
        pytest.param(sends(JSON_HEAD + b"X: " + b"a" * 9000 + b"\r\n\r\n"), "contract", "not_http", id="long header"),
        pytest.param(sends(JSON_HEAD + b"X: a\r\n" * 9000 + b"\r\n"), "contract", "not_http", id="many headers"),
        pytest.param(sends(JSON_HEAD + b"X: a\0b\r\n\r\n"), "contract", "not_http", id="NUL in a header"),
        pytest.param(sends_then_repeats(JSON_HEAD + b"X: ", b"a" * 4096), "contract", "not_http", id="endless header"),
        pytest.param(sends_then_repeats(b"", INTERIM * 4000), "contract", "not_http", id="endless interim answers"),
        pytest.param(sends(INTERIM * 33 + http_answer()), "contract", "not_http", id="one interim answer too many"),
        pytest.param(
            sends(http_answer(BOMB, content_encoding="gzip")),
            "contract",
            "content_encoding_not_asked_for",
            id="gzip bomb",
        ),
        pytest.param(
            sends(http_answer(content_encoding="br")), "contract", "content_encoding_not_asked_for", id="another coding"
        ),
        pytest.param(
            sends(http_answer(b"<html>", content_type="text/html")), "contract", "content_type_not_json", id="HTML"
        ),
        pytest.param(
            sends(http_answer(content_type="text/json")), "contract", "content_type_not_json", id="nearly a JSON type"
        ),
        pytest.param(
            sends(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), "contract", "content_type_not_json", id="no type"
        ),
        pytest.param(sends(http_answer(b"[" * 100_001)), "contract", "body_too_large", id="one byte too many"),
        pytest.param(
            sends(JSON_HEAD + b"Content-Length: 1000000000\r\n\r\n"),
            "contract",
            "body_too_large",
            id="announced gigabyte",
        ),
        pytest.param(
            sends_then_repeats(CHUNKED, b"1000\r\n" + b" " * 4096 + b"\r\n"),
            "contract",
            "body_too_large",
            id="endless body",
        ),
    ],
)
async def test_request_to_a_misbehaving_server_fails_with_its_class_after_one_try(
    http: SafeHttp, behaviour: Behaviour, error_class: str, detail: str
) -> None:
    async with serving(behaviour) as double:
        with pytest.raises(OutsideError) as failed:
            await get(http, double.port)

        assert (failed.value.error_class, failed.value.detail) == (error_class, detail)
        assert len(double.requests) == 1


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(sends(b""), id="silent"),
        pytest.param(sends_then_repeats(b"HTTP/1.1 200 OK\r\n", b"X: a\r\n", 0.01), id="drips headers"),
        pytest.param(sends_then_repeats(JSON_HEAD + b"Content-Length: 999\r\n\r\n", b" ", 0.01), id="drips the body"),
        pytest.param(sends_then_repeats(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.01), id="only early hints"),
    ],
)
async def test_request_to_a_slow_server_ends_with_its_time(http: SafeHttp, behaviour: Behaviour) -> None:
    async with serving(behaviour) as double:
        with pytest.raises(OutsideError) as failed:
            await get(http, double.port, bounds=SHORT)

    assert failed.value.error_class is PrefillReason.TIMEOUT


@pytest.mark.parametrize(
    ("status", "headers", "error_class", "retry_after"),
    [
        pytest.param("302 Found", {"location": "http://127.0.0.1:1/"}, "contract", None, id="redirect"),
        pytest.param("308 Moved", {"location": "/"}, "contract", None, id="redirect to itself"),
        pytest.param("201 Created", {}, "contract", None, id="created"),
        pytest.param("206 Partial", {}, "contract", None, id="partial"),
        pytest.param("101 Switching", {}, "contract", None, id="switching protocols"),
        pytest.param("999 Odd", {}, "contract", None, id="no known class"),
        pytest.param("400 Bad", {"retry_after": "5"}, "http_4xx", None, id="bad request"),
        pytest.param("401 No", {}, "auth", None, id="unauthenticated"),
        pytest.param("403 No", {}, "auth", None, id="forbidden"),
        pytest.param("404 None", {}, "http_4xx", None, id="not found"),
        pytest.param("408 Late", {}, "timeout", None, id="request timeout"),
        pytest.param("429 Slow", {"retry_after": "7"}, "http_429", timedelta(seconds=7), id="too many requests"),
        pytest.param("429 Slow", {}, "http_429", None, id="too many requests, without a time"),
        pytest.param("500 Oops", {"retry_after": "7"}, "http_5xx", None, id="server error"),
        pytest.param("503 Later", {"retry_after": "0"}, "http_5xx", timedelta(0), id="unavailable"),
        pytest.param("503 Later", {"retry_after": "-1"}, "http_5xx", None, id="unavailable, nonsense"),
        pytest.param("503 Later", {"retry_after": "9" * 400}, "http_5xx", timedelta(seconds=2**31), id="far too long"),
        pytest.param(
            "503 Later",
            {"retry_after": "Wed, 21 Oct 2026 07:30:00 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"},
            "http_5xx",
            timedelta(minutes=2),
            id="unavailable until a date",
        ),
        pytest.param(
            "503 Later",
            {"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT", "date": "Wed, 21 Oct 2026 07:30:00 GMT"},
            "http_5xx",
            timedelta(0),
            id="unavailable until a date in the past",
        ),
        pytest.param(
            "503 Later",
            {"retry_after": "Wed, 21 Oct 2026 07:31:00 GMT"},
            "http_5xx",
            timedelta(minutes=3),
            id="a date by our clock, for want of theirs",
        ),
    ],
)
async def test_request_answered_with_another_status_fails_with_its_class(
    http: SafeHttp, status: str, headers: dict[str, str], error_class: str, retry_after: timedelta | None
) -> None:
    async with serving(http_answer(b"" if status.startswith("101") else b"{}", status, **headers)) as double:
        with pytest.raises(OutsideError) as failed:
            await get(http, double.port)

    assert failed.value.error_class == error_class
    assert failed.value.status == int(status[:3])
    assert failed.value.retry_after == retry_after
    assert len(double.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="array"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"a": 1, "\\u0061": 2}', id="a name twice"),
        pytest.param(b'{"a": NaN}', id="NaN"),
        pytest.param(b'{"a": "\\ud800"}', id="lone surrogate"),
        pytest.param(b'{"a": "\xff"}', id="not UTF-8"),
        pytest.param(b'\xef\xbb\xbf{"a": 1}', id="byte order mark"),
        pytest.param(b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", id="nested"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", id="endless number"),
        pytest.param(b'{"a": 1}{}', id="two values"),
    ],
)
def test_json_object_of_a_body_that_is_not_strict_json_breaks_the_contract(body: bytes) -> None:
    answer = SafeAnswer(200, {}, body)

    with pytest.raises(OutsideError) as failed:
        answer.json_object()

    assert failed.value.error_class is PrefillReason.CONTRACT


async def test_request_after_set_cookie_sends_and_logs_no_cookie(
    http: SafeHttp, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    cookies = b"Set-Cookie: sid=canary\r\nSet-Cookie: canary with spaces=1\r\n"

    async with serving(JSON_HEAD + cookies + b"Content-Length: 2\r\n\r\n{}") as double:
        await get(http, double.port)
        await get(http, double.port)

    assert len(double.requests) == 2
    assert double.header("cookie") is None
    assert "canary" not in caplog.text


async def test_request_again_to_the_same_server_reuses_the_connection(http: SafeHttp) -> None:
    async with serving(http_answer()) as double:
        for _ in range(3):
            await get(http, double.port)

    assert (len(double.requests), double.connections) == (3, 1)


async def test_request_after_an_unread_body_opens_a_new_connection(http: SafeHttp) -> None:
    async with serving(JSON_HEAD + b"Content-Length: 1000000000\r\n\r\n") as double:
        for _ in range(2):
            with pytest.raises(OutsideError):
                await get(http, double.port)

    assert double.connections == 2


async def test_failed_request_leaves_no_trace_of_url_or_answer_in_the_error(http: SafeHttp) -> None:
    canary = "canary".swapcase()

    async with serving(f"HTTP/1.1 200 OK\r\n{canary}\r\n\r\n".encode()) as double:
        with pytest.raises(OutsideError) as failed:
            await get(http, double.port, f"/{canary}")

    assert canary not in "".join(traceback.format_exception(failed.value))
    assert str(pickle.loads(pickle.dumps(failed.value))) == str(failed.value)  # noqa: S301 - our own bytes
