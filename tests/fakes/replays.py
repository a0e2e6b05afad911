"""Dead letters, replays and the records of sessions in memory, on the rows of MemorySessions."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.domain.dead_letter import DeadLetter, LetterFilter, LetterGroup, place_of
from app.domain.replay import ACTIVE_STATES, Replay, ReplayState
from app.domain.session import Priority, Stage, StoredSession
from app.domain.timeline import PastAttempt, SessionHistory
from app.errors import ReplayActive
from app.reasons import PrefillReason
from tests.fakes.sessions import MemorySession, MemorySessions


@dataclass(slots=True)
class MemoryReplays:
    """The twin of DeadLetters, SessionRecords, ReplayStore and ReplayQueue; `rows` is open to tests."""

    sessions: MemorySessions = field(default_factory=MemorySessions)
    rows: dict[str, Replay] = field(default_factory=dict)

    def count(self, letters: LetterFilter, now: datetime) -> Sequence[LetterGroup]:
        kinds = Counter(
            (letter.partner_id, letter.obstacles(now)) for letter in self._matching(letters) if letter.died_at <= now
        )
        return [LetterGroup(partner_id, obstacles, number) for (partner_id, obstacles), number in kinds.items()]

    def load_page(self, letters: LetterFilter, after: str, limit: int) -> Sequence[DeadLetter]:
        return [letter for letter in self._matching(letters) if _order(place_of(letter)) > _order(after)][:limit]

    def find_history(self, session_id: str) -> SessionHistory | None:
        row = self.sessions.rows.get(session_id)
        if row is None:
            return None
        outcome = row.outcome
        return SessionHistory(
            row.made.id,
            row.made.partner_id,
            row.made.campaign_id,
            row.stage,
            row.made.received_at,
            row.made.expires_at,
            outcome.token_status if outcome else None,
            outcome.token_reason if outcome else None,
            row.error_class,
            row.verified_at,
            row.replayed_at,
            row.replay_id,
            row.settled_at,
            row.read_at,
            tuple(
                PastAttempt(made.number, made.started_at, made.duration, made.error_class, made.status)
                for made in self.sessions.attempts
                if made.session_id == session_id
            ),
        )

    def find_replayable(self, session_id: str) -> tuple[str, StoredSession] | None:
        row = self.sessions.rows.get(session_id)
        if row is None or (row.stage is not Stage.DEAD and row.replay_id is None):
            return None
        return row.made.partner_id, self.sessions.load([session_id])[session_id]

    def add(self, replay: Replay) -> None:
        active = [row.partner_id for row in self.rows.values() if row.state in ACTIVE_STATES]
        is_barred = bool(active) if replay.partner_id == "" else bool({replay.partner_id, ""} & set(active))
        if is_barred and replay.state in ACTIVE_STATES:
            raise ReplayActive
        self.rows[replay.id] = replay
        if replay.force:
            self.sessions.forced.add(replay.id)

    def find(self, replay_id: str) -> Replay | None:
        return self.rows.get(replay_id)

    def change(self, replay: Replay, from_state: ReplayState) -> bool:
        stored = self.rows.get(replay.id)
        if stored is None or stored.state is not from_state:
            return False
        changed = replace(stored, state=replay.state, updated_at=replay.updated_at, paced_at=replay.paced_at)
        self.rows[replay.id] = changed
        return True

    def count_stages(self, replay_id: str) -> Mapping[Stage, int]:
        return Counter(row.stage for row in self.sessions.rows.values() if row.replay_id == replay_id)

    def load_running(self) -> Sequence[Replay]:
        running = [row for row in self.rows.values() if row.state is ReplayState.RUNNING]
        return sorted(running, key=lambda row: row.created_at)

    def load_next(self, replay: Replay, limit: int) -> Sequence[DeadLetter]:
        behind = self.load_page(replay.filter, replay.cursor, len(self.sessions.rows))
        in_set = [
            letter
            for letter in behind
            if letter.died_at <= replay.frozen_at and replay.partner_id in {"", letter.partner_id}
        ]
        return in_set[:limit]

    def advance(self, before: Replay, after: Replay, taken: Sequence[str], now: datetime) -> int | None:
        stored = self.rows.get(before.id)
        if stored is None or stored.state is not ReplayState.RUNNING or stored.cursor != before.cursor:
            return None
        dead = [row for id_ in taken if (row := self.sessions.rows.get(id_)) and row.stage is Stage.DEAD]
        for row in dead:
            _release(row, before.id, now)
        self.rows[before.id] = replace(
            after,
            moved=before.moved + len(dead),
            skipped=after.skipped + len(taken) - len(dead),
            updated_at=now,
        )
        return len(dead)

    def _matching(self, letters: LetterFilter) -> Iterator[DeadLetter]:
        found = [self._letter(row) for row in self.sessions.rows.values() if row.stage is Stage.DEAD]
        for letter in sorted(found, key=lambda letter: _order(place_of(letter))):
            if _matches(letter, letters):
                yield letter

    def _letter(self, row: MemorySession) -> DeadLetter:
        made = row.made
        assert row.settled_at is not None
        return DeadLetter(
            made.id,
            made.partner_id,
            made.campaign_id,
            row.error_class or PrefillReason.INTERNAL,
            sum(attempt.session_id == made.id for attempt in self.sessions.attempts),
            made.received_at,
            row.settled_at,
            made.expires_at,
            row.request is not None,
            row.request.bearer_expires_at if row.request else None,
        )


def _matches(letter: DeadLetter, letters: LetterFilter) -> bool:
    return (
        letters.partner_id in {None, letter.partner_id}
        and letters.campaign_id in {None, letter.campaign_id}
        and letters.error_class in {None, letter.error_class}
        and (letters.since is None or letter.died_at >= letters.since)
        and (letters.until is None or letter.died_at < letters.until)
    )


def _order(place: str) -> tuple[str, str]:
    partner_id, _, session_id = place.rpartition("/")
    return partner_id, session_id


def _release(row: MemorySession, replay_id: str, now: datetime) -> None:
    row.stage, row.priority, row.due_at = Stage.FETCH, Priority.REPLAY, now
    row.attempts = row.crash_count = 0
    row.lease_token = row.lease_until = row.settled_at = None
    row.replay_id, row.replayed_at = replay_id, now
