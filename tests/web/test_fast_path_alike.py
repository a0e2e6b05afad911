"""With the fast lane and without it, whatever is sent, a server answers, logs and counts the same."""

from typing import Final

import pytest

from tests.builders import JWE, JWS
from tests.web.alike import BARRED, EXPIRED, OLD, PENDING, SETTLED, both
from tests.web.lane import prepared
from tests.web.stage import ORIGIN, OWN_ORIGIN
from tests.web.wire import OPEN, USUAL, get, post, request, wired

pytestmark = pytest.mark.usefixtures("logs_on_stderr", "campaigns_are_remembered")

JWT: Final = "Content-Type: application/jwt"
PRIMING: Final = 2
"""Requests that the lane was offered before the one in question."""
CHUNKED: Final = request("POST", OPEN, "Content-Type: application/json", "Transfer-Encoding: chunked")
NO_SESSION: Final = PENDING[:-1] + "9"
KEY_OF_PENDING: Final = get(PENDING).partition(b"Bearer ")[2].partition(b"\r\n")[0].decode()


def _body(text: str) -> bytes:
    return post(body=text.encode())


POSTS: Final = [
    pytest.param(post(), True, id="usual"),
    pytest.param(_body(f' \r\n{{\t"token"\n:"{JWS}"}} '), True, id="whitespace"),
    pytest.param(_body(f'{{"token":"{JWE}"}}'), True, id="five-parts"),
    pytest.param(post(kind=JWT, body=JWS.encode()), True, id="jwt"),
    pytest.param(post(kind="Content-Type: Application/JWT", body=JWE.encode()), True, id="jwt-of-five-parts"),
    pytest.param(post(kind="Content-Type: application/json; charset=utf-8"), True, id="charset"),
    pytest.param(post("x-request-id: lower", kind="content-type: application/json"), True, id="lower-case-names"),
    pytest.param(post("ORIGIN: " + ORIGIN, kind="CONTENT-TYPE: APPLICATION/JSON"), True, id="upper-case-names"),
    pytest.param(post(f"Origin: {ORIGIN}"), True, id="origin-allowed"),
    pytest.param(post(f"Origin: {OWN_ORIGIN}"), True, id="origin-ours"),
    pytest.param(post("Origin: https://evil.example"), False, id="origin-not-allowed"),
    pytest.param(post("Origin: null"), False, id="origin-null"),
    pytest.param(post("Origin: \xff<b>"), False, id="origin-malformed"),
    pytest.param(post("Origin:"), False, id="origin-empty"),
    pytest.param(post(f"Origin: {ORIGIN}", "Origin: https://evil.example"), False, id="origin-twice"),
    pytest.param(post("Origin: https://evil.example", f"Origin: {ORIGIN}"), False, id="origin-twice-other-first"),
    pytest.param(post("X-Request-ID: mine-1"), True, id="request-id"),
    pytest.param(post("X-Request-ID: a b"), True, id="request-id-insane"),
    pytest.param(post("X-Request-ID: one", "X-Request-ID: two"), False, id="request-id-twice"),
    pytest.param(post(f"X-Request-ID: {JWS}"), True, id="request-id-like-a-token"),
    pytest.param(post(f"X-Request-ID: {KEY_OF_PENDING}"), True, id="request-id-like-a-key"),
    pytest.param(post(f"Connection: keep-alive\r\nAccept-Encoding: gzip\r\nReferer: {ORIGIN}"), True, id="browser"),
    pytest.param(_body('{"token":"a.b"}'), False, id="token-of-two-parts"),
    pytest.param(_body('{"token":"a.b.c.d.e.f"}'), False, id="token-of-six-parts"),
    pytest.param(_body(f'{{"token":"{JWS}x"}}'), False, id="token-not-canonical"),
    pytest.param(_body('{"token":""}'), False, id="token-empty"),
    pytest.param(_body('{"token":null}'), False, id="token-null"),
    pytest.param(_body('{"token":1}'), False, id="token-number"),
    pytest.param(_body("{}"), False, id="token-missing"),
    pytest.param(_body(f'{{"token":"{JWS}","more":1}}'), False, id="extra-member"),
    pytest.param(_body(f'{{"token":"{JWS}","token":"{JWS}"}}'), False, id="duplicate-member"),
    pytest.param(_body(f'{{"token":"{JWS}","more":"x"}}'), False, id="extra-text"),
    pytest.param(_body(f'{{"token":"\\u0065{JWS[1:]}"}}'), False, id="escaped"),
    pytest.param(_body('{"token":"' + JWS), False, id="json-cut-off"),
    pytest.param(_body('{"token":"}'), False, id="json-cut-off-that-ends-as-usual"),
    pytest.param(_body(f'{{"\\u0074oken":"{JWS}"}}'), False, id="json-escaped"),
    pytest.param(post(body=b'{"token":"' + JWS.encode() + b'\xff"}'), False, id="json-not-utf8"),
    pytest.param(_body(f'{{"token":"{"a" * 16 * 1024}.b.c"}}'), False, id="token-over-16-kib"),
    pytest.param(_body(f'{{"token":"{"a" * 33 * 1024}.b.c"}}'), False, id="body-over-32-kib"),
    pytest.param(post(kind=JWT, body=b"a" * 16 * 1024 + b".b.c"), False, id="jwt-over-16-kib"),
    pytest.param(post(kind=JWT, body=JWS.encode() + b"\n"), False, id="jwt-with-a-line-end"),
    pytest.param(post(kind=JWT, body=JWS.encode() + b"\xff"), False, id="jwt-not-ascii"),
    pytest.param(post(kind="Content-Type: text/plain"), False, id="type-unknown"),
    pytest.param(post(kind=""), False, id="type-missing"),
    pytest.param(post(kind="Content-Type:"), False, id="type-empty"),
    pytest.param(post(JWT), False, id="type-twice"),
    pytest.param(post("Content-Type: application/json", kind=JWT), False, id="type-twice-other-first"),
    pytest.param(post(target="/v1/campaigns/nobody/sessions"), False, id="campaign-unknown"),
    pytest.param(post(target="/v1/campaigns/%39%3445645/sessions"), False, id="campaign-percent-encoded"),
    pytest.param(post(target="/v1/campaigns/94%2F5645/sessions"), False, id="campaign-with-a-slash"),
    pytest.param(post(target=OPEN + "/"), False, id="trailing-slash"),
    pytest.param(post(target=OPEN + "?a=b"), False, id="query"),
    pytest.param(post(target=OPEN + "?"), False, id="query-empty"),
    pytest.param(post(target="http://x" + OPEN), False, id="absolute-form"),
    pytest.param(post("Idempotency-Key: 1"), True, id="idempotency-key"),
    pytest.param(post("Idempotency-Key: " + "x" * 255), True, id="idempotency-key-long"),
    pytest.param(post("Idempotency-Key: " + "x" * 256), False, id="idempotency-key-too-long"),
    pytest.param(post("Idempotency-Key:"), False, id="idempotency-key-empty"),
    pytest.param(post("Idempotency-Key: 1", "Idempotency-Key: 1"), False, id="idempotency-key-twice"),
    pytest.param(post("Idempotency-Key: a b"), False, id="idempotency-key-insane"),
    pytest.param(post("Content-Encoding: gzip"), False, id="content-encoding"),
    pytest.param(post("Content-Encoding: identity"), False, id="content-encoding-identity"),
    pytest.param(post(version="1.0"), False, id="http-1.0"),
    pytest.param(post("Connection: keep-alive", version="1.0"), False, id="http-1.0-keep-alive"),
    pytest.param(post("Connection: close"), False, id="connection-close"),
    pytest.param(post("Connection: Upgrade", "Upgrade: websocket"), False, id="upgrade"),
    pytest.param(post("Connection: Upgrade", "Upgrade: h2c"), False, id="upgrade-unknown"),
    pytest.param(post(version="2.0"), False, id="http-2.0"),
    pytest.param(post(target=OPEN + "#x"), False, id="fragment"),
    pytest.param(post(target="/v1/campaigns/../campaigns/945645/sessions"), False, id="dots"),
    pytest.param(b"\r\n" + post(), False, id="line-end-in-front"),
    pytest.param(post("Host: y"), False, id="host-twice"),
    pytest.param(post().replace(b"Host: x", b"Host: x y"), False, id="host-invalid"),
    pytest.param(post("X-Request-ID:"), True, id="request-id-empty"),
    pytest.param(post("Expect: 100-continue"), False, id="expect"),
    pytest.param(post("Expect: wonders"), False, id="expect-another"),
    pytest.param(CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(USUAL), USUAL), False, id="chunked"),
    pytest.param(post(body=b""), False, id="body-empty"),
    pytest.param(request("POST", OPEN, "Content-Type: application/json"), False, id="body-none"),
    pytest.param(post(body=b"", kind=JWT), False, id="jwt-empty"),
    pytest.param(request("PUT", OPEN, body=USUAL), False, id="method-other"),
]

GETS: Final = [
    pytest.param(get(SETTLED), True, id="settled"),
    pytest.param(get(PENDING), True, id="pending"),
    pytest.param(get(OLD), True, id="pending-old"),
    pytest.param(get(SETTLED, query="?wait=0"), True, id="wait-0"),
    pytest.param(get(SETTLED, query="?wait=1"), True, id="wait-1-settled"),
    pytest.param(get(SETTLED, query="?wait=25"), True, id="wait-25-settled"),
    pytest.param(get(PENDING, query="?wait=1"), True, id="wait-1-pending"),
    pytest.param(get(OLD, query="?wait=1"), True, id="wait-1-pending-old"),
    pytest.param(get(PENDING, query="?wait=0"), True, id="wait-0-pending"),
    pytest.param(get(SETTLED, query="?wait=00"), True, id="wait-00"),
    pytest.param(get(SETTLED, query="?wait=26"), False, id="wait-26"),
    pytest.param(get(SETTLED, query="?wait=1&"), False, id="wait-and-nothing"),
    pytest.param(get(SETTLED, query=";wait=1"), False, id="wait-behind-a-semicolon"),
    pytest.param(get(SETTLED, query="?wait=100"), False, id="wait-100"),
    pytest.param(get(SETTLED, query="?wait=1.5"), False, id="wait-1.5"),
    pytest.param(get(SETTLED, query="?wait="), False, id="wait-empty"),
    pytest.param(get(SETTLED, query="?wait=%31"), False, id="wait-percent-encoded"),
    pytest.param(get(SETTLED, query="?wait=1&wait=1"), False, id="wait-twice"),
    pytest.param(get(SETTLED, query="?other=1"), False, id="query-unknown"),
    pytest.param(get(SETTLED, query="?"), False, id="query-empty"),
    pytest.param(get(SETTLED, authorization=f"Authorization: Bearer {KEY_OF_PENDING}"), False, id="key-of-another"),
    pytest.param(get(SETTLED, authorization="Authorization: Bearer \xff"), False, id="key-not-ascii"),
    pytest.param(get(SETTLED, authorization="Authorization: Bearer"), False, id="key-empty"),
    pytest.param(get(SETTLED, authorization=""), False, id="key-none"),
    pytest.param(get(PENDING, authorization=f"Authorization: bearer {KEY_OF_PENDING}"), False, id="bearer-lower-case"),
    pytest.param(get(PENDING, authorization=f"Authorization: Bearer  {KEY_OF_PENDING}"), False, id="two-spaces"),
    pytest.param(get(PENDING, authorization=f"Authorization: Bearer {KEY_OF_PENDING} \t"), True, id="trailing-space"),
    pytest.param(get(PENDING, authorization=f"authorization:Bearer {KEY_OF_PENDING}"), True, id="no-space-in-front"),
    pytest.param(get(PENDING, "Authorization: Bearer x"), False, id="key-twice"),
    pytest.param(get(SETTLED, f"Origin: {ORIGIN}"), True, id="origin-allowed"),
    pytest.param(get(SETTLED, f"Origin: {OWN_ORIGIN}"), True, id="origin-ours"),
    pytest.param(get(SETTLED, "Origin: https://evil.example"), True, id="origin-not-allowed"),
    pytest.param(get(SETTLED, "Origin: null", query="?wait=1"), True, id="origin-null"),
    pytest.param(get(BARRED), True, id="barred"),
    pytest.param(get(BARRED, "Accept-Language: fr;q=0.5, de"), True, id="languages"),
    pytest.param(get(BARRED, "Accept-Language: en", "Accept-Language: fr"), False, id="languages-twice"),
    pytest.param(get(BARRED, "Accept-Language: fr;\xff", query="?wait=1"), False, id="languages-not-ascii"),
    pytest.param(get(BARRED, "Accept-Language: fr;q=x, ;", query="?wait=1"), True, id="languages-malformed"),
    pytest.param(get(EXPIRED), True, id="session-expired"),
    pytest.param(get(EXPIRED, query="?wait=1"), True, id="session-expired-wait"),
    pytest.param(get(SETTLED, "X-Request-ID: mine"), True, id="request-id"),
    pytest.param(get(NO_SESSION), True, id="session-unknown"),
    pytest.param(get(NO_SESSION, query="?wait=1"), True, id="session-unknown-wait"),
    pytest.param(get("ses_1"), False, id="session-id-malformed"),
    pytest.param(get(SETTLED.upper()), False, id="session-id-upper-case"),
    pytest.param(get(SETTLED, "Content-Length: 4") + b"body", True, id="with-a-body"),
    pytest.param(get(SETTLED, "Content-Length: 100000") + b"x" * 100_000, True, id="with-a-large-body"),
    pytest.param(get(SETTLED, "Transfer-Encoding: chunked") + b"0\r\n\r\n", False, id="with-a-chunked-body"),
    pytest.param(get(SETTLED, "If-None-Match: *", "Range: bytes=0-3", "Cookie: a=b"), True, id="browser"),
    pytest.param(get(SETTLED, "Connection: close"), False, id="connection-close"),
    pytest.param(get(SETTLED, "Expect: 100-continue"), False, id="expect"),
    pytest.param(get(SETTLED, method="HEAD"), False, id="head"),
]
_ASKED: Final = "Access-Control-Request-Method: POST"
PREFLIGHTS: Final = [
    pytest.param(request("OPTIONS", OPEN, f"Origin: {ORIGIN}", _ASKED), True, id="open"),
    pytest.param(request("OPTIONS", OPEN, f"Origin: {OWN_ORIGIN}", _ASKED), True, id="open-own-origin"),
    pytest.param(request("OPTIONS", OPEN, "Origin: https://evil.example", _ASKED), False, id="open-origin-not-allowed"),
    pytest.param(request("OPTIONS", OPEN, "Origin: null", _ASKED), False, id="open-origin-null"),
    pytest.param(request("OPTIONS", OPEN), True, id="open-no-origin"),
    pytest.param(request("OPTIONS", OPEN, f"Origin: {ORIGIN}", "X-Request-ID: mine"), True, id="open-request-id"),
    pytest.param(request("OPTIONS", OPEN, f"Origin: {ORIGIN}", body=b"body"), True, id="open-with-a-body"),
    pytest.param(
        request("OPTIONS", OPEN.replace("945645", "nobody"), f"Origin: {ORIGIN}"), False, id="open-campaign-unknown"
    ),
    pytest.param(request("OPTIONS", OPEN + "?a=b", f"Origin: {ORIGIN}"), False, id="open-query"),
    pytest.param(request("OPTIONS", "*"), False, id="asterisk"),
    pytest.param(request("OPTIONS", "/v1/partners"), False, id="another-route"),
    pytest.param(get(SETTLED, method="OPTIONS"), True, id="read"),
    pytest.param(get(SETTLED, f"Origin: {ORIGIN}", method="OPTIONS"), True, id="read-origin"),
    pytest.param(get(SETTLED, "Origin: https://evil.example", method="OPTIONS"), True, id="read-any-origin"),
    pytest.param(get(SETTLED, "Origin: null", method="OPTIONS"), True, id="read-origin-null"),
    pytest.param(get(SETTLED, "Origin: \xff", method="OPTIONS"), False, id="read-origin-not-ascii"),
    pytest.param(get(NO_SESSION, f"Origin: {ORIGIN}", method="OPTIONS", query="?wait=20"), True, id="read-wait"),
    pytest.param(get(SETTLED, f"Origin: {ORIGIN}", method="OPTIONS", query="?wait=x"), False, id="read-wait-malformed"),
]


@pytest.mark.parametrize(("sent", "is_taken"), POSTS)
async def test_post_is_served_alike(
    sent: bytes, is_taken: bool, capfd: pytest.CaptureFixture[str], lane_takes: list[bool]
) -> None:
    fast, slow = await both(capfd, sent)

    assert fast == slow
    assert any(lane_takes[PRIMING:]) is is_taken


@pytest.mark.parametrize(("sent", "is_taken"), GETS)
async def test_get_is_served_alike(
    sent: bytes, is_taken: bool, capfd: pytest.CaptureFixture[str], lane_takes: list[bool]
) -> None:
    fast, slow = await both(capfd, sent)

    assert fast == slow
    assert any(lane_takes[PRIMING:]) is is_taken


@pytest.mark.parametrize(("sent", "is_taken"), PREFLIGHTS)
async def test_preflight_is_answered_alike(
    sent: bytes, is_taken: bool, capfd: pytest.CaptureFixture[str], lane_takes: list[bool]
) -> None:
    fast, slow = await both(capfd, sent)

    assert fast == slow
    assert any(lane_takes[PRIMING:]) is is_taken


async def test_repeat_by_the_short_way_is_answered_with_the_session_of_the_first(lane_takes: list[bool]) -> None:
    async with prepared() as stage, wired(stage) as wire:
        lane_takes.clear()
        answers = []
        for sent in (post("Idempotency-Key: 1"), post("Idempotency-Key: 1"), post("Idempotency-Key: 2")):
            wire.send(sent)
            answers.append((await wire.answer()).content["session_id"])

    assert answers[0] == answers[1] != answers[2]
    assert lane_takes == [True] * 3
