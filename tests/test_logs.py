"""What is logged, by us and by libraries, has one shape and holds no secret."""

import asyncio
import json
import logging
from collections.abc import Iterator

import pytest
from structlog import get_logger

from app.adapters.sealing import KeyRing, SessionKeys
from app.logs import REDACTED, configure, gathered

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
