"""What is logged, by us and by libraries, has one shape and holds no secret."""

import asyncio
import json
import logging
from collections.abc import Iterator

import pytest
from structlog import get_logger

from app.adapters.sealing import KeyRing, SessionKeys
from app.log_lines import gathered
from app.logs import REDACTED, configure, tell_answered

JWS = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"
JWE = "eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVydGV4dA.dGFn"
SESSION_KEY = SessionKeys(KeyRing.of((b"k" * 32,))).make("ses_1")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    # Not reset: a logger that was used while configured keeps that chain, and no later test could capture its events.
    configure()
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(autouse=True)
def _logger_that_was_never_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `tell_answered` have one that is made as its own test configures it, and leave none behind."""
    monkeypatch.setattr("app.logs._log", get_logger())


def _told(capfd: pytest.CaptureFixture[str]) -> dict[str, object]:
    (line,) = capfd.readouterr().err.splitlines()
    event: dict[str, object] = json.loads(line)
    assert str(event.pop("at")).endswith("Z")
    return event


def test_event_is_one_line_with_its_fields(capfd: pytest.CaptureFixture[str]) -> None:
    configure()

    get_logger().info("keyset.refreshed", source="é", keys=2)

    assert _told(capfd) == {"level": "info", "event": "keyset.refreshed", "source": "é", "keys": 2}


@pytest.mark.parametrize(
    "name", ["token", "session_key", "secret", "authorization", "claims", "sub", "form", "bearer", "prefill"]
)
def test_event_with_a_sensitive_field_is_masked(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    configure()

    get_logger().info("thing.happened", **{name: "ada", "nested": {name: ["ada"]}})

    assert _told(capfd) == {
        "level": "info",
        "event": "thing.happened",
        name: REDACTED,
        "nested": {name: REDACTED},
    }


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(JWS, id="jws"),
        pytest.param(JWE, id="jwe"),
        pytest.param(SESSION_KEY, id="session-key"),
        pytest.param("Bearer abc.def", id="bearer"),
    ],
)
def test_event_with_a_secret_anywhere_is_masked(value: str, capfd: pytest.CaptureFixture[str]) -> None:
    configure()

    get_logger().info("thing.happened", note=f"<{value}>", list=[{"a": value}], raw=value.encode())

    told = _told(capfd)
    assert told["note"] == f"<{REDACTED}>"
    assert value not in json.dumps(told)


@pytest.mark.parametrize("value", [JWS, JWE, SESSION_KEY, "Basic YWRhOnNlY3JldA=="])
def test_event_whose_field_is_a_secret_and_nothing_else_is_masked(
    value: str, capfd: pytest.CaptureFixture[str]
) -> None:
    configure()

    get_logger().info("thing.happened", note=value)

    assert _told(capfd)["note"] == REDACTED


def test_event_with_an_ordinary_dotted_text_is_left_alone(capfd: pytest.CaptureFixture[str]) -> None:
    configure()

    get_logger().info("thing.happened", where="app.web.middleware:100 > workers.runtime.something:7")

    assert _told(capfd)["where"] == "app.web.middleware:100 > workers.runtime.something:7"


def test_library_event_goes_through_the_same_chain(capfd: pytest.CaptureFixture[str]) -> None:
    configure()

    logging.getLogger("celery.worker").warning("got %s", JWS)

    assert _told(capfd) == {"level": "warning", "event": f"got {REDACTED}", "logger": "celery.worker"}


def test_library_exception_is_told_without_its_text(capfd: pytest.CaptureFixture[str]) -> None:
    configure()
    try:
        int("ada@example.org")
    except ValueError:
        logging.getLogger("sqlalchemy.pool").exception("lost")

    told = _told(capfd)

    assert (told["event"], told["error"], told["level"]) == ("lost", "ValueError", "error")
    assert "ada" not in json.dumps(told)


def test_event_below_the_level_is_not_told(capfd: pytest.CaptureFixture[str]) -> None:
    configure("warning")

    logging.getLogger("celery").info("chatter")

    assert capfd.readouterr().err == ""


def test_console_style_is_for_people(capfd: pytest.CaptureFixture[str]) -> None:
    configure(style="console")

    logging.getLogger("celery").warning("hello")

    told = capfd.readouterr().err
    assert "hello" in told
    assert not told.startswith("{")


async def test_events_of_one_turn_are_gathered_and_come_in_order(capfd: pytest.CaptureFixture[str]) -> None:
    configure()
    with gathered(asyncio.get_running_loop()):
        get_logger().info("first.happened")
        get_logger().info("second.happened")
        assert capfd.readouterr().err == ""
        await asyncio.sleep(0)
        told = capfd.readouterr().err
        get_logger().info("last.happened")

    told += capfd.readouterr().err
    assert [json.loads(line)["event"] for line in told.splitlines()] == [
        "first.happened",
        "second.happened",
        "last.happened",
    ]


async def test_event_of_another_thread_is_not_gathered(capfd: pytest.CaptureFixture[str]) -> None:
    configure()
    with gathered(asyncio.get_running_loop()):
        await asyncio.to_thread(lambda: get_logger().info("thread.spoke"))

        assert json.loads(capfd.readouterr().err)["event"] == "thread.spoke"


FIELDS = {"method": "GET", "route": "/v1/sessions/{session_id}", "status": 200, "duration_ms": 1.5}


def _tell(request_id: str) -> None:
    tell_answered(request_id, "GET", "/v1/sessions/{session_id}", 200, 0.0015)


@pytest.mark.parametrize(
    ("request_id", "shown"),
    [
        pytest.param("mine-1", "mine-1", id="sane"),
        pytest.param("0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef", id="made"),
        pytest.param("app.web.middleware", "app.web.middleware", id="dotted"),
        pytest.param("a" * 64, "a" * 64, id="longest"),
        pytest.param(JWS, REDACTED, id="jws"),
        pytest.param(JWE, REDACTED, id="jwe"),
        pytest.param(f"x.{JWS}", f"x.{REDACTED}", id="jws-inside"),
        pytest.param(SESSION_KEY, REDACTED, id="session-key"),
        pytest.param(f"a-{SESSION_KEY}", f"a-{REDACTED}", id="session-key-inside"),
    ],
)
def test_request_is_told_with_its_id_unless_that_is_a_secret(
    request_id: str, shown: str, capfd: pytest.CaptureFixture[str]
) -> None:
    configure()

    _tell(request_id)

    assert _told(capfd) == {"level": "info", "event": "request.answered", "request_id": shown, **FIELDS}


@pytest.mark.parametrize("request_id", ["mine", JWS, SESSION_KEY])
def test_request_is_told_as_any_event_is(request_id: str, capfd: pytest.CaptureFixture[str]) -> None:
    configure()

    _tell(request_id)
    get_logger().info("request.answered", request_id=request_id, **FIELDS)

    told, logged = (json.loads(line) for line in capfd.readouterr().err.splitlines())
    assert list(told) == list(logged)
    assert {**told, "at": ""} == {**logged, "at": ""}


def test_request_that_failed_is_told_with_its_code(capfd: pytest.CaptureFixture[str]) -> None:
    configure()

    tell_answered("mine", "GET", "/v1/sessions/{session_id}", 404, 0.0015, "session_unknown")

    assert _told(capfd)["code"] == "session_unknown"


def test_request_that_failed_is_told_to_people_with_its_code(capfd: pytest.CaptureFixture[str]) -> None:
    configure(style="console")

    tell_answered("mine", "GET", "/v1/sessions/{session_id}", 404, 0.0015, "session_unknown")

    assert "code=session_unknown" in capfd.readouterr().err


@pytest.mark.parametrize("seconds", [0.0, 0.000_001, 0.0015, 25.0, 86_400.0])
def test_duration_is_told_in_milliseconds(seconds: float, capfd: pytest.CaptureFixture[str]) -> None:
    configure()

    tell_answered("mine", "GET", "/v1/sessions/{session_id}", 200, seconds)

    assert _told(capfd)["duration_ms"] == pytest.approx(seconds * 1000, abs=0.005)


@pytest.mark.parametrize(
    ("method", "shown"),
    [pytest.param('A"\\', 'A"\\', id="quoted"), pytest.param(JWS, REDACTED, id="jws"), pytest.param("", "", id="none")],
)
def test_method_that_the_client_made_up_is_told_unless_it_is_a_secret(
    method: str, shown: str, capfd: pytest.CaptureFixture[str]
) -> None:
    configure()

    tell_answered("mine", method, "unmatched", 405, 0.0)

    assert _told(capfd)["method"] == shown


@pytest.mark.parametrize("level", ["warning", "error"])
def test_request_below_the_level_is_not_told(level: str, capfd: pytest.CaptureFixture[str]) -> None:
    configure(level)

    _tell("mine")

    assert capfd.readouterr().err == ""


def test_request_is_told_again_once_the_level_allows_it(capfd: pytest.CaptureFixture[str]) -> None:
    configure("warning")
    configure("debug")

    _tell("mine")

    assert _told(capfd)["request_id"] == "mine"


def test_request_in_console_style_is_told_to_people(capfd: pytest.CaptureFixture[str]) -> None:
    configure(style="console")

    _tell(JWS)

    told = capfd.readouterr().err
    assert "request.answered" in told
    assert "status=200" in told
    assert JWS not in told
    assert not told.startswith("{")


def test_request_in_console_style_is_told_with_its_id(capfd: pytest.CaptureFixture[str]) -> None:
    configure(style="console")

    _tell("mine-1")

    assert "request_id=mine-1" in capfd.readouterr().err


async def test_request_that_is_told_in_a_turn_is_gathered_in_order(capfd: pytest.CaptureFixture[str]) -> None:
    configure()
    with gathered(asyncio.get_running_loop()):
        get_logger().info("first.happened")
        _tell("mine")
        assert capfd.readouterr().err == ""

    assert [json.loads(line)["event"] for line in capfd.readouterr().err.splitlines()] == [
        "first.happened",
        "request.answered",
    ]


async def test_what_is_told_in_one_turn_has_one_moment(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure()
    moments = iter(["first", "second", "third"])
    monkeypatch.setattr("app.log_lines._now", lambda: next(moments))
    with gathered(asyncio.get_running_loop()):
        _tell("one")
        get_logger().info("something.happened")
        _tell("two")
        await asyncio.sleep(0)
        _tell("three")
    _tell("four")

    told = [json.loads(line)["at"] for line in capfd.readouterr().err.splitlines()]
    assert told == ["first", "first", "first", "second", "third"]
