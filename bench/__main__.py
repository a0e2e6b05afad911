"""`make bench`: the ingress, the reads and the verification, against floors measured in the same run.

Everything runs on one machine at a time, so the ratios hold where absolute figures do not. `QUICK=1` sends a tenth.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter, sleep, time
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from app.domain.strict_json import parse_object
from app.jose.base64url import decode
from app.jose.gate import open_token
from app.jose.keys import UsableKey, import_keys
from app.jose.signature import verify
from app.jose.signing import generate_key, sign
from bench.figures import Figure, save, show
from bench.installation import CAMPAIGN_ID, Installation, installed, wait_until_it_answers
from tests.servers.process import free_port

QUICK = bool(os.environ.get("QUICK"))
SESSIONS = 6_000 if QUICK else 60_000
VERIFICATIONS = 2_000 if QUICK else 20_000
DISTINCT_TOKENS = 256
CONNECTIONS = 256
RESULTS = Path("bench/results/latest.json")


def main() -> None:
    """Measure, print the table, write the results."""
    private, public = generate_key("RS256", "bench")
    tokens = _tokens(import_keys(private).keys[0])
    figures = _one_token(public, tokens[0])
    signature = {"method": "public_key", "keys": [{"jwk": public}], "algorithms": ["RS256"]}
    with tempfile.TemporaryDirectory(prefix="vestibule-bench-") as folder:
        Path(folder).chmod(0o755)
        with installed(Path(folder), {"name": "ACME", "signature": signature}) as installation:
            figures += _measure(installation, tokens)
    show(figures)
    save(figures, RESULTS)


def _measure(installation: Installation, tokens: Sequence[str]) -> list[Figure]:
    floor_port = free_port()
    posts, gets = _posts(tokens), [_get("ses_0", "0")] * SESSIONS
    with installation.process("-m", "bench.constant", str(floor_port)):
        wait_until_it_answers(f"http://127.0.0.1:{floor_port}/")
        floor_post, floor_get = _load(floor_port, posts), _load(floor_port, gets)
    with installation.process("-m", "app", "web"):
        wait_until_it_answers(f"http://127.0.0.1:{installation.port}/")
        posted = _load(installation.port, posts)
    _expect(posted, "202")
    verified_per_second = _drain(installation)
    sessions = [json.loads(body) for body in posted["bodies"]]
    with installation.process("-m", "app", "web"):
        wait_until_it_answers(f"http://127.0.0.1:{installation.port}/")
        read = _load(installation.port, [_get(one["session_id"], one["session_key"]) for one in sessions])
    _expect(read, "200")
    unready = sum('"ready"' not in body for body in read["bodies"])
    if unready:
        raise RuntimeError(f"{unready} sessions are not ready")
    post_rate, get_rate = SESSIONS / posted["seconds"], SESSIONS / read["seconds"]
    return [
        Figure("POST, constant answer", SESSIONS / floor_post["seconds"], "1/s"),
        Figure("POST sessions, committed", post_rate, "1/s", 10_000),
        Figure("POST sessions ÷ constant answer", post_rate * floor_post["seconds"] / SESSIONS, "ratio"),
        Figure("POST sessions, p99 at saturation", posted["p99_ms"], "ms"),
        Figure("GET, constant answer", SESSIONS / floor_get["seconds"], "1/s"),
        Figure("GET sessions, coalesced", get_rate, "1/s", 15_000),
        Figure("GET sessions ÷ constant answer", get_rate * floor_get["seconds"] / SESSIONS, "ratio"),
        Figure("verified, with SELECT and UPDATE", verified_per_second, "1/s", 17_000),
    ]


def _one_token(public: Mapping[str, str], token: str) -> list[Figure]:
    """Measure one warm verification in process against the raw one."""
    modulus, exponent = (int.from_bytes(decode(public[name])) for name in ("n", "e"))
    raw_key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    keys, opened = import_keys(public), open_token(token)
    scheme, digest = padding.PKCS1v15(), hashes.SHA256()
    began = perf_counter()
    for _ in range(VERIFICATIONS):
        raw_key.verify(opened.signature, opened.signing_input, scheme, digest)
    raw = perf_counter() - began
    began = perf_counter()
    for _ in range(VERIFICATIONS):
        unverified = open_token(token)
        verify(unverified, keys, frozenset({"RS256"}))
        parse_object(unverified.payload)
    ours = perf_counter() - began
    return [
        Figure("RSA-2048 verification, raw, one core", VERIFICATIONS / raw, "1/s"),
        Figure("verify one RS256 token ÷ raw", ours / raw, "ratio", 3, at_most=True),
    ]


def _drain(installation: Installation) -> float:
    """Let the worker of the Procfile verify all sessions; return how many a second it moved, by the rows' own times."""
    with installation.process(*installation.procfile("verify")):
        while installation.query("SELECT count(*) FROM sessions WHERE stage = 'verify'"):
            sleep(0.2)
    seconds = installation.query("SELECT extract(epoch FROM max(settled_at) - min(settled_at)) FROM sessions")
    return SESSIONS / float(seconds)


def _load(port: int, requests: Sequence[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        job, result = Path(folder) / "job", Path(folder) / "result"
        job.write_text(
            json.dumps({"host": "127.0.0.1", "port": port, "connections": CONNECTIONS, "requests": list(requests)})
        )
        subprocess.run([sys.executable, "-m", "bench.load", str(job), str(result)], check=True)
        loaded: dict[str, Any] = json.loads(result.read_text())
        return loaded


def _expect(result: dict[str, Any], status: str) -> None:
    if result["statuses"] != {status: SESSIONS}:
        raise RuntimeError(f"expected {SESSIONS} answers of {status}, got {result['statuses']}")


def _tokens(signer: UsableKey) -> list[str]:
    form = {"firstname": "Ada", "lastname": "Lovelace", "email": "ada@example.com", "zip": "75011", "city": "Paris"}
    now = int(time())
    return [
        sign(
            json.dumps(
                {
                    "sub": f"user-{number}",
                    "campaignId": CAMPAIGN_ID,
                    "iat": now,
                    "exp": now + 3600,
                    "jti": f"{number:032x}",
                    "form": form,
                    "optin": {"newsletter": True},
                }
            ).encode(),
            signer,
            "RS256",
            {"kid": "bench"},
        )
        for number in range(DISTINCT_TOKENS)
    ]


def _posts(tokens: Sequence[str]) -> list[str]:
    bodies = [json.dumps({"token": token}) for token in tokens]
    head = f"POST /v1/campaigns/{CAMPAIGN_ID}/sessions HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    requests = [f"{head}Content-Length: {len(body)}\r\n\r\n{body}" for body in bodies]
    return [requests[number % len(requests)] for number in range(SESSIONS)]


def _get(session_id: str, session_key: str) -> str:
    return f"GET /v1/sessions/{session_id} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {session_key}\r\n\r\n"


if __name__ == "__main__":
    main()
