"""Which bytes are believed to begin with one ordinary request, and that nobody could read them in another way."""

import asyncio
from typing import Any, Final
from unittest.mock import Mock

import pytest
from aiohttp.http import HttpVersion11
from aiohttp.http_parser import HttpRequestParser
from hypothesis import example, given
from hypothesis import strategies as st

from app.web.http_server import MAX_LINE_BYTES
from app.web.ordinary_requests import MOST_HEAD_BYTES, MOST_HEADERS, OrdinaryRequest, request_in
from tests.web.alike import SETTLED
from tests.web.stage import ORIGIN
from tests.web.wire import JSON_TYPE, OPEN, USUAL, get, post, request

_LENGTH: Final = f"Content-Length: {len(USUAL)}"
_USUAL_HEADERS: Final = {"host": "x", "content-type": "application/json", "content-length": str(len(USUAL))}
_HARMLESS = st.sampled_from(
    ["Origin: http://x", "X-Request-ID: mine", "Connection: keep-alive", "Accept:", JSON_TYPE, "X-A:\ta\t", "Etag: a"]
) | st.from_regex(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,8}:[\t\x20-\x7e]{0,8}", fullmatch=True)
_ODD = st.sampled_from(
    [
        *(
            "Connection: close",
            "Transfer-Encoding: chunked",
            "Expect: 100-continue",
            "Content-Length: 2",
            "Host: y",
            "",
        ),
        *(
            "A : b",
            " folded",
            "GET / HTTP/1.1",
            "A: b\nC: d",
            "A: b\rC: d",
            "A: \0",
            "A: \xff",
            ":",
            "Content-Length:\t65",
            _LENGTH,
        ),
    ]
)


def _with_head(*lines: str, body: bytes = USUAL, first: str = f"POST {OPEN} HTTP/1.1") -> bytes:
    return "\r\n".join((first, "Host: x", *lines, "", "")).encode("latin-1") + body


def _believed(data: bytes) -> OrdinaryRequest:
    believed = request_in(data)
    assert believed is not None
    return believed


def test_request_is_told_by_its_bytes() -> None:
    data = post()

    assert request_in(data) == OrdinaryRequest("POST", OPEN, _USUAL_HEADERS, USUAL, len(data))


def test_request_without_a_body_is_told_by_its_bytes() -> None:
    data = get(SETTLED, authorization="Authorization: Bearer a.b", query="?wait=25")

    headers = {"host": "x", "authorization": "Bearer a.b"}
    assert request_in(data) == OrdinaryRequest("GET", f"/v1/sessions/{SETTLED}?wait=25", headers, b"", len(data))


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        pytest.param(f"Origin: {ORIGIN}", "origin", ORIGIN, id="usual"),
        pytest.param("oRIGIN:\thttp://X \t", "origin", "http://X", id="any-case-and-spaces"),
        pytest.param("X-Request-ID:My.id-1", "x-request-id", "My.id-1", id="no-space"),
        pytest.param("A: b: c", "a", "b: c", id="colon"),
        pytest.param("A:", "a", "", id="empty"),
        pytest.param("Connection: Keep-Alive", "connection", "Keep-Alive", id="keep-alive"),
    ],
)
def test_header_is_told_as_it_was_meant(line: str, name: str, value: str) -> None:
    assert _believed(post(line)).headers == {**_USUAL_HEADERS, name: value}


@pytest.mark.parametrize("behind", [b"G", b"\r\n", post(), b"\x00" * 100])
def test_what_stands_behind_a_request_says_nothing_of_it(behind: bytes) -> None:
    assert request_in(post() + behind) == request_in(post())


def test_request_that_has_not_come_whole_is_not_told() -> None:
    assert [request_in(post()[:length]) for length in range(len(post()))] == [None] * len(post())


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\r\n" + post(), id="empty-line-in-front"),
        pytest.param(request("PUT", OPEN, body=USUAL), id="method"),
        pytest.param(post().replace(b"POST", b"post"), id="method-lower-case"),
        pytest.param(post(version="1.0"), id="version"),
        pytest.param(post(target="http://x" + OPEN), id="absolute"),
        pytest.param(post(target="/v1/ campaigns"), id="space-in-path"),
        pytest.param(post(target="/\xff"), id="path-not-ascii"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="no-headers"),
        pytest.param(post().replace(b"Host: x\r\n", b""), id="no-host"),
        pytest.param(post("host: y"), id="two-hosts"),
        pytest.param(post().replace(b"Host: x", b"Host: x/y"), id="odd-host"),
        pytest.param(post(JSON_TYPE), id="two-types"),
        pytest.param(post("A: b", "a: b"), id="any-header-twice"),
        pytest.param(_with_head(_LENGTH, _LENGTH), id="two-lengths"),
        pytest.param(_with_head("Content-Length: 0x2"), id="length-in-hex"),
        pytest.param(_with_head(f"Content-Length: +{len(USUAL)}"), id="signed-length"),
        pytest.param(_with_head(f"Content-Length: {len(USUAL)}, {len(USUAL)}"), id="list-of-lengths"),
        pytest.param(_with_head("Content-Length:"), id="empty-length"),
        pytest.param(_with_head(f"Content-Length : {len(USUAL)}"), id="space-before-colon"),
        pytest.param(_with_head(_LENGTH, "A: b\nTransfer-Encoding: chunked"), id="bare-line-feed"),
        pytest.param(_with_head(_LENGTH, "A: b\rC: d"), id="bare-carriage-return"),
        pytest.param(_with_head(_LENGTH, "A: b", " c"), id="folded"),
        pytest.param(_with_head(_LENGTH, "A: \x00"), id="control"),
        pytest.param(_with_head(_LENGTH, "A: \xff"), id="not-ascii"),
        pytest.param(_with_head(_LENGTH, ": b"), id="no-name"),
        pytest.param(post("Transfer-Encoding: chunked"), id="transfer-encoding"),
        pytest.param(post("Expect: 100-continue"), id="expect"),
        pytest.param(post("Upgrade: h2c"), id="upgrade"),
        pytest.param(post("Connection: close"), id="close"),
        pytest.param(post("Connection: keep-alive, close"), id="close-too"),
        pytest.param(post(*(f"A{n}: b" for n in range(MOST_HEADERS - 2))), id="many-headers"),
        pytest.param(post("A: " + "b" * MOST_HEAD_BYTES), id="long-header"),
        pytest.param(get(SETTLED, query="?" + "a" * MOST_HEAD_BYTES), id="long-path"),
    ],
)
def test_anything_else_is_left_to_the_parser(data: bytes) -> None:
    assert request_in(data) is None


def test_as_many_headers_as_are_ordinary_are_believed() -> None:
    assert len(_believed(post(*(f"A{n}: b" for n in range(MOST_HEADERS - 3)))).headers) == MOST_HEADERS


@given(
    st.sampled_from([f"POST {OPEN} HTTP/1.1", f"GET /v1/sessions/{SETTLED} HTTP/1.1"])
    | st.from_regex(r"(GET|POST) /[!-~]{0,8} HTTP/1\.1", fullmatch=True),
    st.lists(_HARMLESS, max_size=4),
    st.just([]) | st.lists(_HARMLESS | _ODD, max_size=2),
    st.just(USUAL) | st.binary(),
)
@example(f"POST {OPEN} HTTP/1.1", [], [_LENGTH], USUAL)
@example("GET / HTTP/1.1", [f"Origin: {ORIGIN}", "Connection: keep-alive"], [JSON_TYPE], USUAL)
@example(f"POST {OPEN} HTTP/1.1", [], [_LENGTH], USUAL + post())
def test_parser_reads_what_is_believed_as_the_same_request(
    first: str, before: list[str], after: list[str], body: bytes
) -> None:
    data = _with_head(*before, _LENGTH, *after, body=body, first=first)
    believed = request_in(data)
    if believed is None:  # as of most that is odd, or repeated; the examples are believed
        return

    message, payload = _parsed(data[: believed.size])

    assert (message.method, message.path, message.version) == (believed.method, believed.path, HttpVersion11)
    assert {name.lower(): value for name, value in message.headers.items()} == believed.headers
    assert b"".join(payload._buffer) == believed.body
    assert payload.is_eof()
    assert (message.should_close, message.upgrade, message.chunked) == (False, False, False)


def _parsed(data: bytes) -> tuple[Any, Any]:
    """Return what the server's own parser makes of `data`, which is to be one request and no more."""
    loop = asyncio.new_event_loop()
    try:
        parser = HttpRequestParser(
            Mock(), loop, 2**16, max_line_size=MAX_LINE_BYTES, max_field_size=MAX_LINE_BYTES, auto_decompress=False
        )
        ((message, payload),), is_upgraded, tail = parser.feed_data(data)
    finally:
        loop.close()
    assert (is_upgraded, tail) == (False, b"")
    return message, payload
