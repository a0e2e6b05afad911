"""What each part does in a second by itself: sessions committed and read, tokens verified, each beside its floor."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from http.client import HTTPConnection
from typing import Final

from bench.crowd import Job
from bench.figures import Figure
from bench.floors import Floors
from bench.installation import CAMPAIGN_ID, Installation
from bench.load import send
from bench.scale import Scale
from bench.tokens import Signer

_USERS: Final = 256
_WARM_SECONDS: Final = 1.0
_KNOWN: Final = 256
_MOST_SECONDS: Final = 120.0
_PACE: Final = """
    SELECT count(*) / greatest(extract(epoch FROM max(verified_at) - min(verified_at)), 0.001)::float8 FROM sessions
    WHERE verified_at IS NOT NULL"""


def part_figures(
    installation: Installation, scale: Scale, signer: Signer, posts: Sequence[str], floors: Floors
) -> list[Figure]:
    """Return the rates of the design's parts; each part runs while the others rest."""
    with installation.running("beat", web=1):
        committed = _per_second(Job(installation.port, posts, _USERS, scale.floor_seconds, reads=False), 202)
        gets = _open_sessions(installation.port, signer)
    with installation.running("verify", web=1):
        verified = _pace_of_verification(installation)
        read = _per_second(Job(installation.port, gets, _USERS, scale.floor_seconds, reads=False), 200)
    return [
        Figure("POSTs committed, one web process", committed, "1/s"),
        Figure("POSTs committed ÷ answered with a constant", committed / floors.posts_per_second, "ratio"),
        Figure("GETs answered, one web process", read, "1/s"),
        Figure("GETs answered ÷ answered with a constant", read / floors.gets_per_second, "ratio"),
        Figure("tokens verified, with SELECT and UPDATE", verified, "1/s"),
        Figure("tokens verified ÷ raw verifications of one core", verified * floors.verify / 1e6, "ratio"),
    ]


def _per_second(job: Job, status: int) -> float:
    send(replace(job, seconds=_WARM_SECONDS))
    result = send(job)
    if set(result.statuses) != {str(status)}:
        raise RuntimeError(f"answered {dict(result.statuses)} where {status} was expected")
    return result.accepted_per_second


def _open_sessions(port: int, signer: Signer) -> list[str]:
    """Return the requests that read some sessions, which are taken in here."""
    connection = HTTPConnection("127.0.0.1", port)
    requests = []
    for token in signer.tokens(CAMPAIGN_ID, count=_KNOWN):
        connection.request("POST", f"/v1/campaigns/{CAMPAIGN_ID}/sessions", token, {"Content-Type": "application/jwt"})
        made = json.load(connection.getresponse())
        requests.append(
            f"GET /v1/sessions/{made['session_id']} HTTP/1.1\r\nHost: bench\r\n"
            f"Authorization: Bearer {made['session_key']}\r\n\r\n"
        )
    connection.close()
    return requests


def _pace_of_verification(installation: Installation) -> float:
    """Return how many of those that wait are verified in a second, once all are."""
    ends_at = time.monotonic() + _MOST_SECONDS
    while installation.query("SELECT count(*) FROM sessions WHERE stage = 'verify'"):
        if time.monotonic() > ends_at:
            raise RuntimeError("verification has not ended")
        time.sleep(0.25)
    return float(installation.query(_PACE))
