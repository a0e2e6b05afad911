"""Whose request it is, by address: the peer's, or where that is a proxy that we trust, whom it says to have served.

`X-Forwarded-For` is read from its end, where our own proxies write; what stands before the first address that none of
them has is the sender's own invention. Without trusted proxies the header says nothing.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from aiohttp import web

Networks = tuple[IPv4Network | IPv6Network, ...]

TRUSTED_PROXIES: Final = web.AppKey("trusted_proxies", Networks)
"""Of an application: the networks that its own proxies stand in."""


def client_address_of(request: web.Request) -> str | None:
    """Return the address that counts as the caller's, or None if it is not known."""
    forwarded_for = ",".join(request.headers.getall("X-Forwarded-For", ()))
    return client_address(request.remote, forwarded_for, request.app.get(TRUSTED_PROXIES, ()))


def client_address(remote: str | None, forwarded_for: str, trusted: Networks) -> str | None:
    """Return the address that counts as the caller's, where `remote` is the one that it comes from."""
    client = remote
    if not trusted:
        return client
    named = [name.strip() for name in forwarded_for.split(",")]
    while named and client is not None and _is_within(_address(client), trusted):
        before = _address(named.pop())
        if before is None:
            break
        client = str(before)
    return client


def _is_within(address: IPv4Address | IPv6Address | None, networks: Networks) -> bool:
    return address is not None and any(address in network for network in networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that `text` spells, an IPv4 one as such, whatever port it has; None for a name."""
    bare = text.partition(":")[0] if text.count(":") == 1 else text.removeprefix("[").partition("]")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
