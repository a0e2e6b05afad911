"""Bodies of requests and answers: bounded while they are read, strict JSON, no content codings; and queries.

Knows nothing of what the members mean.
"""

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from aiohttp import StreamReader, web

from app.compact_json import encode
from app.domain.strict_json import NotStrictJson, parse
from app.errors import BodyTooLarge, MediaTypeUnsupported, Mistake, RequestInvalid, RequestMalformed
from app.web.middleware import Headed

JSON: Final = "application/json"
BODY_SECONDS: Final = 10
"""How long a body may take to arrive; a phone on a bad network needs two."""


async def read_json(request: web.Request, max_bytes: int) -> dict[str, object]:
    """Return the object that the body spells, of at most `max_bytes`.

    Raise MediaTypeUnsupported, BodyTooLarge, RequestMalformed (not strict JSON) or RequestInvalid (not an object).
    """
    if media_type(request) != JSON:
        raise MediaTypeUnsupported(f"This call takes {JSON}.")
    return parse_json(await read_body(request, max_bytes))


async def read_body(request: web.Request, max_bytes: int) -> bytes:
    """Return the body as it was sent; raise BodyTooLarge as soon as it is known to be larger than `max_bytes`."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise MediaTypeUnsupported("The body must not have a content coding.")
    if (request.content_length or 0) > max_bytes:
        raise BodyTooLarge(f"The body may hold {max_bytes} bytes.")
    content = request.content
    try:
        if content.is_eof():  # it came with its headers, as nearly every body does
            body = content.read_nowait()
        else:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read_at_most(content, max_bytes)
    except (web.RequestPayloadError, web.PayloadAccessError):
        raise RequestMalformed("The body ended early or is not framed as HTTP demands.") from None
    except TimeoutError:
        raise RequestMalformed(f"The body did not arrive within {BODY_SECONDS} seconds.") from None
    if len(body) > max_bytes:
        raise BodyTooLarge(f"The body may hold {max_bytes} bytes.")
    return body


def parse_json(body: bytes) -> dict[str, object]:
    """Return the object that `body` spells; raise RequestMalformed, or RequestInvalid if it is no object."""
    try:
        value = parse(body)
    except NotStrictJson as error:
        raise RequestMalformed(f"The body is not strict JSON: {error}.") from None
    if not isinstance(value, dict):
        raise RequestInvalid((Mistake("", "must be an object"),))
    return value


def media_type(request: Headed) -> str:
    """Return the media type that the request names, in lower case and without its parameters; may be empty."""
    return _without_parameters(request.headers.get("content-type", ""))


def single_query(request: web.Request) -> Mapping[str, str]:
    """Return the query; raise RequestInvalid with every name that stands in it twice."""
    repeated = sorted({name for name in request.query if len(request.query.getall(name)) > 1})
    if repeated:
        raise RequestInvalid(tuple(Mistake(name, "This stands here twice.") for name in repeated))
    return request.query


def json_response(
    content: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return an answer that holds `content` as JSON."""
    merged = {"Content-Type": JSON} if headers is None else {"Content-Type": JSON, **headers}
    return web.Response(body=encode(content), status=status, headers=merged)


@lru_cache(maxsize=256)
def _without_parameters(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


async def _read_at_most(content: StreamReader, max_bytes: int) -> bytes:
    body = b""
    while len(body) <= max_bytes and not content.at_eof():
        body += await content.readany()
    return body
