"""What a Host header may say (RFC 9110 section 7.2; RFC 3986 sections 3.2.2 and 3.2.3)."""

import re
from functools import lru_cache
from typing import Final

from aiohttp import HttpVersion11, web

from app.errors import RequestMalformed

_HOST: Final = re.compile(
    r"(?:\[[0-9A-Za-z._~!$&'()*+,;=:-]+\]|(?:[0-9A-Za-z._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?"
)


@lru_cache(maxsize=64)
def is_host(value: str) -> bool:
    """Tell whether `value` spells a host, maybe with a port; nothing at all is one too."""
    return _HOST.fullmatch(value) is not None


def check_host(request: web.BaseRequest) -> None:
    """Raise RequestMalformed where the request names no host, or not just one, as HTTP/1.1 demands (RFC 9112 3.2)."""
    hosts = request.headers.getall("Host", ())
    if len(hosts) > 1 or not all(map(is_host, hosts)) or (not hosts and request.version >= HttpVersion11):
        raise RequestMalformed("A request names one host, in its header Host.")
