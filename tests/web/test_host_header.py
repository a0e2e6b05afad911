import pytest

from app.web.host_header import is_host
from tests.web.stage import staged
from tests.web.wire import wired


@pytest.mark.parametrize("value", ["", "x", "a.example:8443", "[::1]:80", "192.0.2.1", "a%2Db", "x:", "EXAMPLE"])
def test_host_is_what_uris_call_one(value: str) -> None:
    assert is_host(value)


@pytest.mark.parametrize("value", ["a b", "a/b", "a@b", "a?b", "a:b", "a:1:2", "[::1", "::1", "a%2", "ä", "a\\b", '"'])
def test_host_is_nothing_else(value: str) -> None:
    assert not is_host(value)


async def test_request_of_http_1_0_needs_no_host() -> None:
    async with staged() as stage, wired(stage) as wire:
        wire.send(b"GET /v1/nothing HTTP/1.0\r\n\r\n")

        assert (await wire.answer()).status == 404
