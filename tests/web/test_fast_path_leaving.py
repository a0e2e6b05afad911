"""What becomes of a request in the fast lane when its client leaves, or the process ends, or something fails."""

import asyncio
import json
from typing import Any, Final

import pytest

from app.web.fast_sessions import FastSessions
from tests.builders import JWS
from tests.fakes import MemorySessions
from tests.web.alike import OLD, PENDING, SETTLED
from tests.web.lane import connection, connections, counted, held_back, prepared
from tests.web.stage import eventually
from tests.web.wire import Wire, get, post, wired

pytestmark = pytest.mark.usefixtures("logs_on_stderr", "campaigns_are_remembered")

GONE: Final = 499
ADDED: Final = 2
"""Commits that a prepared stage has seen."""


def _events(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


def _of(events: list[dict[str, Any]], request_id: str) -> list[tuple[str, int]]:
    return [(event["event"], event["status"]) for event in events if event.get("request_id") == request_id]


async def _leave(wire: Wire, *, abruptly: bool) -> None:
    if abruptly:
        wire.writer.transport.abort()
    else:
        wire.writer.close()
        await wire.writer.wait_closed()


@pytest.mark.parametrize("abruptly", [pytest.param(True, id="reset"), pytest.param(False, id="closed")])
@pytest.mark.parametrize(
    ("sent", "method"),
    [
        pytest.param(post("X-Request-ID: mine"), "POST", id="post"),
        pytest.param(get(SETTLED, "X-Request-ID: mine"), "GET", id="get"),
        pytest.param(get(PENDING, "X-Request-ID: mine", query="?wait=25"), "GET", id="young-wait"),
        pytest.param(get(OLD, "X-Request-ID: mine", query="?wait=25"), "GET", id="old-wait"),
    ],
)
async def test_client_that_leaves_while_it_waits_is_counted_and_waited_for_no_more(
    sent: bytes, method: str, abruptly: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    async with prepared() as stage, wired(stage) as wire:
        stage.store.gate.clear()
        wire.send(sent)
        await eventually(lambda: connection(stage)._begun is not None)

        await _leave(wire, abruptly=abruptly)

        await eventually(lambda: not connections(stage))
        assert await counted(stage, method, GONE) == 1
        assert stage.ingress.participants.polls.waiting == 0
        stage.store.gate.set()
        await eventually(lambda: stage.ingress.participants.intake.depth == stage.ingress.participants.reads.depth == 0)
        events = _events(capfd)
        assert _of(events, "mine") == [("request.answered", GONE)]
        assert {event["level"] for event in events} == {"info"}


async def test_session_of_a_client_that_left_is_committed() -> None:
    async with prepared() as stage, wired(stage) as wire, wired(stage) as stays:
        stage.store.gate.clear()
        known = set(stage.store.sessions.rows)
        wire.send(post())
        stays.send(post())
        await eventually(lambda: stage.ingress.participants.intake.depth == 2)
        await _leave(wire, abruptly=True)
        await eventually(lambda: len(connections(stage)) == 1)

        stage.store.gate.set()

        session_id = (await stays.answer()).content["session_id"]
        await eventually(lambda: len(stage.store.sessions.rows) == len(known) + 2)
        assert session_id in stage.store.sessions.rows


async def test_client_that_sent_more_and_left_is_noticed_when_its_request_has_ended(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with prepared() as stage, wired(stage) as wire:
        stage.store.gate.clear()
        wire.send(post())
        await eventually(lambda: connection(stage)._begun is not None)
        wire.send(post())
        await eventually(lambda: bool(held_back(stage)))
        await _leave(wire, abruptly=True)

        stage.store.gate.set()

        await eventually(lambda: not connections(stage))
        await eventually(lambda: stage.ingress.participants.intake.depth == 0)
        assert {event["level"] for event in _events(capfd)} == {"info"}


@pytest.mark.parametrize(
    ("sent", "status"), [pytest.param(post(), 202, id="post"), pytest.param(get(SETTLED), 200, id="get")]
)
async def test_server_that_stops_answers_what_is_under_way_and_closes(sent: bytes, status: int) -> None:
    async with prepared() as stage, wired(stage) as wire, wired(stage) as idle:
        await eventually(lambda: len(connections(stage)) == 2)
        stage.store.gate.clear()
        wire.send(sent)
        await eventually(lambda: any(one._begun is not None for one in connections(stage)))

        stopping = asyncio.create_task(stage.sites.stop())
        assert await idle.rest() == b""
        await eventually(lambda: all(one._close for one in connections(stage)))
        assert not stopping.done()
        stage.store.gate.set()

        assert (await wire.answer()).status == status
        assert await asyncio.wait_for(wire.rest(), 2) == b""  # and not when the grace is over
        await asyncio.wait_for(stopping, 2)


async def test_server_that_stops_while_a_young_session_is_waited_for_says_how_it_stands() -> None:
    async with prepared() as stage, wired(stage) as wire:
        wire.send(get(PENDING, query="?wait=25"))
        await eventually(lambda: stage.ingress.participants.polls.waiting == 1)

        stopping = asyncio.create_task(stage.sites.stop())
        await eventually(lambda: connection(stage)._close)
        stage.ingress.participants.polls.close()  # as the process does when it ends

        answer = await wire.answer(seconds=2)
        assert (answer.status, answer.content["settled"]) == (200, False)
        assert await wire.rest() == b""
        await asyncio.wait_for(stopping, 2)


async def test_idle_connection_is_closed_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.http_server.KEEPALIVE_SECONDS", 0.2)
    async with prepared() as stage, wired(stage) as wire:
        wire.send(post())
        assert (await wire.answer()).status == 202

        assert await wire.rest() == b""


async def test_fault_before_a_request_has_begun_is_told_and_it_goes_the_long_way(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async with prepared() as stage, wired(stage) as wire:
        monkeypatch.setattr(FastSessions, "begin", _fails)
        capfd.readouterr()
        wire.send(post("X-Request-ID: mine"), get(SETTLED))

        assert [(await wire.answer()).status for _ in range(2)] == [202, 200]
        wire.send(post("X-Request-ID: mine"))
        assert (await wire.answer()).status == 202

    told = capfd.readouterr().err
    failed = [event for event in map(json.loads, told.splitlines()) if event["event"] == "fast_path.failed"]
    assert [(event["level"], event["error"]) for event in failed] == [("error", "LookupError")]
    assert JWS not in told


@pytest.mark.parametrize(
    ("sent", "fails"), [pytest.param(post(), "_opened", id="post"), pytest.param(get(SETTLED), "_shown", id="get")]
)
async def test_fault_while_answering_is_told_and_closes_the_connection(
    sent: bytes, fails: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async with prepared() as stage, wired(stage) as wire, wired(stage) as other:
        capfd.readouterr()
        with monkeypatch.context() as broken:
            broken.setattr(FastSessions, fails, _fails)
            wire.send(sent)
            assert await wire.rest() == b""

        other.send(sent)
        assert (await other.answer()).status in {200, 202}
        await eventually(lambda: len(connections(stage)) == 1)

    told = capfd.readouterr().err
    failed = [event for event in map(json.loads, told.splitlines()) if event["level"] == "error"]
    assert [(event["event"], event["error"]) for event in failed] == [("fast_path.failed", "LookupError")]
    assert JWS not in told


async def test_commit_that_fails_for_a_reason_unknown_answers_500_and_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async with prepared() as stage, wired(stage) as wire:
        with monkeypatch.context() as broken:
            broken.setattr(MemorySessions, "add", _fails)
            wire.send(post("X-Request-ID: mine"))
            answer = await wire.answer()

        assert (answer.status, answer.header("Content-Type")) == (500, "application/problem+json")
        assert (answer.content["code"], answer.content["request_id"]) == ("internal", "mine")
        assert stage.store.calls["add"] == [1] * (ADDED + 1)
        assert await counted(stage, "POST", 500) == 1
        wire.send(post())
        assert (await wire.answer()).status == 202

    told = capfd.readouterr().err
    failed = [event for event in map(json.loads, told.splitlines()) if event["level"] == "error"]
    assert [(event["event"], event["request_id"], event["status"], event["error"]) for event in failed] == [
        ("request.failed", "mine", 500, "LookupError")
    ]
    assert JWS not in told


def _fails(*_: object) -> bytes:
    raise LookupError(JWS)
