"""The Crypto API over HTTP: how many tokens one core of a web process judges and encrypts in a second."""

import json
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

from bench.crowd import Job
from bench.figures import Figure
from bench.installation import PARTNER_ID, Installation
from bench.load import send
from bench.scale import Scale

_CONNECTIONS: Final = 32
_WARM_SECONDS: Final = 1.0
_JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def crypto_api_figures(installation: Installation, scale: Scale, tokens: Sequence[str]) -> list[Figure]:
    """Return what a token costs and how many that are to a core; the partner has to encrypt by `crypto_api`."""
    with installation.running("upkeep") as running:
        bearer = _bearer(installation.port, tokens[0])
        requests = [_request(bearer, token) for token in tokens]
        job = Job(installation.port, requests, _CONNECTIONS, scale.floor_seconds, reads=False)
        send(replace(job, seconds=_WARM_SECONDS))
        before = running.cpu()["web"]
        result = send(job)
        spent = running.cpu()["web"] - before
    if set(result.statuses) != {"200"}:
        raise RuntimeError(f"the Crypto API answered {dict(result.statuses)}")
    return [
        Figure("Crypto API: tokens encrypted per second and core", result.accepted / spent, "1/s", 1_500),
        Figure("Crypto API: CPU per token", spent / result.accepted * 1e6, "µs CPU"),
    ]


def _bearer(port: int, assertion: str) -> str:
    form = {"grant_type": _JWT_BEARER, "client_id": PARTNER_ID, "assertion": assertion}
    url = f"http://127.0.0.1:{port}/oauth/token"
    with urllib.request.urlopen(url, urlencode(form).encode()) as answer:
        return str(json.load(answer)["access_token"])


def _request(bearer: str, token: str) -> str:
    body = json.dumps({"token": token}, separators=(",", ":"))
    head = f"POST /v1/crypto/encrypt HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {bearer}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
