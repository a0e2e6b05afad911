"""Tells an ordinary request by its bytes: what a parser makes of it is much of what a request costs, waits and all.

Believes only what nobody could read in another way: lines as RFC 9112 spells them (section 5), one Host, no header
twice, a body whose length is said and which is all there, and nothing that asks anything of the connection. Anything
else is for the parser to read, and to refuse.
"""

import re
from collections.abc import Mapping
from typing import Final

from app.values import light_value
from app.web.host_header import is_host

MOST_HEAD_BYTES: Final = 8192
"""Of a request that is ordinary; the parser takes more."""
MOST_HEADERS: Final = 64
"""Likewise."""
_HEAD: Final = re.compile(
    rb"(GET|POST|OPTIONS) (/[!-~]*) HTTP/1\.1\r\n((?:[!#$%&'*+.^_`|~0-9A-Za-z-]++:[\t\x20-\x7e]*+\r\n)++)\r\n"
)
_LENGTH: Final = re.compile(r"[0-9]{1,6}")
_STAYS_OPEN: Final = "keep-alive"


@light_value
class OrdinaryRequest:
    """A request as it came: `headers` by their names in lower case, `size` of all its bytes."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    size: int


def request_in(data: bytes) -> OrdinaryRequest | None:
    """Return the ordinary request that `data` begins with, whatever stands behind it; None where it begins with none.

    Of a request that has not come whole nothing is told.
    """
    head = _HEAD.match(data)
    if head is None or head.end() > MOST_HEAD_BYTES:
        return None
    lines = head[3].decode("ascii").split("\r\n")
    lines.pop()  # what stands behind the last line's end
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip("\t ")
    if not len(headers) == len(lines) <= MOST_HEADERS or "host" not in headers or not is_host(headers["host"]):
        return None
    if "transfer-encoding" in headers or "expect" in headers or "upgrade" in headers:
        return None
    length = headers.get("content-length", "0")
    if not _LENGTH.fullmatch(length) or ("connection" in headers and headers["connection"].lower() != _STAYS_OPEN):
        return None
    size = head.end() + int(length)
    if len(data) < size:
        return None
    return OrdinaryRequest(head[1].decode("ascii"), head[2].decode("ascii"), headers, data[head.end() : size], size)
