"""Whatever is sent to the participants' routes, the answer is ours and never a 500."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.campaign import Mode
from tests.web.stage import staged

_text = st.text(max_size=30)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=6,
)
_tokens = st.from_regex(r"[A-Za-z0-9_-]{0,8}(\.[A-Za-z0-9_=-]{0,8}){0,5}", fullmatch=True)
_bodies = st.one_of(
    st.binary(max_size=60),
    _tokens.map(str.encode),
    st.fixed_dictionaries({"token": _tokens | _json}).map(lambda value: str(value).replace("'", '"').encode()),
    _json.map(lambda value: str(value).encode("utf-8", "surrogatepass")),
)
_header = st.binary(max_size=40).filter(lambda value: not set(value) & {0, 10, 13})
_types = st.sampled_from([b"application/json", b"application/jwt", b"text/plain", b"APPLICATION/JSON; charset=\xff"])
_paths = st.one_of(
    st.sampled_from([b"/v1/campaigns/945645/sessions", b"/v1/sessions/ses_01k83topnb2u00bsj1svpu2v2v", b"/", b"*"]),
    st.binary(max_size=30).map(lambda raw: b"/v1/" + b"".join(b"%%%02x" % byte for byte in raw)),
    st.binary(max_size=30).map(lambda raw: b"/v1/sessions/x?wait=" + b"".join(b"%%%02x" % byte for byte in raw)),
)
_methods = st.sampled_from([b"GET", b"POST", b"OPTIONS", b"PUT", b"HEAD", b"PATCH", b"DELETE", b"BREW"])


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as loop:
        yield loop


@settings(max_examples=150)
@given(
    requests=st.lists(st.tuples(_methods, _paths, _types | _header, _header, _header, _bodies), min_size=1, max_size=8)
)
def test_request_of_any_kind_never_answers_500(
    runner: asyncio.Runner, requests: list[tuple[bytes, bytes, bytes, bytes, bytes, bytes]]
) -> None:
    statuses = runner.run(_statuses(requests))

    assert all(200 <= status < 500 for status in statuses), statuses


async def _statuses(requests: list[tuple[bytes, bytes, bytes, bytes, bytes, bytes]]) -> list[int]:
    async with staged(mode=Mode.OPTIONAL) as stage:
        return [await _status(stage.host, stage.port, request) for request in requests]


async def _status(host: str, port: int, request: tuple[bytes, bytes, bytes, bytes, bytes, bytes]) -> int:
    method, path, content_type, authorization, other, body = request
    reader, writer = await asyncio.open_connection(host, port)
    lines = [
        method + b" " + path + b" HTTP/1.1",
        b"Host: x",
        b"Connection: close",
        b"Content-Type: " + content_type,
        b"Authorization: Bearer " + authorization,
        b"Idempotency-Key: " + other,
        b"Origin: " + other,
        b"Accept-Language: " + other,
        b"X-Request-ID: " + other,
        b"Content-Length: %d" % len(body),
    ]
    writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
    status = int((await asyncio.wait_for(reader.readline(), 5)).split()[1])
    writer.close()
    return status
