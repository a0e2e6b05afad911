"""Whose request it is: what proxies say counts where they are trusted, and nothing that a sender makes up."""

from ipaddress import ip_network

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from app.web.client_address import TRUSTED_PROXIES, client_address_of

PROXY, CALLER, SPOOFED = "10.0.0.1", "203.0.113.7", "198.51.100.9"


def address_of(peer: str, *forwarded: str, trusted: tuple[str, ...] = ("10.0.0.0/8", "fd00::/8")) -> str | None:
    app = web.Application()
    app[TRUSTED_PROXIES] = tuple(map(ip_network, trusted))
    headers = CIMultiDict([("X-Forwarded-For", value) for value in forwarded])
    request = make_mocked_request("GET", "/", headers, app=app)
    return client_address_of(request.clone(remote=peer))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        pytest.param(CALLER, (), CALLER, id="no-proxy"),
        pytest.param(CALLER, (SPOOFED,), CALLER, id="header-without-a-proxy"),
        pytest.param(PROXY, (CALLER,), CALLER, id="proxy"),
        pytest.param(PROXY, (f"{SPOOFED}, {CALLER}",), CALLER, id="spoofed-before-the-proxy"),
        pytest.param(PROXY, (f"{PROXY}, {CALLER}",), CALLER, id="proxy-spoofed"),
        pytest.param(PROXY, (f"{SPOOFED}, {CALLER}, 10.0.0.2",), CALLER, id="two-proxies"),
        pytest.param(PROXY, (SPOOFED, CALLER), CALLER, id="two-headers"),
        pytest.param(PROXY, (), PROXY, id="proxy-itself"),
        pytest.param(PROXY, ("unknown",), PROXY, id="no-address"),
        pytest.param(PROXY, (f"{CALLER}, ",), PROXY, id="empty"),
        pytest.param(PROXY, (f"{CALLER}:4711",), CALLER, id="port"),
        pytest.param("fd00::1", ("[2001:db8::7]:4711",), "2001:db8::7", id="ipv6"),
        pytest.param("::ffff:10.0.0.1", (f"::ffff:{CALLER}",), CALLER, id="mapped"),
    ],
)
def test_address_behind_trusted_proxies_is_the_first_that_is_none_of_theirs(
    peer: str, forwarded: tuple[str, ...], address: str
) -> None:
    assert address_of(peer, *forwarded) == address


def test_address_without_trusted_proxies_is_the_peers() -> None:
    assert address_of(PROXY, CALLER, trusted=()) == PROXY
