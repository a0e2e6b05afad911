"""Where outside calls may go: which addresses count as public, and which URLs a configuration may hold.

Pure and stateless. Resolves no name: the adapter asks `OutboundPolicy.allows` about the address of every connection.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import NoReturn

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

MAX_TEMPLATE_CHARACTERS = 2048
"""Of a configured URL: more is a mistake."""
MAX_URL_CHARACTERS = 8000
"""Of a template filled in; with its request line it stays below what servers commonly read (8 KiB)."""
PLACEHOLDERS = ("{sub}", "{campaign_id}")

# ipaddress.is_global of Python 3.11 is no help: it says True for multicast, 6to4 and NAT64 of loopback.
_NOT_PUBLIC_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
_GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?]*)(?P<target>.*)")
_TARGET = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")  # RFC 3986 sections 3.3 and 3.4
_DOT_SEGMENT = re.compile(r"/(?:\.|%2[eE]){1,2}(?=/|$)")
_PORT = re.compile(r"[0-9]{1,5}")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")  # what inet_aton reads as a number (WHATWG URL, "ends in a number")
_MAX_HOST_CHARACTERS = 253
_MAX_PORT = 65535
_DEFAULT_PORTS = {"https": 443, "http": 80}
_LOCAL_TOP_LABELS = frozenset({"localhost", "local", "internal"})


class UrlReason(StrEnum):
    """Why a URL was refused; stable, shown to whoever configures it."""

    TOO_LONG = "url_too_long"
    MALFORMED = "url_malformed"
    CHARACTER = "url_character_not_allowed"  # a control character, a space, a backslash, or what must be percent-encoded
    FRAGMENT = "url_fragment_not_allowed"
    USERINFO = "url_userinfo_not_allowed"
    SCHEME = "url_scheme_not_allowed"
    PORT = "url_port_invalid"
    HOST = "url_host_invalid"
    HOST_NOT_NORMAL = "url_host_not_normal"  # Unicode that stands for other characters
    HOST_NUMERIC = "url_host_numeric"
    HOST_TRAILING_DOT = "url_host_trailing_dot"
    HOST_LOCAL = "url_host_local"
    HOST_IS_ADDRESS = "url_host_is_address"
    DOT_SEGMENT = "url_dot_segment"
    PLACEHOLDER = "url_placeholder_not_allowed"


class UrlRefused(ValueError):
    """The URL may not be called; `reason` says which rule it breaks and never quotes it."""

    def __init__(self, reason: UrlReason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class OutboundPolicy:
    """Which addresses may be connected to: the public ones, and those of `private_cidrs`."""

    private_cidrs: tuple[IPNetwork, ...] = ()

    def allows(self, ip: IPAddress) -> bool:
        """Tell whether a connection to `ip` may be opened."""
        return is_public_address(ip) or self.excepts(ip)

    def excepts(self, ip: IPAddress) -> bool:
        """Tell whether `ip` lies in one of the networks that the settings name."""
        return not _has_scope(ip) and any(ip in network for network in self.private_cidrs)


@dataclass(frozen=True, slots=True)
class OutsideUrl:
    """A URL taken apart once: `host` is ASCII in lower case (an IPv6 address without brackets), `target` path and query."""

    scheme: str
    host: str
    port: int
    target: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.target}"


def is_public_address(ip: IPAddress) -> bool:
    """Tell whether `ip` is an address of the public internet, by the IANA special-purpose registries (RFC 6890)."""
    match ip:
        case IPv4Address():
            return not any(ip in network for network in _NOT_PUBLIC_V4)
        case IPv6Address():
            inside = ip in _GLOBAL_UNICAST_V6 and not _has_scope(ip)
            return inside and not any(ip in network for network in _NOT_PUBLIC_V6)


def check_url(url: str, policy: OutboundPolicy) -> OutsideUrl:
    """Return `url` taken apart; raise UrlRefused if it is not one that `policy` lets us call."""
    return _check(url, policy, MAX_URL_CHARACTERS)


def check_url_template(template: str, policy: OutboundPolicy) -> OutsideUrl:
    """Return a template taken apart, `{sub}` and `{campaign_id}` left in its target; raise UrlRefused as `check_url` does."""
    filled = template
    for placeholder in PLACEHOLDERS:
        filled = filled.replace(placeholder, "x")
    if "{" in filled or "}" in filled:
        _refuse(UrlReason.PLACEHOLDER)
    checked = _check(filled, policy, MAX_TEMPLATE_CHARACTERS)
    target = template[len(template) - len(checked.target) :] if filled == template else _target_of(template)
    return OutsideUrl(checked.scheme, checked.host, checked.port, target)
