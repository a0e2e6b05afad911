"""Octets that no browser sends: never a 500, never a traceback in the log, and everyone else is served as before."""

import socket
import time
from contextlib import ExitStack

import pytest

from tests.journey.calls import call
from tests.journey.raw_http import RawAnswer, request, send_all_raw, send_raw
from tests.journey.scene import Scene, Stage
from tests.journey.stacks import EMBEDDED

# One stack is enough: what is not HTTP never reaches a database or a broker.
pytestmark = [
    pytest.mark.journey,
    pytest.mark.parametrize("_calm_stage", [EMBEDDED], indirect=True, scope="session"),
]

JSON = b"Content-Type: application/json"
SLOW_CONNECTIONS = 200
TRACES = ("Traceback", '"level":"error"', '"level":"critical"')


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return stage.scene()


def posted(body: bytes, *headers: bytes) -> bytes:
    length = b"Content-Length: %d" % len(body)
    return request(b"/v1/campaigns/CAMPAIGN/sessions", JSON, length, *headers, method=b"POST", body=body)


def chunked(*lines: bytes) -> bytes:
    head = request(b"/v1/campaigns/CAMPAIGN/sessions", JSON, b"Transfer-Encoding: chunked", method=b"POST")
    return head + b"\r\n".join(lines)


HOSTILE = {
    "empty line": b"\r\n\r\n\r\n",
    "no request line": b"hello\r\n\r\n",
    "binary": bytes(range(256)) * 8,
    "tls hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
    "http/0.9": b"GET /\r\n\r\n",
    "http/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http/9.9": b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    "long method": request(b"/", method=b"A" * 9000),
    "odd method": request(b"/health", method=b"G@T"),
    "unknown method": request(b"/v1/sessions/ses_x", method=b"BREW"),
    "connect": request(b"evil.example:443", method=b"CONNECT"),
    "absolute target": request(b"http://evil.example/v1/partners"),
    "asterisk target": request(b"*", method=b"OPTIONS"),
    "long target": request(b"/" + b"a" * 40_000),
    "long query": request(b"/c/CAMPAIGN?token=" + b"a" * 40_000),
    "nul in path": request(b"/v1/campaigns/a\x00b/sessions"),
    "encoded nul": request(b"/v1/campaigns/a%00b/sessions", JSON, b"Content-Length: 2", method=b"POST", body=b"{}"),
    "encoded nul in a page": request(b"/c/%00?token=a.b.c"),
    "encoded nul in a session": request(b"/v1/sessions/ses_%00", b"Authorization: Bearer x"),
    "percent garbage": request(b"/v1/sessions/%zz%%%2"),
    "percent not utf-8": request(b"/c/%ff%fe?token=%ff"),
    "lone surrogate": request(b"/c/%ed%a0%80?token=%ed%a0%80"),
    "dot segments": request(b"/../../etc/passwd"),
    "encoded dot segments": request(b"/embed/v1/..%2f..%2f..%2fetc%2fpasswd"),
    "static dot segments": request(b"/static/%2e%2e/%2e%2e/settings.py"),
    "header without colon": request(b"/", b"nonsense"),
    "header with a space": request(b"/", b"Bad Header: x"),
    "header with nul": request(b"/", b"X: a\x00b"),
    "header folded": request(b"/", b"X: a\r\n b"),
    "huge header": request(b"/", b"X: " + b"a" * 100_000),
    "many headers": request(b"/", *[b"X-%d: y" % number for number in range(3000)]),
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": request(b"/", b"Host: other"),
    "bare line feeds": b"GET / HTTP/1.1\nHost: a\n\n",
    "expectation": posted(b"{}", b"Expect: 300-continue"),
    "authorization garbage": request(b"/v1/partners", b"Authorization: Bearer \xff\xfe"),
    "request id garbage": request(b"/", b"X-Request-ID: \xff\xfe {}"),
    "accept-language garbage": request(b"/c/CAMPAIGN", b"Accept-Language: " + b"*;q=x,\xff" * 500),
    "cookie garbage": request(b"/c/CAMPAIGN", b"Cookie: " + b"=;\xff\"'=\x01;" * 200),
    "basic garbage": request(b"/oauth/token", b"Authorization: Basic \xff\xff", b"Content-Length: 0", method=b"POST"),
    "length negative": request(b"/oauth/token", b"Content-Length: -1", method=b"POST"),
    "length no number": request(b"/oauth/token", b"Content-Length: ten", method=b"POST"),
    "length twice": request(b"/oauth/token", b"Content-Length: 1", b"Content-Length: 2", method=b"POST", body=b"ab"),
    "length enormous": request(b"/oauth/token", b"Content-Length: " + b"9" * 30, method=b"POST"),
    "length and chunked": chunked(b"2", b"{}", b"0", b"", b"").replace(b"Transfer", b"Content-Length: 2\r\nTransfer"),
    "chunk size garbage": chunked(b"zz", b"{}", b"0", b"", b""),
    "chunk size negative": chunked(b"-2", b"{}", b"0", b"", b""),
    "chunk size enormous": chunked(b"ffffffffffffffff", b"{}"),
    "chunk cut short": chunked(b"10", b"{}"),
    "coding unknown": posted(b"{}").replace(b"Connection", b"Transfer-Encoding: gzip\r\nConnection"),
    "body compressed": posted(b"\x1f\x8b\x08" + b"\x00" * 30, b"Content-Encoding: gzip"),
    "body of a megabyte": posted(b'{"token": "' + b"a" * 1_000_000 + b'"}'),
    "body shorter than its length": posted(b"{}").replace(b"Content-Length: 2", b"Content-Length: 200"),
    "json deep": posted(b"[" * 15_000 + b"]" * 15_000),
    "json deep objects": posted(b'{"token":' * 3000 + b"1" + b"}" * 3000),
    "json long number": posted(b'{"token": ' + b"9" * 20_000 + b"}"),
    "json exponent": posted(b'{"token": 1e999999999}'),
    "json surrogate": posted(b'{"token": "\\ud800"}'),
    "json nul": posted(b'{"token": "\\u0000.\\u0000.\\u0000"}'),
    "json not utf-8": posted(b'{"token": "\xff"}'),
    "json utf-16": posted('{"token": "x"}'.encode("utf-16")),
    "jwt of all octets": posted(bytes(range(256))).replace(b"application/json", b"application/jwt"),
    "charset unknown": posted(b"{}").replace(b"application/json", b"application/json; charset=utf-97"),
    "multipart": posted(b"--x\r\n\r\n--x--").replace(b"application/json", b"multipart/form-data; boundary=x"),
    "idempotency key of octets": posted(b'{"token": "a.b.c"}', b"Idempotency-Key: \xff\xfe"),
    "origin garbage": posted(b'{"token": "a.b.c"}', b"Origin: \xff\r\nOrigin: http://[::1"),
    "pipelined with rubbish": request(b"/openapi.json").replace(b"close", b"keep-alive") + b"\x00\x01\x02",
    "websocket": request(b"/", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: AA=="),
    "range": request(b"/embed/v1/tag.js", b"Range: bytes=9999999999-,-1"),
}  # fmt: skip


def test_hostile_octets_are_refused_with_a_problem_and_nothing_is_traced(stage: Stage, scene: Scene) -> None:
    before = len(stage.deployment.logs()["web"])

    answers = _send_all(stage.deployment.port, scene)

    failed = {name: answer.octets[:500] for name, answer in answers.items() if any(s >= 500 for s in answer.statuses)}
    hanging = [name for name, answer in answers.items() if not answer.closed]
    logged = stage.deployment.logs()["web"][before:]
    assert failed == {}
    assert hanging == []
    assert [line for line in logged.splitlines() if any(trace in line for trace in TRACES)] == []
    bodies = {name: answer.octets for name, answer in answers.items() if any(s >= 400 for s in answer.statuses)}
    assert {name: octets[:300] for name, octets in bodies.items() if not _is_ours(octets)} == {}
    assert len(bodies) > len(HOSTILE) * 3 / 4
    assert scene.play()["token"]["status"] == "accepted"


def test_connections_that_dribble_keep_nobody_waiting(stage: Stage, scene: Scene) -> None:
    with ExitStack() as connections:
        for number in range(SLOW_CONNECTIONS):
            slow = socket.create_connection(("127.0.0.1", stage.deployment.port), timeout=5)
            connections.enter_context(slow)
            slow.sendall(posted(b"{}")[: 20 + number % 40])
        began_at = time.monotonic()
        visits = [scene.arrive() for _ in range(10)]
        took = time.monotonic() - began_at

    assert took < 3
    assert scene.settle(visits[-1])["token"]["status"] == "accepted"


def test_body_that_never_comes_is_given_up(stage: Stage, scene: Scene) -> None:
    head = _for(scene, posted(b"{}").replace(b"Content-Length: 2", b"Content-Length: 200"))
    with socket.create_connection(("127.0.0.1", stage.deployment.port), timeout=15) as slow:
        slow.sendall(head)
        began_at = time.monotonic()
        answer = slow.recv(65536)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"request_malformed" in answer
    assert time.monotonic() - began_at < 13


def test_request_in_a_thousand_pieces_is_answered_as_a_whole_one(stage: Stage, scene: Scene) -> None:
    whole = _for(scene, posted(b'{"token": "a.b"}'))

    answer = send_raw(stage.deployment.port, *[bytes([octet]) for octet in whole])

    assert answer.statuses == (422,)


def test_management_port_survives_the_same_octets(stage: Stage, scene: Scene) -> None:
    answers = _send_all(stage.deployment.admin_port, scene)

    assert {
        name: answer.octets[:300] for name, answer in answers.items() if any(s >= 500 for s in answer.statuses)
    } == {}
    assert call("GET", f"{stage.deployment.admin_url}/health/live").status == 200


def _send_all(port: int, scene: Scene) -> dict[str, RawAnswer]:
    return send_all_raw(port, {name: _for(scene, octets) for name, octets in HOSTILE.items()})


def _for(scene: Scene, octets: bytes) -> bytes:
    return octets.replace(b"CAMPAIGN", scene.campaign_id.encode())


def _is_ours(octets: bytes) -> bool:
    lowered = octets.lower()
    return (
        b"content-type: application/problem+json" in lowered
        or b"content-type: text/html" in lowered
        or (b'"error":' in octets)
    )


def test_browser_that_brings_many_cookies_is_served(stage: Stage, scene: Scene) -> None:
    answer = send_raw(stage.deployment.port, _for(scene, request(b"/openapi.json", b"Cookie: a=" + b"b" * 20_000)))

    assert answer.statuses == (200,)
