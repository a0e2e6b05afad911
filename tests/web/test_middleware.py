"""What every answer carries, and what no answer and no log ever holds."""

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp import web

from app import errors
from app.reasons import TokenReason
from app.web.http_server import MAX_LINE_BYTES
from app.web.problems import STATUSES, problem, status_of
from tests.web.stage import staged
from tests.web.wire import post, request, wired

SECRET = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"


async def _fail(_: web.Request) -> web.Response:
    raise LookupError(SECRET)


async def _redirect(_: web.Request) -> web.Response:
    raise web.HTTPSeeOther("/elsewhere")


async def _no_length(_: web.Request) -> web.Response:
    raise web.HTTPLengthRequired


ROUTES = [web.get("/fail", _fail), web.get("/redirect", _redirect), web.get("/no-length", _no_length)]


def _events(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("sent", "is_taken"),
    [
        pytest.param("trace-1_A.b", True, id="sane"),
        pytest.param("a" * 64, True, id="longest"),
        pytest.param("a" * 65, False, id="too-long"),
        pytest.param("a b", False, id="space"),
        pytest.param('"><script>', False, id="markup"),
    ],
)
async def test_request_id_is_taken_when_it_is_sane(sent: str, is_taken: bool) -> None:
    async with staged() as stage:
        answer = await stage.ask("GET", "/health/live", headers={"X-Request-ID": sent})

        assert (answer.headers["X-Request-ID"] == sent) is is_taken
        assert answer.headers["X-Request-ID"]


async def test_unknown_address_answers_a_problem() -> None:
    async with staged() as stage:
        answer = await stage.ask("GET", "/nothing/here?token=a", headers={"X-Request-ID": "test-1"})

        assert answer.status == 404
        assert answer.body == {
            "type": "/docs/problems#not_found",
            "title": "Not found",
            "status": 404,
            "detail": "There is nothing at this address.",
            "instance": "/nothing/here",
            "code": "not_found",
            "request_id": "test-1",
        }


async def test_unknown_method_answers_a_problem_and_the_allowed_ones() -> None:
    async with staged() as stage:
        answer = await stage.ask("DELETE", "/v1/campaigns/945645/sessions")

        assert (answer.status, answer.body["code"]) == (405, "method_not_allowed")
        assert answer.headers["Allow"] == "OPTIONS,POST"


@pytest.mark.usefixtures("logs_on_stderr")
async def test_unknown_error_answers_500_and_tells_one_event_without_its_text(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with staged(more_routes=ROUTES) as stage:
        answer = await stage.ask("GET", f"/fail?token={SECRET}", headers={"X-Request-ID": "test-1"})

        assert (answer.status, answer.body["code"]) == (500, "internal")
        assert answer.body["detail"] == "Something failed on our side."

    told = capfd.readouterr().err
    failed = [event for event in _events(told) if event["event"] == "request.failed"]
    assert SECRET not in told
    assert [(event["route"], event["error"], event["status"]) for event in failed] == [("/fail", "LookupError", 500)]
    assert "test_middleware:" in str(failed[0]["where"])


@pytest.mark.usefixtures("logs_on_stderr")
async def test_answered_request_tells_one_event_with_its_route_and_not_its_path(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with staged() as stage:
        await stage.ask("GET", f"/v1/sessions/ses_1?token={SECRET}", headers={"X-Request-ID": "test-1"})

    answered = [event for event in _events(capfd.readouterr().err) if event["event"] == "request.answered"]
    for event in answered:
        del event["at"], event["duration_ms"]
    assert answered == [
        {
            "level": "info",
            "event": "request.answered",
            "method": "GET",
            "route": "/v1/sessions/{session_id}",
            "status": 404,
            "code": "session_unknown",
            "request_id": "test-1",
        }
    ]


async def test_redirect_passes_with_our_headers() -> None:
    async with staged(more_routes=ROUTES) as stage:
        answer = await stage.ask("GET", "/redirect", allow_redirects=False)

        assert (answer.status, answer.headers["Location"]) == (303, "/elsewhere")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_error_of_aiohttp_itself_answers_a_problem() -> None:
    async with staged(more_routes=ROUTES) as stage:
        answer = await stage.ask("GET", "/no-length")

        assert (answer.status, answer.body["code"]) == (400, "request_malformed")


@pytest.mark.usefixtures("logs_on_stderr")
@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", id="tls"),
        pytest.param(b"FOO / HTTP/1.1\r\nHost: x\r\n\r\n", id="method"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * (MAX_LINE_BYTES + 1) + b"\r\n\r\n", id="header"),
        pytest.param(b"GET /" + b"a" * (MAX_LINE_BYTES + 1) + b" HTTP/1.1\r\nHost: x\r\n\r\n", id="line"),
        pytest.param(b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", id="path-not-utf8"),
        pytest.param(b"GET /v1/\x00 HTTP/1.1\r\nHost: x\r\n\r\n", id="nul"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n", id="length"),
        pytest.param(b"GET /nothing HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n", id="expectation"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="no-host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", id="host-twice"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x y\r\n\r\n", id="host-with-space"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", id="host-with-path"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a@x\r\n\r\n", id="host-with-user"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x:1a\r\n\r\n", id="host-with-odd-port"),
    ],
)
async def test_malformed_http_answers_400_and_tells_no_traceback(
    sent: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    async with staged() as stage:
        reader, writer = await asyncio.open_connection(stage.host, stage.port)
        writer.write(sent)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        writer.close()
        await writer.wait_closed()

    assert head.split()[1] == b"400"
    assert b"application/problem+json" in head
    assert all(event["level"] == "info" for event in _events(capfd.readouterr().err))


@pytest.mark.parametrize("version", ["0.9", "1.2", "2.0", "3.0"])
async def test_request_of_another_http_is_refused_in_one_that_is_served(version: str) -> None:
    async with staged() as stage:
        for sent in (request("GET", "/v1/nothing", version=version), post(version=version)):
            async with wired(stage) as wire:
                wire.send(sent)

                answer = await wire.answer()

                assert (answer.status_line, answer.content["code"]) == ("HTTP/1.0 400 Bad Request", "request_malformed")
                assert await wire.rest() == b""

        assert stage.store.sessions.rows == {}


def _tree(above: type[errors.VestibuleError]) -> list[type[errors.VestibuleError]]:
    return [found for error in above.__subclasses__() for found in (error, *_tree(error))]


@pytest.mark.parametrize("error", [*_tree(errors.RequestError), *_tree(errors.InsideError)])
def test_every_error_that_reaches_a_caller_has_its_own_status(error: type[errors.VestibuleError]) -> None:
    if error.__module__ == "app.errors" and "code" in vars(error):
        assert error in STATUSES
    assert 400 <= status_of(error()).status < 600 if error is not errors.RequestInvalid else True


def test_problem_of_our_own_side_says_nothing_of_it() -> None:
    answer = problem(errors.SealBroken(SECRET), "/v1/x", "test-1")

    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body) == {
        "type": "/docs/problems#internal",
        "title": "Internal error",
        "status": 500,
        "detail": "Something failed on our side.",
        "instance": "/v1/x",
        "code": "internal",
        "request_id": "test-1",
    }


def test_problem_without_authentication_brings_a_challenge() -> None:
    answer = problem(errors.Unauthenticated(), "/v1/x", "test-1")

    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="vestibule"'


@pytest.mark.parametrize("status", [pytest.param(error, id=error.__name__) for error in STATUSES])
def test_every_problem_is_documented_with_its_status(status: type[errors.VestibuleError]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "problems.md").read_text()
    needed: dict[type, tuple[object, ...]] = {
        errors.RequestInvalid: ((),),
        errors.TokenRejected: (TokenReason.TOKEN_EXPIRED,),
    }
    error = status(*needed.get(status, ()))

    answer = problem(error, "/v1/x", "test-1")

    assert isinstance(answer.body, bytes)
    code = json.loads(answer.body)["code"]
    section = page.partition(f"\n## {code}\n")[2].partition("\n## ")[0]
    assert f"\n{answer.status} " in section
