"""Which bytes are believed to be one whole arrival, and that nobody could read them in another way."""

import asyncio
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp.http import HttpVersion11
from aiohttp.http_parser import HttpRequestParser
from hypothesis import example, given
from hypothesis import strategies as st

from app.web.early_arrivals import EarlyArrival, arrival_in
from app.web.shedding import Shedding
from tests.web.alike import SETTLED
from tests.web.lane import connection, connections, prepared
from tests.web.stage import ORIGIN, eventually
from tests.web.test_shedding import Line
from tests.web.wire import JSON_TYPE, OPEN, USUAL, get, post, request, wired

_LENGTH = f"Content-Length: {len(USUAL)}"
_HARMLESS = st.sampled_from(
    ["Origin: http://x", "X-Request-ID: mine", "Connection: keep-alive", "Accept:", JSON_TYPE, "X-A:\t\xff", "Etag: a"]
) | st.from_regex(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,8}:[\t\x20-\x7e\x80-\xff]{0,8}", fullmatch=True)
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
            ":",
            "Content-Length:\t65",
            _LENGTH,
        ),
    ]
)


def _with_head(*lines: str, body: bytes = USUAL) -> bytes:
    return "\r\n".join((f"POST {OPEN} HTTP/1.1", "Host: x", *lines, "", "")).encode("latin-1") + body


@pytest.mark.parametrize(
    ("data", "arrival"),
    [
        pytest.param(post(), EarlyArrival(OPEN, None, None), id="usual"),
        pytest.param(post(kind="", body=b""), EarlyArrival(OPEN, None, None), id="empty-body"),
        pytest.param(post(f"Origin: {ORIGIN}"), EarlyArrival(OPEN, None, ORIGIN), id="origin"),
        pytest.param(post("oRIGIN:\thttp://X \t"), EarlyArrival(OPEN, None, "http://X"), id="any-case-and-spaces"),
        pytest.param(post("X-Request-ID: My.id-1"), EarlyArrival(OPEN, "My.id-1", None), id="id"),
        pytest.param(post("X-Request-ID: no id"), EarlyArrival(OPEN, None, None), id="no-sane-id"),
        pytest.param(post("Connection: keep-alive"), EarlyArrival(OPEN, None, None), id="keep-alive"),
        pytest.param(
            post(target="/v1/campaigns/a.b_C-9/sessions"),
            EarlyArrival("/v1/campaigns/a.b_C-9/sessions", None, None),
            id="any-campaign",
        ),
    ],
)
def test_whole_arrival_is_told_by_its_bytes(data: bytes, arrival: EarlyArrival) -> None:
    assert arrival_in(data) == arrival


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(post()[:-1], id="one-byte-short"),
        pytest.param(post() + b"G", id="one-byte-more"),
        pytest.param(post() * 2, id="two"),
        pytest.param(b"\r\n" + post(), id="empty-line-in-front"),
        pytest.param(get(SETTLED), id="read"),
        pytest.param(request("PUT", OPEN, body=USUAL), id="method"),
        pytest.param(post(version="1.0"), id="version"),
        pytest.param(post(target=OPEN + "?a=b"), id="query"),
        pytest.param(post(target="/v1/campaigns/a%20b/sessions"), id="escaped"),
        pytest.param(_with_head(body=b""), id="no-length"),
        pytest.param(post().replace(b"Host: x\r\n", b""), id="no-host"),
        pytest.param(post("host: y"), id="two-hosts"),
        pytest.param(post(JSON_TYPE), id="two-types"),
        pytest.param(_with_head(_LENGTH, _LENGTH), id="two-lengths"),
        pytest.param(_with_head(_LENGTH, "Content-Length: 0x2"), id="another-length"),
        pytest.param(_with_head(f"Content-Length : {len(USUAL)}"), id="space-before-colon"),
        pytest.param(_with_head(f"Content-Length: +{len(USUAL)}"), id="signed-length"),
        pytest.param(_with_head(_LENGTH, "A: b\nTransfer-Encoding: chunked"), id="bare-line-feed"),
        pytest.param(_with_head(_LENGTH, "A: b", " c"), id="folded"),
        pytest.param(_with_head(_LENGTH, "A: \x00"), id="control"),
        pytest.param(post("Transfer-Encoding: chunked"), id="transfer-encoding"),
        pytest.param(post("Expect: 100-continue"), id="expect"),
        pytest.param(post("Upgrade: h2c"), id="upgrade"),
        pytest.param(post("Connection: close"), id="close"),
        pytest.param(post("Connection: keep-alive, close"), id="close-too"),
    ],
)
def test_anything_else_is_left_to_the_parser(data: bytes) -> None:
    assert arrival_in(data) is None


@given(
    st.lists(_HARMLESS, max_size=4), st.just([]) | st.lists(_HARMLESS | _ODD, max_size=2), st.just(USUAL) | st.binary()
)
@example([], [], USUAL)
@example([f"Origin: {ORIGIN}", "Connection: keep-alive"], [JSON_TYPE], USUAL)
def test_parser_reads_what_is_believed_as_one_whole_request_too(
    before: list[str], after: list[str], body: bytes
) -> None:
    data = _with_head(*before, _LENGTH, *after, body=body)
    arrival = arrival_in(data)
    if arrival is None:  # as of most that is odd, or repeated; the examples are believed
        return

    loop = asyncio.new_event_loop()
    try:
        messages, is_upgraded, tail = _parse(loop, data)
    finally:
        loop.close()

    ((message, payload),) = messages
    assert (message.method, message.path, message.version) == ("POST", arrival.path, HttpVersion11)
    assert payload.is_eof()
    assert (message.should_close, message.chunked, is_upgraded, tail) == (False, False, False, b"")


@pytest.mark.parametrize(
    ("in_front", "statuses"),
    [pytest.param(b"", [429], id="first"), pytest.param(get(SETTLED), [200, 429], id="second")],
)
async def test_arrival_within_the_body_of_another_is_part_of_it(in_front: bytes, statuses: list[int]) -> None:
    line = Line()
    inner = post()
    async with prepared(shedding=Shedding(line, lambda *_: None)) as stage, wired(stage) as wire:
        line.has_room = False
        wire.send(in_front + request("POST", OPEN, JSON_TYPE, body=inner)[: -len(inner)])
        await eventually(lambda: bool(connections(stage)) and not connection(stage)._is_at_start)
        wire.send(inner)
        answered = [(await wire.answer()).status for _ in statuses]
        wire.send(get(SETTLED, "Connection: close"))
        rest = await wire.rest()

    assert answered == statuses
    assert rest.count(b"HTTP/1.1 ") == 1
    assert rest.startswith(b"HTTP/1.1 200 ")


@pytest.mark.usefixtures("campaigns_are_remembered")
async def test_connection_that_was_read_from_its_start_is_refused_early_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = Line()
    async with prepared(shedding=Shedding(line, lambda *_: None)) as stage, wired(stage) as wire:
        parsed = Mock(wraps=arrival_in)
        monkeypatch.setattr("app.web.fast_sessions.arrival_in", parsed)
        statuses = []
        for has_room in (True, False, False, True, False):
            line.has_room = has_room
            for sent in (post(), get(SETTLED)):
                wire.send(sent)
                statuses.append((await wire.answer()).status)

    assert statuses == [202, 200, 429, 200, 429, 200, 202, 200, 429, 200]
    assert [arrival_in(call.args[0]) is not None for call in parsed.call_args_list] == [True, False] * 3


def _parse(loop: asyncio.AbstractEventLoop, data: bytes) -> tuple[Any, bool, bytes]:
    parser = HttpRequestParser(Mock(), loop, 2**16, max_line_size=8190, max_field_size=8190)
    messages, is_upgraded, tail = parser.feed_data(data)
    return messages, is_upgraded, tail
