"""Revoke a published key, and find what it had accepted.

A revocation is by thumbprint: it holds whatever the partner publishes, in every process from its next batch. The search
goes a stretch of sessions at a time, so that no call of the store takes long; whoever calls goes on until it is over.
A batch that is being saved meanwhile looks after its own sessions (`steps/verify.py`). That sessions are to be rejected
is stored with the revocation, and looked after by upkeep (`steps/finish_voids.py`): each of these may be killed.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from app.domain.keyset import source_label
from app.domain.keyset_history import thumbprint_of
from app.domain.keyset_override import after_revoke
from app.errors import Mistake, RequestInvalid
from app.keyset_errors import KeysetShared
from app.keyset_ports import AcceptedSession, AcceptedSessions, KeysetDesk, SourceUsers, VoidOrder, VoidOrders
from app.management_ports import AuditLog, DocumentStore
from app.ports import Clock, Hints, Work
from app.steps.authorize import Caller
from app.steps.keysets import find_source
from app.steps.void import void_each

MAX_LISTED: Final = 1000
"""Sessions that are named; all are counted."""

_ALL_HISTORY: Final = 10_000


@dataclass(frozen=True, slots=True)
class Revocation:
    """How far a revocation has come; `accepted` counts sessions by (thumbprint, version of the key set)."""

    partner_id: str
    kid: str
    thumbprints: frozenset[str]
    dry_run: bool
    void: bool
    is_over: bool
    after: str | None = None
    accepted: Mapping[tuple[str, int], int] = field(default_factory=dict)
    sessions: tuple[AcceptedSession, ...] = ()
    voided: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class RevokeKey:
    """Revokes the key of a kid, whatever material it ever had."""

    documents: DocumentStore
    desk: KeysetDesk
    users: SourceUsers
    sessions: AcceptedSessions
    orders: VoidOrders
    audit: AuditLog
    hints: Hints
    clock: Clock

    def begin(
        self, partner_id: str, kid: str, caller: Caller, *, dry_run: bool = False, void: bool = False
    ) -> Revocation:
        """Revoke the key unless it is a `dry_run`; both that and `void` ask for the sessions that it had accepted.

        Raise PartnerUnknown, KeysetNotUsed, RequestInvalid for a kid that this source never had, KeysetShared.
        """
        source = find_source(self.documents, partner_id, caller)
        thumbprints = self._thumbprints(source, kid)
        if not thumbprints:
            raise RequestInvalid((Mistake("kid", "This key set never had a key of this kid."),))
        if not dry_run:
            self._check_users(source, caller)
            order = VoidOrder(partner_id, kid, thumbprints, self.clock.now(), caller.client_id, caller.request_id)
            self._revoke(source, order, caller, void=void)
        return Revocation(partner_id, kid, thumbprints, dry_run, void and not dry_run, is_over=not (dry_run or void))

    def go_on(self, revocation: Revocation, caller: Caller) -> Revocation:
        """Look at the next sessions, and void those that the key had accepted if that is asked for."""
        page = self.sessions.search(revocation.partner_id, revocation.thumbprints, revocation.after)
        ids = [session.id for session in page.sessions] if revocation.void else []
        voided = void_each(self.sessions, ids, self.clock.now())
        found = Counter((session.thumbprint, session.keyset_version) for session in page.sessions)
        further = replace(
            revocation,
            is_over=page.after is None,
            after=page.after,
            accepted=Counter(revocation.accepted) + found,
            sessions=(*revocation.sessions, *page.sessions)[:MAX_LISTED],
            voided=revocation.voided + voided,
            left=revocation.left + (len(page.sessions) - voided if revocation.void else 0),
        )
        if revocation.void and page.sessions:  # each stretch for itself: the process may end before the next
            detail = {"kid": revocation.kid, "voided": voided, "left": len(page.sessions) - voided}
            self._record("keyset.sessions_voided", revocation.partner_id, caller, detail)
        return further

    def _thumbprints(self, source: str, kid: str) -> frozenset[str]:
        stored = self.desk.find(source)
        keys = stored.keyset.keys if stored else ()
        history = self.desk.load_history(source, _ALL_HISTORY)
        present = {thumbprint_of(key) for key in keys if key.get("kid") == kid}
        return frozenset(present | {event.thumbprint for event in history if event.kid == kid})

    def _check_users(self, source: str, caller: Caller) -> None:
        if caller.partner_id is not None and self.users.load_users(source) - {caller.partner_id}:
            raise KeysetShared

    def _revoke(self, source: str, order: VoidOrder, caller: Caller, *, void: bool) -> None:
        detail = {"source": source_label(source), "kid": order.kid, "thumbprints": sorted(order.thumbprints)}
        with self.audit.together():
            self.desk.change(source, lambda keyset: after_revoke(keyset, order.thumbprints), order.asked_at)
            if void:
                self.orders.add(order)
            self._record("keyset.key_revoked", order.partner_id, caller, detail)
        self.desk.wake(source, order.asked_at)
        self.hints.ring(Work.VERIFY)

    def _record(self, action: str, partner_id: str, caller: Caller, detail: Mapping[str, object]) -> None:
        self.audit.add(caller.did(action, partner_id, self.clock.now(), detail, partner_id))
