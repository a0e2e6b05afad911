"""The sessions that a key had accepted, in memory, over the rows of MemorySessions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.session import Outcome, Stage, TokenStatus
from app.keyset_ports import AcceptedPage, AcceptedSession
from tests.fakes.sessions import MemorySession, MemorySessions


@dataclass(slots=True)
class MemoryAcceptedSessions:
    """The twin of AcceptedSessions; it looks at `stretch` sessions at a time, those in `locked` are being written."""

    sessions: MemorySessions = field(default_factory=MemorySessions)
    stretch: int = 2
    locked: set[str] = field(default_factory=set)

    def search(self, partner_id: str, thumbprints: frozenset[str], after: str | None) -> AcceptedPage:
        ids = sorted(id_ for id_ in self.sessions.rows if id_ > (after or ""))[: self.stretch]
        rows = [self.sessions.rows[id_] for id_ in ids]
        found = [
            AcceptedSession(
                row.made.id, row.made.campaign_id, row.key_thumbprint, row.keyset_version, row.made.received_at
            )
            for row in rows
            if row.made.partner_id == partner_id
            and _is_accepted(row)
            and row.keyset_version is not None
            and row.key_thumbprint in thumbprints
        ]
        return AcceptedPage(found, ids[-1] if ids else None)

    def void(self, ids: Sequence[str], outcome: Outcome, now: datetime) -> frozenset[str]:
        del now
        rows = [self.sessions.rows[id_] for id_ in ids if id_ in self.sessions.rows and id_ not in self.locked]
        held = [row for row in rows if _is_accepted(row)]
        for row in held:
            row.stage, row.due_at, row.outcome = Stage.DONE, None, outcome
            row.lease_until = row.lease_token = row.parked_on = row.token = row.request = row.error_class = None
        return frozenset(row.made.id for row in held)


def _is_accepted(row: MemorySession) -> bool:
    return row.outcome is not None and row.outcome.token_status is TokenStatus.ACCEPTED
