"""The world outside in memory: the clock, the hints, and partners' endpoints that answer what a test says."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from app.domain.checkup_endpoints import Reached
from app.domain.keyset_refresh import KeysetAnswer
from app.domain.prefill import PartnerAnswer, PrefillCall
from app.errors import OutsideError
from app.ports import Work
from tests.builders import NOW

Answer = TypeVar("Answer")


@dataclass(slots=True)
class FixedClock:
    """A clock that moves only when it is told to."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        """Move on."""
        self.at += timedelta(seconds=seconds)


@dataclass(slots=True)
class RecordingHints:
    """Hints that are kept: (kind, rows)."""

    rung: list[tuple[Work, int]] = field(default_factory=list)

    def ring(self, work: Work, rows: int = 1) -> None:
        self.rung.append((work, rows))


@dataclass(slots=True)
class FakeJwks:
    """Answers by URL, in order, the last one for ever; an error is raised. `calls` keeps (url, etag, last modified)."""

    answers: dict[str, Sequence[KeysetAnswer | OutsideError]] = field(default_factory=dict)
    calls: list[tuple[str, str | None, str | None]] = field(default_factory=list)

    async def fetch(self, url: str, etag: str | None, last_modified: str | None) -> KeysetAnswer:
        earlier = sum(called == url for called, _, _ in self.calls)
        self.calls.append((url, etag, last_modified))
        return _answer(self.answers[url], earlier)


@dataclass(slots=True)
class FakePartnerApi:
    """Answers by partner, in order, the last one for ever; an error is raised."""

    answers: dict[str, Sequence[PartnerAnswer | OutsideError]] = field(default_factory=dict)
    calls: list[PrefillCall] = field(default_factory=list)

    async def fetch(self, call: PrefillCall) -> PartnerAnswer:
        earlier = sum(made.partner_id == call.partner_id for made in self.calls)
        self.calls.append(call)
        return _answer(self.answers[call.partner_id], earlier)


@dataclass(slots=True)
class FakeProbe:
    """A partner whose endpoints answer as a test says: by default a key set with no caching, and an empty API."""

    keys: tuple[Reached, object] | OutsideError = (Reached(200, timedelta(milliseconds=20)), {"keys": []})
    participant: tuple[Reached, PartnerAnswer] | OutsideError = (
        Reached(200, timedelta(milliseconds=30)),
        PartnerAnswer({}, {}),
    )
    asked: list[str | PrefillCall] = field(default_factory=list)

    async def ask_for_keys(self, url: str) -> tuple[Reached, object]:
        self.asked.append(url)
        return _answer((self.keys,), 0)

    async def ask_for_participant(self, call: PrefillCall) -> tuple[Reached, PartnerAnswer]:
        self.asked.append(call)
        return _answer((self.participant,), 0)


def _answer(answers: Sequence[Answer | OutsideError], earlier: int) -> Answer:
    answer = answers[min(earlier, len(answers) - 1)]
    if isinstance(answer, OutsideError):
        raise answer
    return answer
