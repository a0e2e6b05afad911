"""What two servers make of the same bytes, one with the fast lane and one without: answers, logs and figures."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import pytest

from app.domain.campaign import Screen
from app.domain.participation import Verdict
from app.domain.session import Stage as SessionStage
from app.reasons import ParticipationReason
from app.steps.accept import first_session_id
from tests.builders import NOW, new_session, outcome
from tests.web.stage import Stage, staged
from tests.web.wire import WireAnswer, post, request, wired

BORN_AT: Final = NOW.replace(microsecond=0)
"""The present of a stage, so that its sessions are young."""
PENDING: Final = first_session_id(BORN_AT) + "0" * 16
SETTLED: Final = first_session_id(BORN_AT) + "1" * 16
BARRED: Final = first_session_id(BORN_AT) + "2" * 16
EXPIRED: Final = first_session_id(BORN_AT) + "3" * 16
OLD: Final = first_session_id(BORN_AT - timedelta(minutes=1)) + "4" * 16

_SCREENS: Final = {
    "fr": {ParticipationReason.LIMIT_REACHED: Screen("Déjà joué", "À bientôt.", "https://acme.example/")}
}
_MADE: Final = (
    (re.compile(r"\b[0-9a-f]{32}\b"), "<request id>"),
    (re.compile(r"ses_[0-9a-v]{26}"), "<session>"),
    (re.compile(r"\b[0-9a-f]{8}\.[A-Za-z0-9_-]{43}"), "<key>"),
)
_LIVE: Final = request("GET", "/health/live", "Connection: close")
_FIGURES: Final = ("vestibule_requests_total", "vestibule_request_seconds_count")
_UNLIKE: Final = {"at", "duration_ms", "where"}
"""When, how long, and in which file something failed."""

Prepare = Callable[[Stage], None]
Makers = Mapping[str, Callable[[], object]]
"""By name, what makes an option of a stage: each server has its own."""


@dataclass(frozen=True, slots=True)
class Heard:
    """All that one server made of some requests, but for what was made anew for each."""

    answers: Sequence[tuple[str, Sequence[tuple[str, str]], Any]]
    then: Sequence[str]
    """The status line of what the same connection is asked next; nothing if it was closed."""
    events: Sequence[Mapping[str, object]]
    figures: Sequence[str]


async def both(
    capfd: pytest.CaptureFixture[str], *sent: bytes, prepare: Prepare = lambda _: None, made: Makers | None = None
) -> tuple[Heard, Heard]:
    """Send the requests, each on a connection of its own, to a server with the fast lane, and to one without."""
    fast = await _hear(capfd, sent, prepare, made or {}, has_fast_lane=True)
    return fast, await _hear(capfd, sent, prepare, made or {}, has_fast_lane=False)


async def take_in_all(stage: Stage) -> None:
    """Take sessions in, and two by request, so that the campaign and the time are known."""
    changes: Mapping[str, Mapping[str, Any]] = {
        PENDING: {},
        SETTLED: {},
        BARRED: {},
        EXPIRED: {"expires_at": BORN_AT},
        OLD: {"received_at": BORN_AT - timedelta(minutes=1)},
    }
    made = [new_session(**{"id": id_, "received_at": BORN_AT, **change}) for id_, change in changes.items()]
    stage.store.sessions.add(made, BORN_AT)
    barred = Verdict(allowed=False, reason=ParticipationReason.LIMIT_REACHED, remaining=0)
    for id_, ended in ((SETTLED, outcome()), (BARRED, outcome(verdict=barred)), (EXPIRED, outcome())):
        row = stage.store.sessions.rows[id_]
        row.stage, row.outcome = SessionStage.DONE, ended
    async with wired(stage) as wire:
        for _ in range(2):
            wire.send(post())
            assert (await wire.answer()).status == 202


async def _hear(
    capfd: pytest.CaptureFixture[str], sent: Sequence[bytes], prepare: Prepare, made: Makers, *, has_fast_lane: bool
) -> Heard:
    options: dict[str, Any] = {name: make() for name, make in made.items()}
    async with staged(has_fast_lane=has_fast_lane, screens=_SCREENS, **options) as stage:
        await take_in_all(stage)
        prepare(stage)
        capfd.readouterr()
        heard = [await _ask(stage, each) for each in sent]
        events = _events(capfd.readouterr().err)
        figures = (await _figures(stage)).decode().splitlines()
    answers = [(answer.status_line, _headers(answer), _content(answer)) for answer, _ in heard]
    counted = sorted(line for line in figures if line.startswith(_FIGURES) and "/health" not in line)
    return Heard(answers, [then for _, then in heard], events, counted)


async def _ask(stage: Stage, sent: bytes) -> tuple[WireAnswer, str]:
    async with wired(stage) as wire:
        wire.send(sent)
        answer = await wire.answer(has_body=not sent.startswith(b"HEAD"))
        wire.send(_LIVE)
        then = await wire.rest()
        return answer, then.partition(b"\r\n")[0].decode()


async def _figures(stage: Stage) -> bytes:
    async with wired(stage) as wire:
        wire.send(request("GET", "/metrics", "Connection: close"))
        return await wire.rest()


def _headers(answer: WireAnswer) -> Sequence[tuple[str, str]]:
    return [(name, "<date>" if name == "Date" else _as_made(value)) for name, value in answer.headers]


def _content(answer: WireAnswer) -> Any:
    return json.loads(_as_made(answer.body.decode())) if answer.body else None


def _events(told: str) -> Sequence[Mapping[str, object]]:
    events = [json.loads(_as_made(line)) for line in told.splitlines()]
    shown = [event for event in events if event.get("route") != "/health/live"]
    return [{name: value for name, value in event.items() if name not in _UNLIKE} for event in shown]


def _as_made(text: str) -> str:
    for pattern, name in _MADE:
        text = pattern.sub(name, text)
    return text
