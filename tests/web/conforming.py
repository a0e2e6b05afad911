"""Holds every answer in the tests of the interface to the document: its status, code, headers, type and shape."""

import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient

from tests.web.documented import Described, Documented, document_of, public_app

_ANY_PROBLEM: Final = ("components", "schemas", "Problem")


class ConformingClient(TestClient[web.Request, web.Application]):
    """A client that fails where an answer is not as the document says."""

    async def _request(self, method: str, path: Any, **options: Any) -> ClientResponse:
        answer = await super()._request(method, path, **options)
        check_answer(method, answer.url.raw_path, answer.status, answer.headers, await answer.read())
        return answer


@cache
def interface() -> Documented:
    """Return the document of the composed process; made once, in a thread, since a test's loop may be running."""
    with TemporaryDirectory() as folder, ThreadPoolExecutor(1) as thread:
        return Documented(thread.submit(lambda: document_of(public_app(Path(folder)))).result())


def check_answer(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Fail unless the answer is one that the document tells of."""
    if method not in {"HEAD", "OPTIONS"}:
        mistakes = list(_mistakes(method, path, status, headers, body))
        assert mistakes == [], (method, path, status, mistakes)


def _mistakes(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> Iterator[str]:
    operation = _operation_of(method, path)
    if operation is None:
        if status in {404, 405}:
            yield from interface().mistakes(json.loads(body), *_ANY_PROBLEM)
        return
    response = operation.content["responses"].get(str(status))
    if response is None:
        yield f"the status is not among {list(operation.content['responses'])}"
        return
    place = (*operation.place, "responses", str(status))
    yield from _header_mistakes(response, headers)
    media_type = headers.get("Content-Type", "").partition(";")[0]
    contents = response.get("content", {})
    if not contents:
        yield from ["there is a body"] if body else []
    elif media_type not in contents:
        yield f"{media_type} is not among {list(contents)}"
    elif media_type.endswith("json"):
        yield from interface().mistakes(json.loads(body), *place, "content", media_type, "schema")


def _header_mistakes(response: Mapping[str, Any], headers: Mapping[str, str]) -> Iterator[str]:
    for name, described in response["headers"].items():
        header = interface().resolve(described)
        sent = headers.get(name)
        if sent is None:
            yield from [f"the header {name} is missing"] if header["required"] else []
        elif "pattern" in header["schema"] and not re.search(header["schema"]["pattern"], sent):
            yield f"the header {name} has another form"
        elif header["schema"]["type"] == "integer" and not sent.isdecimal():
            yield f"the header {name} is no number"


def _operation_of(method: str, path: str) -> Described | None:
    """Return the operation that is served there; of several patterns the one with the fewest parameters."""
    fits = [each for each in interface().operations() if each.method == method and each.pattern.fullmatch(path)]
    return min(fits, key=lambda each: each.path.count("{"), default=None)
