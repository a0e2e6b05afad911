"""Sessions in memory: intake, reads and queue on the same rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from threading import Lock

from app.domain.health import PartnerHealth
from app.domain.prefill import PrefillRequest
from app.domain.session import (
    MAX_CRASHES_IN_COMPANY,
    ClaimedSession,
    NewSession,
    Outcome,
    Priority,
    SessionMove,
    Stage,
    StoredSession,
)
from app.ports import Attempt, Claim, TakenIn
from app.reasons import PrefillReason

_REPEAT_WINDOW = timedelta(minutes=10)
_TERMINAL = (Stage.DONE, Stage.DEAD)


@dataclass(slots=True)
class MemorySession:
    """One row; `made` is what was taken in."""

    made: NewSession
    stage: Stage
    due_at: datetime | None
    token: str | None
    outcome: Outcome | None
    priority: Priority = Priority.FRESH
    lease_until: datetime | None = None
    lease_token: str | None = None
    attempts: int = 0
    crash_count: int = 0
    request: PrefillRequest | None = None
    error_class: PrefillReason | None = None
    participant_digest: str | None = None
    key_thumbprint: str | None = None
    keyset_version: int | None = None
    parked_on: str | None = None
    settled_at: datetime | None = None
    verified_at: datetime | None = None
    replay_id: str | None = None
    replayed_at: datetime | None = None
    read_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Tell whether there is work to do and nobody does it."""
        is_free = self.lease_until is None or self.lease_until < now
        return self.due_at is not None and self.due_at <= now and is_free

    def crashes_with_claim(self) -> int:
        """Count the lease that is still there as a crash."""
        return self.crash_count + (self.lease_token is not None)


@dataclass(slots=True)
class MemorySessions:
    """The twin of SessionIntake, SessionReads and SessionQueue; `rows` and `attempts` are open to tests.

    `healths` are those of `MemoryPartnerHealth`: a session that waits for its partner says so. `forced` are the ids of
    the replays by force.
    """

    rows: dict[str, MemorySession] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    repeats: dict[str, tuple[TakenIn, datetime]] = field(default_factory=dict)
    healths: dict[str, PartnerHealth] = field(default_factory=dict)
    forced: set[str] = field(default_factory=set)
    _claims: "count[int]" = field(default_factory=lambda: count(1))
    _lock: Lock = field(default_factory=Lock)

    def add(self, sessions: Sequence[NewSession], now: datetime) -> Sequence[TakenIn]:
        with self._lock:
            return [self._add(session, now) for session in sessions]

    def load(self, ids: Sequence[str]) -> Mapping[str, StoredSession]:
        return {id_: self._stored(self.rows[id_]) for id_ in ids if id_ in self.rows}

    def load_settled(self, ids: Sequence[str]) -> Mapping[str, StoredSession]:
        return {id_: session for id_, session in self.load(ids).items() if session.stage in _TERMINAL}

    def mark_read(self, read_at: Mapping[str, datetime]) -> frozenset[str]:
        for id_, moment in read_at.items():
            if id_ in self.rows:
                self.rows[id_].read_at = self.rows[id_].read_at or moment
        return frozenset()

    def claim(self, claim: Claim) -> Sequence[ClaimedSession]:
        with self._lock:
            lease_token = f"memory-lease-{next(self._claims)}"
            chosen = sorted(self._claimable(claim), key=lambda row: (row.priority, row.due_at))
            return [_leased(row, claim, lease_token) for row in chosen[: 1 if claim.alone else claim.limit]]

    def finish(self, moves: Sequence[SessionMove], now: datetime, attempts: Sequence[Attempt] = ()) -> frozenset[str]:
        with self._lock:
            known = {(attempt.session_id, attempt.started_at) for attempt in self.attempts}
            new = [one for one in attempts if (one.session_id, one.started_at) not in known]
            self.attempts.extend(one for one in new if one.session_id in self.rows)
            held = [move for move in moves if self._holds(move.id, move.lease_token)]
            for move in held:
                _apply(self.rows[move.id], move, now)
            return frozenset(move.id for move in held)

    def renew(self, leases: Mapping[str, str], lease_until: datetime) -> frozenset[str]:
        held = frozenset(id_ for id_, lease_token in leases.items() if self._holds(id_, lease_token))
        for id_ in held:
            self.rows[id_].lease_until = lease_until
        return held

    def release(self, leases: Mapping[str, str], not_before: datetime | None = None) -> None:
        for id_, lease_token in leases.items():
            if self._holds(id_, lease_token):
                row = self.rows[id_]
                row.lease_until = row.lease_token = None
                row.attempts = max(0, row.attempts - 1)
                row.due_at = max(filter(None, (row.due_at, not_before)), default=None)

    def wake(self, source: str, now: datetime) -> None:
        """Make due what is parked on `source`, as a save of its key set does."""
        for row in self.rows.values():
            if row.stage is Stage.VERIFY and row.parked_on == source:
                row.due_at, row.parked_on = now, None

    def lease(self, ids: Sequence[str], claim: Claim) -> Sequence[ClaimedSession]:
        """Claim exactly these rows."""
        lease_token = f"memory-lease-{next(self._claims)}"
        return [_leased(self.rows[id_], claim, lease_token) for id_ in ids]

    def _stored(self, row: MemorySession) -> StoredSession:
        stored = _stored(row)
        health = self.healths.get(row.made.partner_id, PartnerHealth())
        waits_for_partner = row.stage is Stage.FETCH and (health.breaker.opened_until or health.pause)
        if waits_for_partner and stored.error_class is None:
            return replace(stored, error_class=PrefillReason.BREAKER_OPEN)
        return stored

    def _add(self, session: NewSession, now: datetime) -> TakenIn:
        taken = TakenIn(session.id, session.expires_at)
        if session.repeat_digest is not None:
            earlier, made_at = self.repeats.get(session.repeat_digest, (taken, now))
            if earlier != taken and made_at > now - _REPEAT_WINDOW and earlier.expires_at > now:
                return earlier
            self.repeats[session.repeat_digest] = taken, now
        due_at = None if session.stage in _TERMINAL else session.received_at
        row = MemorySession(session, session.stage, due_at, session.token, session.outcome)
        row.settled_at = session.received_at if session.stage in _TERMINAL else None
        self.rows.setdefault(session.id, row)
        return taken

    def _claimable(self, claim: Claim) -> Iterable[MemorySession]:
        for row in self.rows.values():
            is_suspect = row.crashes_with_claim() >= MAX_CRASHES_IN_COMPANY
            if row.stage is claim.stage and row.is_due(claim.now) and is_suspect is claim.alone:
                yield row

    def _holds(self, id_: str, lease_token: str) -> bool:
        return id_ in self.rows and self.rows[id_].lease_token == lease_token


def _leased(row: MemorySession, claim: Claim, lease_token: str) -> ClaimedSession:
    row.crash_count = row.crashes_with_claim()
    row.attempts += 1
    row.lease_token, row.lease_until = lease_token, claim.lease_until
    made = row.made
    return ClaimedSession(
        made.id,
        made.campaign_id,
        made.partner_id,
        row.stage,
        made.received_at,
        made.deadline_at,
        made.expires_at,
        lease_token,
        row.attempts,
        row.crash_count,
        row.token,
        row.request,
        row.outcome,
        row.priority,
    )


def _apply(row: MemorySession, move: SessionMove, now: datetime) -> None:
    if row.stage is Stage.VERIFY and move.stage is not Stage.VERIFY:
        row.verified_at = now
    row.settled_at = now if move.stage in _TERMINAL else None
    is_put_off = move.parked_on is None and move.error_class is None
    row.attempts = row.attempts - is_put_off if move.stage is row.stage else 0
    row.crash_count = 0
    row.stage, row.due_at, row.priority = move.stage, move.due_at, move.priority
    row.error_class, row.parked_on = move.error_class, move.parked_on
    row.lease_token = row.lease_until = None
    row.token = row.token if move.stage is Stage.VERIFY else None
    row.request = (move.request or row.request) if move.stage in (Stage.FETCH, Stage.DEAD) else None
    row.outcome = move.outcome or row.outcome
    row.participant_digest = move.participant_digest or row.participant_digest
    row.key_thumbprint = move.key_thumbprint or row.key_thumbprint
    row.keyset_version = row.keyset_version if move.keyset_version is None else move.keyset_version


def _stored(row: MemorySession) -> StoredSession:
    made = row.made
    return StoredSession(
        made.id,
        made.campaign_id,
        made.partner_id,
        row.stage,
        made.token is not None and len(made.token.split(".")) == 5,
        made.received_at,
        made.deadline_at,
        made.expires_at,
        row.outcome,
        row.error_class,
        row.participant_digest,
    )
