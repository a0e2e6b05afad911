"""One HTTP call to a process under test, through nothing but the standard library."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit


class Unanswered(ConnectionError):
    """There is no answer: nobody listens, or the connection broke."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; `headers` by their names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """Return what the body spells."""
        return json.loads(self.body)

    def __str__(self) -> str:
        return f"{self.status} {self.body[:2000].decode(errors='replace')}"


def call(
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout_seconds: float = 30,
) -> Answer:
    """Make one call on a connection of its own and return the answer; raise Unanswered."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_seconds)
    try:
        connection.request(method, target, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        answer_headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, answer_headers, response.read())
    except (OSError, HTTPException) as error:
        raise Unanswered(f"{method} {parts.path}: {type(error).__name__}") from None
    finally:
        connection.close()


def call_json(method: str, url: str, content: object, headers: Mapping[str, str] | None = None) -> Answer:
    """Make one call with a JSON body."""
    body = json.dumps(content).encode()
    return call(method, url, {"Content-Type": "application/json", **(headers or {})}, body)
