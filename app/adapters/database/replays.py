"""Replays as rows: how far each came is saved in the transaction that releases its dead letters.

A worker that dies has released a part and saved its cursor, or neither; of two that work on the same replay, the one
that comes second changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, text, update

from app.adapters.database.dead_letters import letters_after, matching, to_letter
from app.adapters.database.engine import Database
from app.adapters.database.schema import ReplayRow, SessionRow
from app.domain.dead_letter import DeadLetter
from app.domain.replay import ACTIVE_STATES, Replay, ReplayFilter, ReplayState
from app.domain.session import Priority, Stage
from app.errors import ReplayActive
from app.reasons import PrefillReason

_SEVERAL_PARTNERS: Final = ""
_COLUMNS = (
    ReplayRow.id,
    ReplayRow.partner_id,
    ReplayRow.filter,
    ReplayRow.actor,
    ReplayRow.rate_per_second,
    ReplayRow.force,
    ReplayRow.state,
    ReplayRow.frozen_at,
    ReplayRow.matched,
    ReplayRow.paced_at,
    ReplayRow.created_at,
    ReplayRow.updated_at,
    ReplayRow.cursor,
    ReplayRow.moved,
    ReplayRow.skipped,
)


@dataclass(frozen=True, slots=True)
class SqlReplays:
    """Implements `management_ports.ReplayStore` and `management_ports.ReplayQueue`."""

    database: Database

    def add(self, replay: Replay) -> None:
        """Store a new replay; raise ReplayActive if one of its partner is running or paused."""
        self.database.write(lambda connection: _add(connection, replay))

    def find(self, replay_id: str) -> Replay | None:
        """Return the replay, or None."""
        found = select(*_COLUMNS).where(ReplayRow.id == replay_id)
        row = self.database.read(lambda connection: connection.execute(found).first())
        return None if row is None else _to_replay(row)

    def change(self, replay: Replay, from_state: ReplayState) -> bool:
        """Store the state of `replay` if the stored one is `from_state`; tell whether it was."""
        values = {"state": replay.state, "updated_at": replay.updated_at, "paced_at": replay.paced_at}
        changed = update(ReplayRow).where(ReplayRow.id == replay.id, ReplayRow.state == from_state).values(values)
        return self.database.write_one(lambda connection: connection.execute(changed).rowcount) == 1

    def count_stages(self, replay_id: str) -> Mapping[Stage, int]:
        """Return how many of the sessions that this replay was the last to take up are in which stage."""
        counted = (
            select(SessionRow.stage, func.count()).where(SessionRow.replay_id == replay_id).group_by(SessionRow.stage)
        )
        rows = self.database.read(lambda connection: connection.execute(counted).all())
        return {Stage(stage): sessions for stage, sessions in rows}

    def load_running(self) -> Sequence[Replay]:
        """Return the replays that are running, the oldest first."""
        found = select(*_COLUMNS).where(ReplayRow.state == ReplayState.RUNNING).order_by(ReplayRow.created_at)
        return [_to_replay(row) for row in self.database.read(lambda connection: connection.execute(found).all())]

    def load_next(self, replay: Replay, limit: int) -> Sequence[DeadLetter]:
        """Return at most `limit` dead letters of its set that lie behind its cursor, in their order."""
        found = letters_after(replay.cursor, limit).where(
            SessionRow.settled_at <= replay.frozen_at, *matching(replay.filter)
        )
        if replay.partner_id != _SEVERAL_PARTNERS:
            found = found.where(SessionRow.partner_id == replay.partner_id)
        return [to_letter(row) for row in self.database.read(lambda connection: connection.execute(found).all())]

    def advance(self, before: Replay, after: Replay, taken: Sequence[str], now: datetime) -> int | None:
        """Release the dead letters `taken` and save how far the replay came, in one transaction; return how many."""
        return self.database.write(lambda connection: _advance(connection, before, after, taken, now))


def _add(connection: Connection, replay: Replay) -> None:
    if connection.dialect.name == "postgresql":  # SQLite has one writer at a time
        connection.execute(text("LOCK TABLE replays IN SHARE ROW EXCLUSIVE MODE"))
    active = select(ReplayRow.id).where(ReplayRow.state.in_(ACTIVE_STATES)).limit(1)
    if replay.partner_id != _SEVERAL_PARTNERS:
        active = active.where(ReplayRow.partner_id.in_((replay.partner_id, _SEVERAL_PARTNERS)))
    if replay.state in ACTIVE_STATES and connection.scalar(active) is not None:
        raise ReplayActive
    values = {column.key: getattr(replay, column.key) for column in _COLUMNS}
    connection.execute(insert(ReplayRow).values({**values, "filter": _from_filter(replay.filter)}))


def _advance(connection: Connection, before: Replay, after: Replay, taken: Sequence[str], now: datetime) -> int | None:
    stands = select(ReplayRow.id).where(
        ReplayRow.id == before.id, ReplayRow.state == ReplayState.RUNNING, ReplayRow.cursor == before.cursor
    )
    if connection.scalar(stands.with_for_update()) is None:
        return None
    released = _release(connection, after.id, taken, now) if taken else 0
    values = {
        "state": after.state,
        "cursor": after.cursor,
        "moved": before.moved + released,
        "skipped": after.skipped + len(taken) - released,
        "paced_at": after.paced_at,
        "updated_at": now,
    }
    connection.execute(update(ReplayRow).where(ReplayRow.id == before.id).values(values))
    return released


def _release(connection: Connection, replay_id: str, taken: Sequence[str], now: datetime) -> int:
    """Move dead letters back to `fetch`, as if they came there for the first time; the request stays as it is."""
    values: dict[str, Any] = {
        "stage": Stage.FETCH.value,
        "priority": Priority.REPLAY.value,
        "due_at": now,
        "attempts": 0,
        "crash_count": 0,
        "lease_until": None,
        "lease_token": None,
        "settled_at": None,
        "replay_id": replay_id,
        "replayed_at": now,
    }
    moved = update(SessionRow).where(SessionRow.id.in_(taken), SessionRow.stage == Stage.DEAD.value).values(values)
    return connection.execute(moved).rowcount


def _to_replay(row: Any) -> Replay:
    values = row._asdict()
    stored: dict[str, Any] = {
        **values,
        "filter": _to_filter(values["filter"]),
        "state": ReplayState(values["state"]),
        "paced_at": values["paced_at"] or values["created_at"],
    }
    return Replay(**stored)


def _from_filter(letters: ReplayFilter) -> dict[str, str]:
    members = asdict(letters).items()
    return {name: _text(value) for name, value in members if value is not None}


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _to_filter(stored: Mapping[str, str]) -> ReplayFilter:
    error_class, since, until = (stored.get(name) for name in ("error_class", "since", "until"))
    return ReplayFilter(
        partner_id=stored.get("partner_id"),
        campaign_id=stored.get("campaign_id"),
        error_class=None if error_class is None else PrefillReason(error_class),
        since=None if since is None else datetime.fromisoformat(since),
        until=None if until is None else datetime.fromisoformat(until),
    )
