"""Sessions are read with their campaigns, a batch at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from app.domain.session import StoredSession
from app.errors import SessionExpired
from app.steps.read import ReadSessions, Visit, show
from tests.builders import NOW, campaign, stored
from tests.fakes import MemoryConfiguration


@dataclass(slots=True)
class _CountedReads:
    sessions: dict[str, StoredSession] = field(default_factory=dict)
    asked: list[Sequence[str]] = field(default_factory=list)

    def load(self, ids: Sequence[str]) -> Mapping[str, StoredSession]:
        self.asked.append(ids)
        return {id_: self.sessions[id_] for id_ in ids if id_ in self.sessions}

    def load_settled(self, ids: Sequence[str]) -> Mapping[str, StoredSession]:
        raise NotImplementedError


def test_read_of_many_asks_once_and_returns_those_that_exist() -> None:
    first, second = stored(id="ses_1"), stored(id="ses_2")
    reads = _CountedReads({"ses_1": first, "ses_2": second})
    played = campaign()

    visits = ReadSessions(reads, MemoryConfiguration.of(played))(["ses_1", "ses_2", "ses_1", "ses_3"])

    assert visits == {"ses_1": Visit(first, played), "ses_2": Visit(second, played)}
    assert reads.asked == [["ses_1", "ses_2", "ses_3"]]


def test_read_of_nothing_known_asks_for_no_campaign() -> None:
    assert ReadSessions(_CountedReads(), MemoryConfiguration.of())(["ses_1"]) == {}


def test_read_after_its_campaign_was_deleted_finds_nothing() -> None:
    reads = _CountedReads({"ses_1": stored(id="ses_1")})

    assert ReadSessions(reads, MemoryConfiguration.of())(["ses_1"]) == {}


def test_show_until_its_end_shows_the_session_and_then_refuses() -> None:
    visit = Visit(stored(id="ses_1", expires_at=NOW + timedelta(seconds=1)), campaign())

    assert show(visit, NOW)["session_id"] == "ses_1"
    with pytest.raises(SessionExpired):
        show(visit, NOW + timedelta(seconds=1))
