"""Claims of the stage `fetch`, partner by partner, in one transaction under the locks of their health.

The calls in flight are the live leases: nothing else counts them. Claims take a partner's oldest rows first and note
how far they came, so all rows under way are due until then: the head of the queue tells both how many there are and
what is next, however long the rest of it is.
"""

import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from app.adapters.database import fetch_postgres, fetch_sqlite
from app.adapters.database.claimed_rows import open_claimed
from app.adapters.database.engine import Database
from app.adapters.database.fetch_heads import SeenHead, heads_of
from app.adapters.database.health_rows import LockedPartner, lock_partners, write_partners
from app.adapters.database.session_rows import CLAIMED_COLUMNS, Row
from app.adapters.database.types import EPOCH
from app.domain.admission import Admission, PartnerQueue, admit
from app.domain.retention import Retention
from app.domain.session import Priority
from app.fetch_ports import FetchClaim, FetchClaimed
from app.ports import Sealing

_LEASE_TOKEN_BYTES = 12
_PARTNER_ID, _PRIORITY, _DUE_AT = (CLAIMED_COLUMNS.index(name) for name in ("partner_id", "priority", "due_at"))


@dataclass(frozen=True, slots=True)
class SqlFetchQueue:
    """Implements `fetch_ports.FetchQueue`.

    What has expired is called for only where a replay took it up by force, and as long as dead letters are kept.
    """

    database: Database
    sealing: Sealing
    kept: timedelta = Retention().dead_letters

    def list_due(self, now: datetime, *, alone: bool = False) -> Sequence[str]:
        """Return the ids of the partners that have due rows, by id; those under way count, but not with `alone`."""
        statements = fetch_sqlite if self.database.is_sqlite else fetch_postgres
        if not alone:
            return self.database.read(lambda connection: statements.list_due(connection, now))
        suspects = self.database.read(lambda connection: statements.list_suspects(connection, now, now))
        return sorted({partner_id for _, partner_id, _, _ in suspects})

    def claim_fairly(self, claim: FetchClaim) -> FetchClaimed:
        """Lease what `admit` lets through; raise SealBroken if none of it can be opened."""
        token = secrets.token_hex(_LEASE_TOKEN_BYTES)
        rows, admission = self.database.write(lambda connection: self._claim(connection, claim, token))
        opened = open_claimed(self.database, self.sealing, rows, claim.now)
        sessions = [replace(session, is_over=session.id in admission.over) for session in opened]
        return FetchClaimed(sessions, admission.is_full, admission.awaits_answers, admission.again_at)

    def _claim(self, connection: Connection, claim: FetchClaim, token: str) -> tuple[Sequence[Row], Admission]:
        statements = fetch_sqlite if self.database.is_sqlite else fetch_postgres
        partners = lock_partners(connection, claim.limits, claim.now)
        heads = heads_of(partners, claim.limits, claim.limit, claim.now)
        kept_since = claim.now - self.kept
        seen = statements.look(connection, heads, claim.now, kept_since)
        if claim.alone:
            seen = _suspects_alone(seen, statements.list_suspects(connection, claim.now, kept_since))
        elif gone := {one.head.partner_id for one in seen if one.gone}:
            statements.set_behind(connection, gone, claim.now)
            seen = statements.look(connection, heads, claim.now, kept_since)
        queues = _queues(partners, seen)
        healths = {id_: partner.health for id_, partner in partners.items()}
        admission = admit(queues, healths, claim.limits, claim.limit, claim.now, claim.turn)
        rows = statements.take(connection, admission.ids, claim, token) if admission.ids else ()
        after = {id_: _after(partner, id_, admission, rows) for id_, partner in partners.items()}
        write_partners(connection, {id_: row for id_, row in after.items() if row != partners[id_]}, claim.now)
        return rows, admission


def _after(before: LockedPartner, partner_id: str, admission: Admission, rows: Sequence[Row]) -> LockedPartner:
    upto = dict(before.upto)
    for row in rows:
        if row[_PARTNER_ID] == partner_id:
            priority = Priority(row[_PRIORITY])
            upto[priority] = max(upto.get(priority, EPOCH), row[_DUE_AT])
    return LockedPartner(admission.changed.get(partner_id, before.health), upto)


def _suspects_alone(seen: Sequence[SeenHead], suspects: Sequence[Row]) -> list[SeenHead]:
    """Return what was seen with rows of (id, partner, priority, expired) in the place of those without suspicion."""
    due: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    over: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for id_, partner_id, priority, is_over in suspects:
        (over if is_over else due)[partner_id, priority].append(id_)
    places = [(one, (one.head.partner_id, one.head.priority)) for one in seen]
    return [replace(one, due=due[place], over=over[place], gone=()) for one, place in places]


def _queues(partner_ids: Iterable[str], seen: Sequence[SeenHead]) -> list[PartnerQueue]:
    """Return the queue of each partner, put together of what was seen of its classes."""
    heads: dict[str, list[SeenHead]] = {partner_id: [] for partner_id in partner_ids}
    for one in seen:
        heads[one.head.partner_id].append(one)
    return [
        PartnerQueue(
            partner_id,
            in_flight=sum(one.in_flight for one in classes),
            due={Priority(one.head.priority): one.due for one in classes},
            over=[id_ for one in classes for id_ in one.over],
            cut=frozenset(Priority(one.head.priority) for one in classes if one.is_cut),
            retries=frozenset(id_ for one in classes for id_ in one.retries),
        )
        for partner_id, classes in heads.items()
    ]
