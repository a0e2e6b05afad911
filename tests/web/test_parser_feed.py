"""When aiohttp's parser is believed to have nothing in hand: only if the next request is read as by a new one."""

import asyncio
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser
from hypothesis import example, given
from hypothesis import strategies as st

from app.web.ordinary_requests import MOST_HEAD_BYTES
from app.web.parser_feed import ParserFeed
from tests.web.alike import SETTLED
from tests.web.wire import OPEN, get, post, request

_CHUNKED = request("POST", OPEN, "Transfer-Encoding: chunked") + b"1\r\na\r\n0\r\n\r\n"
_WHOLE = st.sampled_from(
    [post(), get(SETTLED), get(SETTLED, "Content-Length: 4") + b"\r\n\r\n", post(body=b"a\r\n\r\nb")]
)
_ODD = st.sampled_from([_CHUNKED, b"\r\n\r\n", b"\n\n", b"\r\n\r", post().replace(b"\r\n", b"\n"), b"x"])
_CUTS = st.integers(0, 200)


class _Fed:
    """A parser that is given what its feed is told of, as a connection does it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.parser = HttpRequestParser(Mock(), self.loop, 2**16, max_line_size=32768, max_field_size=32768)
        self.feed = ParserFeed()

    def give(self, data: bytes) -> list[Any]:
        self.feed.give(data)
        messages, _, _ = self.parser.feed_data(data)
        if messages:
            self.feed.note(len(messages), messages[-1][1])
        return [message for message, _ in messages]


def _fed(*pieces: bytes) -> _Fed:
    fed = _Fed()
    for piece in pieces:
        fed.give(piece)
    fed.loop.close()
    return fed


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([], id="nothing"),
        pytest.param([get(SETTLED)], id="one"),
        pytest.param([post(), get(SETTLED)], id="one-after-another"),
        pytest.param([post()[:-5], post()[-5:]], id="body-in-pieces"),
        pytest.param([post()[:20], post()[20:]], id="head-in-pieces"),
        pytest.param([bytes([byte]) for byte in post()], id="bytes"),
        pytest.param([post()[:20], post()[20:], post()[:-5], post()[-5:]], id="in-pieces-again"),
    ],
)
def test_parser_that_was_given_whole_requests_has_nothing_in_hand(pieces: list[bytes]) -> None:
    assert _fed(*pieces).feed.is_used_up


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([post()[:20]], id="half-a-head"),
        pytest.param([post()[:-1]], id="most-of-a-body"),
        pytest.param([post() + b"GET"], id="more-than-one"),
        pytest.param([post()[:-5], post()[-5:] + b"G"], id="more-than-a-body"),
        pytest.param([get(SETTLED), b"\r"], id="a-line-that-ends"),
    ],
)
def test_parser_that_has_a_part_of_a_request_is_known_to(pieces: list[bytes]) -> None:
    assert not _fed(*pieces).feed.is_used_up


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([post() * 2], id="two"),
        pytest.param([_CHUNKED], id="chunked"),
        pytest.param([get(SETTLED, "A: " + "b" * 2 * MOST_HEAD_BYTES)[:-2], b"\r\n"], id="long-head-in-pieces"),
    ],
)
def test_what_cannot_be_told_stays_with_the_parser(pieces: list[bytes]) -> None:
    assert not _fed(*pieces, get(SETTLED)).feed.is_used_up


@given(
    st.lists(st.tuples(_WHOLE, _CUTS, st.just(0)), max_size=3),
    st.just([]) | st.lists(st.tuples(_WHOLE | _ODD, _CUTS, st.integers(0, 40)), max_size=2),
)
@example([(post(), 20, 0)], [])
@example([(post(), 120, 0), (get(SETTLED), 0, 0)], [])
@example([], [(post().replace(b"\r\n", b"\n"), 0, 0)])
def test_next_request_is_read_as_by_a_new_parser(
    whole: list[tuple[bytes, int, int]], then: list[tuple[bytes, int, int]]
) -> None:
    fed = _Fed()
    try:
        for data, cut, more in [*whole, *then]:
            fed.give(data[:cut])
            fed.give(data[cut:] + get(SETTLED)[:more])
        if not fed.feed.is_used_up:  # of half of what is drawn it is
            return
        (message,) = fed.give(post("X-Request-ID: next"))
    except HttpProcessingError:
        return  # a connection ends with that
    finally:
        fed.loop.close()

    assert (message.method, message.path, message.headers["X-Request-ID"]) == ("POST", OPEN, "next")
