"""Key sets in memory; the history that the SQL store writes is not kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count

from app.adapters.database.keyset_changes import judge_asked, remember_asked
from app.domain.keyset import Keyset, KeysetMode, KeysetPolicy, after_ask, may_ask
from tests.fakes.sessions import MemorySessions


@dataclass(slots=True)
class MemoryKeysets:
    """The twin of KeysetStore and KeysetQueue; `rows` and `leases` (token, until) are open to tests."""

    policy: KeysetPolicy = field(default_factory=KeysetPolicy)
    sessions: MemorySessions = field(default_factory=MemorySessions)
    rows: dict[str, Keyset] = field(default_factory=dict)
    leases: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    _claims: "count[int]" = field(default_factory=lambda: count(1))

    def load(self, sources: frozenset[str]) -> Mapping[str, Keyset]:
        return {source: self.rows[source] for source in sources if source in self.rows}

    def ask(self, missing: Mapping[str, frozenset[str]], now: datetime) -> bool:
        are_due = [self._ask(source, kids, now) for source, kids in missing.items()]
        return any(are_due)

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
        self.rows[keyset.source] = replace(
            judge_asked(keyset, before, self.policy),
            mode=before.mode,
            revoked=before.revoked,
            revoked_epoch=before.revoked_epoch,
            asked_at=before.asked_at,
            lease_token=None,
        )
        del self.leases[keyset.source]
        self.sessions.wake(keyset.source, now)
        return True

    def _ask(self, source: str, kids: frozenset[str], now: datetime) -> bool:
        row = self.rows.setdefault(source, Keyset(source, refresh_at=now))
        if kids and row.mode is KeysetMode.REMOTE and not _is_due(row, now) and may_ask(row, now, self.policy):
            row = after_ask(row, now, self.policy)
        if kids and _is_due(row, now):
            row = remember_asked(row, kids, now, self.policy)
        self.rows[source] = row
        return _is_due(row, now) and self._is_free(source, now)

    def _is_free(self, source: str, now: datetime) -> bool:
        return source not in self.leases or self.leases[source][1] < now


def _is_due(keyset: Keyset, now: datetime) -> bool:
    return keyset.mode is KeysetMode.REMOTE and keyset.refresh_at is not None and keyset.refresh_at <= now
