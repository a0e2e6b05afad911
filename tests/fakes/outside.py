"""The world outside in memory: the clock, the hints, and partners' endpoints that answer what a test says."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

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


def _answer(answers: Sequence[Answer | OutsideError], earlier: int) -> Answer:
    answer = answers[min(earlier, len(answers) - 1)]
    if isinstance(answer, OutsideError):
        raise answer
    return answer
