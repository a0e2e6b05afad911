"""Key sets in memory: for verification, for the refresh, and for operators, on the same rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count

from app.domain.keyset import Keyset, KeysetMode, KeysetPolicy, is_served, may_ask
from app.domain.keyset_history import KeyEvent, KeysetEvent, key_changes, thumbprint_of
from app.domain.keyset_kids import judge_asked, with_asked_kids
from app.domain.keyset_refresh import after_ask, after_request, fetch_outcome, is_renewed, is_success
from app.domain.session import Stage
from app.keyset_ports import SourceFigures, StoredKeyset
from tests.fakes.sessions import MemorySessions


@dataclass(slots=True)
class MemoryKeysets:
    """The twin of KeysetStore, KeysetQueue, KeysetDesk, SourceUsers, ParkedSessions and KeysetFigures.

    `rows`, `leases` (token, until), `users` and `events` are open to tests.
    """

    policy: KeysetPolicy = field(default_factory=KeysetPolicy)
    sessions: MemorySessions = field(default_factory=MemorySessions)
    rows: dict[str, Keyset] = field(default_factory=dict)
    leases: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    users: dict[str, frozenset[str]] = field(default_factory=dict)
    events: dict[str, list[KeysetEvent]] = field(default_factory=dict)
    fetches: dict[str, dict[str, int]] = field(default_factory=dict)
    _claims: "count[int]" = field(default_factory=lambda: count(1))

    def load(self, sources: frozenset[str]) -> Mapping[str, Keyset]:
        known = [self.rows[source] for source in sources if source in self.rows]
        return {row.source: replace(row, withdrawn=row.withdrawn | self._withdrawn(row)) for row in known}

    def ask(self, missing: Mapping[str, frozenset[str]], now: datetime) -> bool:
        are_due = [self._ask(source, kids, now) for source, kids in missing.items()]
        return any(are_due)

    def wake_if_renewed(self, judged_by: Mapping[str, Keyset | None], now: datetime) -> bool:
        renewed = [
            row.source for row in self.load(frozenset(judged_by)).values() if is_renewed(row, judged_by[row.source])
        ]
        for source in renewed:
            self.sessions.wake(source, now)
        return bool(renewed)

    def claim_due(self, limit: int, now: datetime, lease_until: datetime) -> Sequence[Keyset]:
        token = f"memory-lease-{next(self._claims)}"
        due = [row for row in self.rows.values() if _is_due(row, now) and self._is_free(row.source, now)]
        chosen = sorted(due, key=lambda row: row.refresh_at or now)[:limit]
        for row in chosen:
            self.leases[row.source] = token, lease_until
        return [replace(row, lease_token=token) for row in chosen]

    def save(self, keyset: Keyset, lease_token: str, now: datetime) -> bool:
        held, _ = self.leases.get(keyset.source, (None, now))
        if held != lease_token:
            return False
        before = self.rows[keyset.source]
        judged = judge_asked(keyset, before.asked_kids, self.policy)
        self.rows[keyset.source] = replace(
            judged,
            mode=before.mode,
            revoked=before.revoked,
            revoked_epoch=before.revoked_epoch,
            asked_at=before.asked_at,
            lease_token=None,
        )
        del self.leases[keyset.source]
        outcomes = self.fetches.setdefault(keyset.source, {})
        outcome = fetch_outcome(before, judged)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        self._record(before, keyset, now)
        if is_success(keyset):
            self.sessions.wake(keyset.source, now)
        return True

    def find(self, source: str) -> StoredKeyset | None:
        row = self.rows.get(source)
        return None if row is None else StoredKeyset(row, self._first_seen(source))

    def load_history(self, source: str, limit: int) -> Sequence[KeysetEvent]:
        return self.events.get(source, [])[::-1][:limit]

    def request(self, source: str, now: datetime) -> None:
        row = self.rows.setdefault(source, Keyset(source, refresh_at=now))
        if row.mode is KeysetMode.REMOTE and self._is_free(source, now):
            self.rows[source] = after_request(row, now)

    def change(self, source: str, change: Callable[[Keyset], Keyset], now: datetime) -> StoredKeyset:
        row = self.rows.setdefault(source, Keyset(source, refresh_at=now))
        before = replace(row, lease_token=self.leases[source][0] if source in self.leases else None)
        after = change(before)
        if after.lease_token is None:
            self.leases.pop(source, None)
        if after != before:
            self.rows[source] = replace(after, lease_token=None)
            self._record(before, after, now)
        return StoredKeyset(self.rows[source], self._first_seen(source))

    def wake(self, source: str, now: datetime) -> None:
        self.sessions.wake(source, now)

    def wake_overslept(self, now: datetime) -> int:
        waiting = [one for one in self.sessions.rows.values() if one.stage is Stage.VERIFY]
        asleep = [one for one in waiting if one.due_at is not None and one.due_at > now]
        parked = [(self.rows.get(one.parked_on or ""), one.made.received_at) for one in asleep]
        overslept = {row.source for row, received_at in parked if row and _can_judge(row, received_at, now)}
        for source in overslept:
            self.sessions.wake(source, now)
        return len(overslept)

    def load_users(self, source: str) -> frozenset[str]:
        return self.users.get(source, frozenset())

    def retire_unused(self) -> int:
        unused = [row for row in self.rows.values() if row.refresh_at and not self.users.get(row.source)]
        self.rows.update({row.source: replace(row, refresh_at=None) for row in unused})
        return len(unused)

    def revive_used(self, now: datetime) -> int:
        asleep = [
            row
            for row in self.rows.values()
            if row.refresh_at is None and row.mode is KeysetMode.REMOTE and self.users.get(row.source)
        ]
        self.rows.update({row.source: replace(row, refresh_at=now) for row in asleep})
        return len(asleep)

    def load_figures(self) -> Sequence[SourceFigures]:
        parked = [session.parked_on for session in self.sessions.rows.values()]
        return [
            SourceFigures(row, self.fetches.get(source, {}), parked.count(source))
            for source, row in sorted(self.rows.items())
        ]

    def _ask(self, source: str, kids: frozenset[str], now: datetime) -> bool:
        row = self.rows.setdefault(source, Keyset(source, refresh_at=now))
        if row.mode is not KeysetMode.REMOTE:
            return False
        if row.refresh_at is None:
            row = replace(row, refresh_at=now)
        if kids and not _is_due(row, now) and may_ask(row, now, self.policy):
            row = after_ask(row, now, self.policy)
        if kids and _is_due(row, now):
            row = with_asked_kids(row, kids, now, self.policy)
        self.rows[source] = row
        return _is_due(row, now) and self._is_free(source, now)

    def _is_free(self, source: str, now: datetime) -> bool:
        return source not in self.leases or self.leases[source][1] < now

    def _record(self, before: Keyset, after: Keyset, now: datetime) -> None:
        events = self.events.setdefault(after.source, [])
        changes = key_changes(before.keys, after.keys, {event.thumbprint for event in events})
        events += [KeysetEvent(now, one.event, one.kid, one.thumbprint, after.version) for one in changes]

    def _withdrawn(self, row: Keyset) -> frozenset[str]:
        gone = row.revoked - set(map(thumbprint_of, row.keys))
        return frozenset(event.kid for event in self.events.get(row.source, []) if event.thumbprint in gone)

    def _first_seen(self, source: str) -> Mapping[str, datetime]:
        seen: dict[str, datetime] = {}
        for event in self.events.get(source, []):
            if event.event is not KeyEvent.REMOVED:
                seen.setdefault(event.thumbprint, event.at)
        return seen


def _can_judge(keyset: Keyset, received_at: datetime, now: datetime) -> bool:
    is_fetched_since = keyset.fetched_at is not None and received_at <= keyset.fetched_at
    return is_served(keyset, now) and (keyset.mode is KeysetMode.PINNED or is_fetched_since)


def _is_due(keyset: Keyset, now: datetime) -> bool:
    return keyset.mode is KeysetMode.REMOTE and keyset.refresh_at is not None and keyset.refresh_at <= now
