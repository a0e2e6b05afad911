"""A partner's JWK Set over HTTP: asked for conditionally, with what its caching headers say.

Decides nothing about keys or times; `app.domain.keyset` does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from app.adapters.safe_http import CallBounds, SafeAnswer, SafeHttp
from app.domain.keyset_refresh import KeysetAnswer
from app.errors import OutsideError
from app.reasons import PrefillReason

_BOUNDS = CallBounds(whole=timedelta(seconds=10), connect=timedelta(seconds=3), max_body_bytes=256 * 1024)
_ACCEPT = "application/jwk-set+json, application/json"
_VALIDATOR = re.compile(r"[\x20-\x7e]{1,256}")
_DIRECTIVE = re.compile(r'(?:[^,"]|"[^"]*"?)+')  # what stands between commas outside quotes
_SECONDS = re.compile(r"[0-9]+")
_MAX_SECONDS = 2**31  # RFC 9111 section 1.2.2: what a larger number counts as


@dataclass(frozen=True, slots=True)
class HttpJwks:
    """Fetches key sets."""

    http: SafeHttp

    async def fetch(self, url: str, etag: str | None, last_modified: str | None) -> KeysetAnswer:
        """Return what the endpoint says; raise OutsideError if that is no key set, or a 304 that was not asked for."""
        conditions = _conditions(etag, last_modified)
        answer = await ask_for_keys(self.http, url, conditions)
        if answer.status == HTTPStatus.OK:
            return keyset_answer(answer, answer.json_object())
        if not conditions:
            raise OutsideError(PrefillReason.CONTRACT, "not_modified_without_condition", answer.status)
        return keyset_answer(answer, None)


async def ask_for_keys(http: SafeHttp, url: str, conditions: Mapping[str, str]) -> SafeAnswer:
    """Return the bare answer of an endpoint; raise OutsideError."""
    return await http.request("GET", url, pool=url, bounds=_BOUNDS, headers={"Accept": _ACCEPT, **conditions})


def _conditions(etag: str | None, last_modified: str | None) -> dict[str, str]:
    validators = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    return {name: value for name, value in validators.items() if value is not None}


def keyset_answer(answer: SafeAnswer, document: object | None) -> KeysetAnswer:
    """Return what an answer says as one for a key set."""
    directives = _directives(answer.headers.get("cache-control", ""))
    return KeysetAnswer(
        document=document,
        etag=_validator(answer, "etag"),
        last_modified=_validator(answer, "last-modified"),
        max_age=_max_age(directives),
        age=_seconds(answer.headers.get("age", "").partition(",")[0]) or timedelta(0),
        no_store="no-store" in directives,
    )


def _validator(answer: SafeAnswer, name: str) -> str | None:
    value = answer.headers.get(name, "")
    return value if _VALIDATOR.fullmatch(value) else None


def _max_age(directives: dict[str, str]) -> timedelta | None:
    """Return how long the answer is fresh for a private cache; zero if it must be asked about, or says nonsense."""
    if "no-cache" in directives:
        return timedelta(0)
    if "max-age" not in directives:
        return None
    return _seconds(directives["max-age"]) or timedelta(0)


def _directives(cache_control: str) -> dict[str, str]:
    """Return directives by name in lower case with their arguments (RFC 9111 section 5.2); of two, the first counts."""
    directives: dict[str, str] = {}
    for part in _DIRECTIVE.findall(cache_control):
        name, _, argument = part.partition("=")
        directives.setdefault(name.strip().lower(), argument.strip().strip('"'))
    return directives


def _seconds(value: str) -> timedelta | None:
    digits = value.strip()
    if not _SECONDS.fullmatch(digits):
        return None
    return timedelta(seconds=min(float(digits), _MAX_SECONDS))
