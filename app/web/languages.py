"""Which languages a browser prefers, as its Accept-Language says (RFC 9110 section 12.5.4)."""

import re
from functools import lru_cache
from typing import Final

from app.web.middleware import Headed

MAX_LANGUAGES: Final = 10
"""Of one header; people read fewer."""
_MAX_CHARACTERS: Final = 500
_RANGE: Final = re.compile(r"([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)(?:[ \t]*;[ \t]*[qQ]=([01](?:\.[0-9]{0,3})?))?")


def preferred_languages(request: Headed) -> tuple[str, ...]:
    """Return the language tags that the browser names, the most wanted first; malformed ones are left out."""
    return languages_in(request.headers.get("accept-language", ""))


@lru_cache(maxsize=1024)
def languages_in(accept_language: str) -> tuple[str, ...]:
    """Return the language tags of an Accept-Language, likewise."""
    weighted: list[tuple[float, str]] = []
    for text in accept_language[:_MAX_CHARACTERS].split(","):
        match = _RANGE.fullmatch(text.strip())
        weight = float(match[2] or 1) if match else 0.0
        if match and weight > 0:
            weighted.append((min(weight, 1.0), match[1]))
    weighted.sort(key=lambda pair: -pair[0])  # stable: equals stay in the browser's order
    return tuple(tag for _, tag in weighted[:MAX_LANGUAGES])
