"""A queue of sessions in SQLite for tests of the worker processes: real claims between real processes, no domain."""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from app.domain.session import ClaimedSession, SessionMove
from app.ports import Attempt, Claim
from app.steps.claim import ClaimSessions
from app.steps.claim_fetch import FetchBatch

_SCHEMA = """CREATE TABLE IF NOT EXISTS rows (
    id TEXT PRIMARY KEY, stage TEXT, due REAL, lease_until REAL, lease_token TEXT,
    attempts INTEGER DEFAULT 0, crashes INTEGER DEFAULT 0, finished INTEGER DEFAULT 0, claimed_at REAL)"""
_CLAIM = """UPDATE rows SET lease_until = :until, lease_token = :token, attempts = attempts + 1, claimed_at = :at,
    crashes = crashes + (lease_until IS NOT NULL)
    WHERE id IN (
        SELECT id FROM rows
        WHERE stage = :stage AND due <= :now AND (lease_until IS NULL OR lease_until < :now)
        AND (crashes + (lease_until IS NOT NULL) >= 2) = :alone ORDER BY due LIMIT :limit)
    RETURNING id, attempts, crashes"""


@dataclass(frozen=True, slots=True)
class FakeRows:
    """Implements `ports.SessionQueue` on one file, with the few columns that leases need."""

    path: Path

    def create(self) -> None:
        self._run("PRAGMA journal_mode = WAL")
        self._run(_SCHEMA)

    def add(self, stage: str, count: int) -> list[str]:
        ids = [uuid4().hex for _ in range(count)]
        now = time.time()
        with closing(self._open()) as connection, connection:
            connection.executemany("INSERT INTO rows (id, stage, due) VALUES (?, ?, ?)", [(i, stage, now) for i in ids])
        return ids

    def claim(self, claim: Claim) -> Sequence[ClaimedSession]:
        token = uuid4().hex
        values = {
            "until": claim.lease_until.timestamp(),
            "token": token,
            "stage": claim.stage,
            "now": claim.now.timestamp(),
            "at": time.time(),
            "alone": claim.alone,
            "limit": claim.limit,
        }
        found = self._run(_CLAIM, values)
        late = claim.now + timedelta(days=1)
        return [
            ClaimedSession(i, "c", "p", claim.stage, claim.now, late, late, token, attempts, crashes)
            for i, attempts, crashes in found
        ]

    def finish(self, moves: Sequence[SessionMove], now: datetime, attempts: Sequence[Attempt] = ()) -> frozenset[str]:
        del now, attempts
        return frozenset(
            move.id
            for move in moves
            if self._run(
                "UPDATE rows SET stage = ?, lease_until = NULL, lease_token = NULL, finished = finished + 1"
                " WHERE id = ? AND lease_token = ? RETURNING id",
                (move.stage, move.id, move.lease_token),
            )
        )

    def renew(self, leases: Mapping[str, str], lease_until: datetime) -> frozenset[str]:
        return frozenset(
            id_
            for id_, token in leases.items()
            if self._run(
                "UPDATE rows SET lease_until = ? WHERE id = ? AND lease_token = ? RETURNING id",
                (lease_until.timestamp(), id_, token),
            )
        )

    def release(self, leases: Mapping[str, str], not_before: datetime | None = None) -> None:
        for id_, token in leases.items():
            self._run(
                "UPDATE rows SET lease_until = NULL, lease_token = NULL, attempts = attempts - 1,"
                " due = max(due, coalesce(?, due)) WHERE id = ? AND lease_token = ?",
                (not_before and not_before.timestamp(), id_, token),
            )

    def count(self, where: str) -> int:
        return int(self._run(f"SELECT count(*) FROM rows WHERE {where}")[0][0])  # noqa: S608 the tests' own words

    def select(self, what: str) -> list[tuple[Any, ...]]:
        return self._run(f"SELECT {what} FROM rows")  # noqa: S608 likewise

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=10)

    def _run(self, statement: str, values: Any = ()) -> list[tuple[Any, ...]]:
        with closing(self._open()) as connection, connection:
            return connection.execute(statement, values).fetchall()


@dataclass(frozen=True, slots=True)
class ClaimAnyPartner:
    """What the pump claims by, where there are no partners to be fair to."""

    claim: ClaimSessions

    @property
    def limit(self) -> int:
        return self.claim.limit

    def __call__(self, limit: int, held: Mapping[str, int]) -> FetchBatch:
        del held
        sessions = self.claim(limit)
        return FetchBatch(sessions, is_full=len(sessions) == limit)

    def alone(self) -> Sequence[ClaimedSession]:
        return self.claim(1, alone=True)


class TestClock:
    __test__ = False

    def now(self) -> datetime:
        return datetime.now(UTC)
