"""Ledgers, leases, secrets and housekeeping in memory."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock

from app.domain.audit import AuditFilter
from app.domain.key_pairs import KeyGeneration
from app.domain.play import Play, Played, PlayRefusal, judge_play, played
from app.domain.replay import ACTIVE_STATES, Replay
from app.domain.retention import Retention
from app.domain.session import Stage
from app.management_ports import AuditEntry, InstallationSecret, RecordedEntry
from app.ports import ParticipantKey, Work
from tests.fakes.keysets import MemoryKeysets
from tests.fakes.sessions import MemorySession, MemorySessions


@dataclass(slots=True)
class MemoryLedger:
    """The twin of ParticipationLedger; `plays` are the participations recorded here, by id."""

    played: dict[ParticipantKey, int] = field(default_factory=dict)
    uses: dict[tuple[str, str], str] = field(default_factory=dict)
    plays: dict[str, tuple[Play, Played]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def count(self, participants: frozenset[ParticipantKey]) -> Mapping[ParticipantKey, int]:
        return {key: self.played[key] for key in participants if self.played.get(key)}

    def find_uses(self, jtis: frozenset[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        return {jti: self.uses[jti] for jti in jtis if jti in self.uses}

    def record(self, play: Play) -> Played | PlayRefusal:
        with self._lock:
            earlier = play.repeat_digest and self.find_repeat(play.session_id, play.repeat_digest)
            if earlier:
                return earlier
            key = ParticipantKey(play.campaign_id, play.partner_id, play.counted_as)
            token = (play.partner_id, play.use.jti_digest) if play.use else None
            is_reused = token is not None and self.uses.get(token, play.session_id) != play.session_id
            used = self.played.get(key, 0)
            found = judge_play(play, used, is_reused=is_reused)
            if found is not None and play.is_enforced:
                return found
            if token is not None:
                self.uses.setdefault(token, play.session_id)
            self.played[key] = used + 1
            recorded = played(play, used + 1, found)
            self.plays[play.id] = play, recorded
            return recorded

    def forget(self, id_: str, play: Play) -> None:
        """Delete a participation."""
        del self.plays[id_]
        self.played[ParticipantKey(play.campaign_id, play.partner_id, play.counted_as)] -= 1

    def find_repeat(self, session_id: str, repeat_digest: str) -> Played | None:
        for play, recorded in self.plays.values():
            if (play.session_id, play.repeat_digest) == (session_id, repeat_digest):
                return replace(recorded, is_repeat=True)
        return None


@dataclass(slots=True)
class MemoryLeases:
    """The twin of Leases."""

    held_until: dict[str, datetime] = field(default_factory=dict)

    def take(self, name: str, now: datetime, until: datetime) -> bool:
        if name in self.held_until and self.held_until[name] > now:
            return False
        self.held_until[name] = until
        return True


@dataclass(slots=True)
class MemoryAudit:
    """The twin of AuditLog and AuditReads."""

    entries: list[AuditEntry] = field(default_factory=list)

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()

    def add(self, entry: AuditEntry) -> None:
        self.entries.append(entry)

    def load_page(self, wanted: AuditFilter, before: int | None, limit: int) -> Sequence[RecordedEntry]:
        recorded = [RecordedEntry(number, entry) for number, entry in enumerate(self.entries, start=1)]
        matching = [one for one in reversed(recorded) if _matches(one.entry, wanted)]
        return [one for one in matching if before is None or one.number < before][:limit]


def _matches(entry: AuditEntry, wanted: AuditFilter) -> bool:
    names = ("actor", "action", "subject", "partner_id")
    is_named = all(getattr(wanted, name) in {None, getattr(entry, name)} for name in names)
    return is_named and (wanted.since or entry.at) <= entry.at and (wanted.until is None or entry.at < wanted.until)


@dataclass(slots=True)
class MemoryHousekeeping:
    """The twin of Housekeeping."""

    sessions: MemorySessions = field(default_factory=MemorySessions)
    keysets: MemoryKeysets = field(default_factory=MemoryKeysets)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    audit: MemoryAudit = field(default_factory=MemoryAudit)
    retention: Retention = field(default_factory=Retention)
    replays: dict[str, Replay] = field(default_factory=dict)

    def purge(self, now: datetime, chunk: int) -> Mapping[str, int]:
        store = self.sessions
        expired = [row.made.id for row in store.rows.values() if self._is_over(row, now)][:chunk]
        for id_ in expired:
            del store.rows[id_]
        attempts = len(store.attempts)
        store.attempts[:] = [attempt for attempt in store.attempts if attempt.session_id not in expired]
        old = [digest for digest, (_, made_at) in store.repeats.items() if made_at <= now - timedelta(minutes=10)]
        for digest in old[:chunk]:
            del store.repeats[digest]
        return {
            "sessions": len(expired),
            "attempts": attempts - len(store.attempts),
            **self._purge_old(now, chunk),
            "repeats": len(old[:chunk]),
            "used_tokens": 0,
        }

    def _purge_old(self, now: datetime, chunk: int) -> Mapping[str, int]:
        kept = self.retention
        calls = [one for one in self.sessions.attempts if one.started_at < now - kept.attempts][:chunk]
        self.sessions.attempts[:] = [one for one in self.sessions.attempts if one not in calls]
        deleted = {"old_attempts": len(calls)}
        if kept.audit is not None:
            end = now - kept.audit
            entries = [entry for entry in self.audit.entries if entry.at < end][:chunk]
            self.audit.entries[:] = [entry for entry in self.audit.entries if entry not in entries]
            deleted["audit_log"] = len(entries)
            over = [one.id for one in self.replays.values() if one.state not in ACTIVE_STATES and one.updated_at < end]
            for id_ in over[:chunk]:
                del self.replays[id_]
            deleted["replays"] = len(over[:chunk])
        if kept.participations is not None:
            end = now - kept.participations
            plays = [(id_, play) for id_, (play, _) in self.ledger.plays.items() if play.at < end][:chunk]
            for id_, play in plays:
                self.ledger.forget(id_, play)
            deleted["participations"] = len(plays)
        return deleted

    def count_due(self, now: datetime) -> Mapping[Work, int]:
        due = [row.stage for row in self.sessions.rows.values() if row.is_due(now)]
        keysets = self.keysets
        refreshes = [
            row
            for row in keysets.rows.values()
            if row.refresh_at and row.refresh_at <= now and keysets.leases.get(row.source, ("", now))[1] <= now
        ]
        return {
            Work.VERIFY: due.count(Stage.VERIFY),
            Work.FETCH: due.count(Stage.FETCH),
            Work.REFRESH: len(refreshes),
        }

    def _is_over(self, row: MemorySession, now: datetime) -> bool:
        match row.stage:
            case Stage.DONE if row.replay_id is None:
                return row.made.expires_at < now - self.retention.sessions
            case Stage.DONE | Stage.DEAD:
                return row.made.expires_at < now - self.retention.dead_letters
            case _:
                return False


@dataclass(slots=True)
class MemorySecrets:
    """The twin of SecretStore."""

    rows: dict[tuple[str, str], InstallationSecret] = field(default_factory=dict)

    def load(self, name: str) -> Sequence[InstallationSecret]:
        named = [secret for secret in self.rows.values() if secret.name == name]
        return sorted(named, key=lambda secret: (secret.created_at, secret.kid), reverse=True)

    def add(self, secret: InstallationSecret) -> bool:
        is_new = (secret.name, secret.kid) not in self.rows
        if is_new:
            self.rows[secret.name, secret.kid] = secret
        return is_new


@dataclass(slots=True)
class MemoryKeyPairs:
    """The twin of KeyPairStore."""

    rows: dict[tuple[str, int], KeyGeneration] = field(default_factory=dict)

    def load(self, partner_id: str) -> Sequence[KeyGeneration]:
        return [self.rows[place] for place in sorted(self.rows, reverse=True) if place[0] == partner_id]

    def add(self, generation: KeyGeneration, others_retire_at: datetime) -> bool:
        place = (generation.partner_id, generation.number)
        if place in self.rows:
            return False
        for other in self.load(generation.partner_id):
            retired_at = min(other.retired_at or others_retire_at, others_retire_at)
            is_over = other.retired_at is not None and other.retired_at <= generation.created_at
            jwks = () if is_over else other.jwks
            self.rows[other.partner_id, other.number] = replace(other, retired_at=retired_at, jwks=jwks)
        self.rows[place] = generation
        return True
