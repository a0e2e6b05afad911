"""Tells a whole arrival by its bytes, unparsed: parsing is most of what a refusal costs, and an overload is refusals.

Believes only what nobody could read in another way: one POST with lines as RFC 9112 spells them (section 5), one
Host, one Content-Length, and exactly so many bytes behind them. Anything else is for the parser to read, and to refuse.
"""

import re
from typing import Final

from app.values import light_value
from app.web.middleware import SANE_REQUEST_ID
from app.web.openapi.sessions import OPEN_SESSION
from app.web.participants import CAMPAIGN_ID

_PATH = OPEN_SESSION.path.replace("{campaign_id}", CAMPAIGN_ID.pattern)
_HEAD: Final = re.compile(
    rf"POST ({_PATH}) HTTP/1\.1((?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*)*)\r\n\r\n".encode("latin-1")
)
_ASKS_MORE: Final = re.compile(rb"\r\n(?:transfer-encoding|expect|upgrade|connection:(?! ?keep-alive(?:\r|\Z)))")
_ONCE: Final = (b"\r\nhost:", b"\r\ncontent-length:")
_NEVER_TWICE: Final = tuple(
    b"\r\n" + name + b":"
    for name in (
        b"content-type",
        b"user-agent",
        b"server",
        b"etag",
        b"content-location",
        b"content-range",
        b"max-forwards",
    )
)
"""Whose repetition the parser refuses, since proxies differ in which they believe (RFC 9110 section 5.3)."""
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[\t ]*([0-9]{1,6})[\t ]*(?=\r|\Z)")
_ID: Final = re.compile(
    rb"\r\n(?i:x-request-id):[\t ]*(" + SANE_REQUEST_ID.pattern.encode("ascii") + rb")[\t ]*(?=\r|\Z)"
)
_ORIGIN: Final = re.compile(rb"\r\n(?i:origin):[\t ]*([\x21-\x7e]+)[\t ]*(?=\r|\Z)")


@light_value
class EarlyArrival:
    """What its answer depends on; `request_id` only where it brought a sane one."""

    path: str
    request_id: str | None
    origin: str | None


def arrival_in(data: bytes) -> EarlyArrival | None:
    """Return the arrival that `data` is, whole and alone; None for anything else."""
    head = _HEAD.match(data)
    if head is None:
        return None
    lines = head[2].lower()
    if any(lines.count(name) != 1 for name in _ONCE) or any(lines.count(name) > 1 for name in _NEVER_TWICE):
        return None
    length = _LENGTH.search(lines)
    if length is None or _ASKS_MORE.search(lines) or head.end() + int(length[1]) != len(data):
        return None
    return EarlyArrival(head[1].decode("ascii"), _text(_ID.search(head[2])), _text(_ORIGIN.search(head[2])))


def _text(found: re.Match[bytes] | None) -> str | None:
    return None if found is None else found[1].decode("ascii")
