"""Where outside calls may go: which addresses count as public, and which URLs a configuration may hold.

Pure and stateless. Resolves no name: the adapter asks `OutboundPolicy.allows` about the address of every connection.
"""

import re
from dataclasses import dataclass, replace
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
_NOT_PUBLIC_V6 = tuple(IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?]*)(?P<target>.*)")
_AUTHORITY = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]+)(?::(?P<port>.*))?")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
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
    CHARACTER = (
        "url_character_not_allowed"  # a control character, a space, a backslash, or what must be percent-encoded
    )
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
    """A URL taken apart: `host` in ASCII and lower case (an IPv6 address without brackets), `target` is path, query."""

    scheme: str
    host: str
    port: int
    target: str

    def __str__(self) -> str:
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host_in_url(self.host)}{port}{self.target}"


def host_in_url(host: str) -> str:
    """Return `host` as a URL spells it: an IPv6 address in brackets (RFC 3986 section 3.2.2)."""
    return f"[{host}]" if ":" in host else host


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
    if len(url) > MAX_URL_CHARACTERS:
        _refuse(UrlReason.TOO_LONG)
    scheme, authority, target = _split(url)
    host, port = _split_authority(authority)
    checked = OutsideUrl(scheme, _checked_host(host, scheme, policy), _checked_port(port, scheme), target)
    _check_target(target)
    return checked


def check_url_template(template: str, policy: OutboundPolicy) -> OutsideUrl:
    """Return a template taken apart; raise UrlRefused as `check_url` does.

    `{sub}` and `{campaign_id}` may stand in its path and query, and are left there; other braces are refused.
    """
    if len(template) > MAX_TEMPLATE_CHARACTERS:
        _refuse(UrlReason.TOO_LONG)
    scheme, authority, target = _split(template)
    filled = target
    for placeholder in PLACEHOLDERS:
        filled = filled.replace(placeholder, "x")
    if any(brace in authority + filled for brace in "{}"):
        _refuse(UrlReason.PLACEHOLDER)
    return replace(check_url(f"{scheme}://{authority}{filled}", policy), target=target)


def _split(url: str) -> tuple[str, str, str]:
    if "#" in url:
        _refuse(UrlReason.FRAGMENT)
    if _FORBIDDEN.search(url):
        _refuse(UrlReason.CHARACTER)
    match = _URL.fullmatch(url)
    if match is None:
        _refuse(UrlReason.MALFORMED)
    scheme, authority, target = match["scheme"].lower(), match["authority"], match["target"]
    if scheme not in _DEFAULT_PORTS:
        _refuse(UrlReason.SCHEME)
    return scheme, authority, target if target.startswith("/") else f"/{target}"


def _split_authority(authority: str) -> tuple[str, str | None]:
    if "@" in authority:
        _refuse(UrlReason.USERINFO)
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        _refuse(UrlReason.HOST)
    return match["host"], match["port"]


def _checked_port(port: str | None, scheme: str) -> int:
    if port is None:
        return _DEFAULT_PORTS[scheme]
    if not _PORT.fullmatch(port) or not 1 <= int(port) <= _MAX_PORT:
        _refuse(UrlReason.PORT)
    return int(port)


def _checked_host(host: str, scheme: str, policy: OutboundPolicy) -> str:
    if len(host) > _MAX_HOST_CHARACTERS:
        _refuse(UrlReason.HOST)
    name = host.lower() if host.isascii() else _ascii_host(host.lower())
    address = _address(name)
    if address is not None:
        if not policy.excepts(address):
            _refuse(UrlReason.HOST_IS_ADDRESS)
        return str(address)
    _check_name(name)
    if scheme != "https":
        _refuse(UrlReason.SCHEME)
    return name


def _ascii_host(host: str) -> str:
    """Return the IDNA spelling (RFC 3490) of a host that is in its normal form.

    What IDNA would map to other characters is refused: full-width digits and dots, ligatures that hold a slash, and the
    four characters (sharp s, final sigma, joiners) that IDNA 2003 and 2008 turn into different domains.
    """
    try:
        name = host.encode("idna").decode("ascii")
        is_normal = name.encode("ascii").decode("idna") == host
    except UnicodeError:
        _refuse(UrlReason.HOST)
    if not is_normal:
        _refuse(UrlReason.HOST_NOT_NORMAL)
    return name


def _address(host: str) -> IPAddress | None:
    if host.startswith("["):
        try:
            address = IPv6Address(host[1:-1])
        except ValueError:
            _refuse(UrlReason.HOST)
        return address
    try:
        return IPv4Address(host)
    except ValueError:
        return None


def _check_name(name: str) -> None:
    if name.endswith("."):
        _refuse(UrlReason.HOST_TRAILING_DOT)
    labels = name.split(".")
    if len(name) > _MAX_HOST_CHARACTERS or not all(_LABEL.fullmatch(label) for label in labels):
        _refuse(UrlReason.HOST)
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        _refuse(UrlReason.HOST_NUMERIC)
    if labels[-1] in _LOCAL_TOP_LABELS:
        _refuse(UrlReason.HOST_LOCAL)


def _check_target(target: str) -> None:
    if "{" in target or "}" in target:
        _refuse(UrlReason.PLACEHOLDER)
    if not _TARGET.fullmatch(target):
        _refuse(UrlReason.CHARACTER)
    if _DOT_SEGMENT.search(target.partition("?")[0]):
        _refuse(UrlReason.DOT_SEGMENT)


def _has_scope(ip: IPAddress) -> bool:
    return isinstance(ip, IPv6Address) and ip.scope_id is not None


def _refuse(reason: UrlReason) -> NoReturn:
    raise UrlRefused(reason)
