"""Claims partner by partner, and partners' health, in memory."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock

from app.domain.admission import PartnerQueue, admit, limits_of
from app.domain.health import PartnerHealth
from app.domain.retention import Retention
from app.domain.session import MAX_CRASHES_IN_COMPANY, Priority, Stage, TokenStatus
from app.fetch_ports import (
    COUNTED_AT_MOST,
    FetchClaim,
    FetchClaimed,
    HealthChange,
    PartnerFigures,
    TokenVerdict,
    WaitingRows,
)
from app.ports import Claim
from tests.fakes.configuration import MemoryConfiguration
from tests.fakes.sessions import MemorySession, MemorySessions


@dataclass(slots=True)
class MemoryPartnerHealth:
    """The twin of HealthStore; `rows` are open to tests."""

    rows: dict[str, PartnerHealth] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def load(self, partner_ids: Collection[str]) -> Mapping[str, PartnerHealth]:
        return {id_: self.rows.get(id_, PartnerHealth()) for id_ in partner_ids}

    def change(self, changes: Mapping[str, HealthChange], now: datetime) -> Mapping[str, PartnerHealth]:
        del now
        with self._lock:
            for id_, change in changes.items():
                self.rows[id_] = change(self.rows.get(id_, PartnerHealth()))
            return {id_: self.rows[id_] for id_ in changes}


@dataclass(slots=True)
class MemoryFetchQueue:
    """The twin of FetchQueue, on the rows of a MemorySessions."""

    sessions: MemorySessions
    _lock: Lock = field(default_factory=Lock)

    def list_due(self, now: datetime, *, alone: bool = False) -> Sequence[str]:
        due = [row for row in self.sessions.rows.values() if _is_due(row, now)]
        return sorted({row.made.partner_id for row in due if not alone or (_is_suspect(row) and row.is_due(now))})

    def claim_fairly(self, claim: FetchClaim) -> FetchClaimed:
        with self._lock:
            health = MemoryPartnerHealth(self.sessions.healths)
            self._set_behind(claim)
            queues = [self._queue(id_, claim) for id_ in claim.limits]
            healths = health.load(claim.limits)
            admission = admit(queues, healths, claim.limits, claim.limit, claim.now, claim.turn)
            plain = Claim(Stage.FETCH, claim.limit, claim.now, claim.lease_until)
            order = {id_: place for place, id_ in enumerate(self._in_queue_order(admission.ids))}
            leased = sorted(self.sessions.lease(admission.ids, plain), key=lambda session: order[session.id])
            self.sessions.healths.update(admission.changed)
            sessions = [replace(session, is_over=session.id in admission.over) for session in leased]
            return FetchClaimed(sessions, admission.is_full, admission.awaits_answers, admission.again_at)

    def _set_behind(self, claim: FetchClaim) -> None:
        for row in self.sessions.rows.values():
            is_claimed = row.stage is Stage.FETCH and row.made.partner_id in claim.limits and not claim.alone
            is_gone = row.priority is Priority.FRESH and row.made.deadline_at <= claim.now
            if is_claimed and is_gone and row.is_due(claim.now):
                row.priority, row.due_at = Priority.RETRY, claim.now

    def _queue(self, partner_id: str, claim: FetchClaim) -> PartnerQueue:
        now = claim.now
        rows = [row for row in self.sessions.rows.values() if row.made.partner_id == partner_id and _is_due(row, now)]
        free = [row for row in rows if row.is_due(now) and _is_suspect(row) is claim.alone]
        free.sort(key=lambda row: row.due_at or now)
        good = [row for row in free if not self._is_over(row, now)]
        return PartnerQueue(
            partner_id,
            in_flight=sum(row.lease_until is not None and row.lease_until >= now for row in rows),
            due={priority: [row.made.id for row in good if row.priority is priority] for priority in Priority},
            over=[row.made.id for row in free if row not in good],
            retries=frozenset(row.made.id for row in good if row.attempts and row.priority is not Priority.FRESH),
        )

    def _is_over(self, row: MemorySession, now: datetime) -> bool:
        bearer_ends_at = row.request.bearer_expires_at if row.request else None
        if bearer_ends_at is not None and bearer_ends_at <= now:
            return True
        is_forced = row.priority is Priority.REPLAY and row.replay_id in self.sessions.forced
        return row.made.expires_at <= (now - Retention().dead_letters if is_forced else now)

    def _in_queue_order(self, ids: Sequence[str]) -> Sequence[str]:
        rows = self.sessions.rows
        return sorted(ids, key=lambda id_: (rows[id_].priority, rows[id_].due_at))


@dataclass(slots=True)
class MemoryDeliveryFigures:
    """The twin of DeliveryFigures."""

    sessions: MemorySessions
    configuration: MemoryConfiguration = field(default_factory=MemoryConfiguration)

    def count_stages(self) -> Mapping[Stage, Mapping[Priority, int]]:
        counts: dict[Stage, dict[Priority, int]] = {stage: {} for stage in Stage}
        for stage in Stage:
            rows = [row for row in self.sessions.rows.values() if row.stage is stage]
            if stage in (Stage.DONE, Stage.DEAD):
                counts[stage] = {Priority.FRESH: len(rows)}
            else:
                counts[stage] = {each: sum(row.priority is each for row in rows) for each in Priority}
        return counts

    def load_partners(self, partner_id: str | None, now: datetime) -> Sequence[PartnerFigures]:
        waiting = {row.made.partner_id for row in self.sessions.rows.values() if row.stage is Stage.FETCH}
        ids = [partner_id] if partner_id else sorted({*waiting, *self.sessions.healths})
        healths = MemoryPartnerHealth(self.sessions.healths).load(ids)
        partners = self.configuration.partners
        return [
            PartnerFigures(
                id_,
                healths[id_],
                limits_of(partners.get(id_)),
                {each: self._count(id_, each, now) for each in Priority},
            )
            for id_ in ids
        ]

    def find_longest_due(self) -> Mapping[Stage, Mapping[Priority, datetime]]:
        due: dict[Stage, dict[Priority, datetime]] = {Stage.VERIFY: {}, Stage.FETCH: {}}
        for row in self.sessions.rows.values():
            if row.due_at is not None:
                first = due[row.stage].get(row.priority, row.due_at)
                due[row.stage][row.priority] = min(first, row.due_at)
        return due

    def count_tokens(self, from_id: str) -> Mapping[str, Mapping[TokenVerdict, int]]:
        counts: dict[str, Counter[TokenVerdict]] = {}
        newest = sorted((id_ for id_ in self.sessions.rows if id_ >= from_id), reverse=True)[:COUNTED_AT_MOST]
        for row in (self.sessions.rows[id_] for id_ in newest):
            outcome = row.outcome
            verdict = TokenStatus.PENDING if outcome is None else outcome.token_reason or outcome.token_status
            counts.setdefault(row.made.partner_id, Counter())[verdict] += 1
        return counts

    def _count(self, partner_id: str, priority: Priority, now: datetime) -> WaitingRows:
        rows = [
            row
            for row in self.sessions.rows.values()
            if (row.made.partner_id, row.stage, row.priority) == (partner_id, Stage.FETCH, priority)
        ]
        in_flight = sum(row.lease_until is not None and row.lease_until >= now for row in rows)
        due = sum(row.is_due(now) for row in rows)
        return WaitingRows(in_flight, due, sum(row.due_at is not None and row.due_at > now for row in rows))


def _is_suspect(row: MemorySession) -> bool:
    return row.crashes_with_claim() >= MAX_CRASHES_IN_COMPANY


def _is_due(row: MemorySession, now: datetime) -> bool:
    return row.stage is Stage.FETCH and row.due_at is not None and row.due_at <= now
