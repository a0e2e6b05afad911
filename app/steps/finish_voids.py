"""Finish what revocations began: look once more for the sessions of a revoked key, and reject them.

A search may have been cut short with its process. Nor can it see what is being verified while the key is revoked: the
batch itself rejects such sessions when it is saved, unless its process is killed just then.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from app.keyset_ports import AcceptedSessions, VoidOrder, VoidOrders
from app.management_ports import AuditEntry, AuditLog
from app.ports import Clock, Leases
from app.steps.void import void_each

_log = structlog.get_logger()

_GRACE: Final = timedelta(minutes=1)
"""Longer than a batch that was judged before the revocation is on its way to its commit."""
_LEASE: Final = timedelta(seconds=50)
_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class FinishVoids:
    """Carries out the orders that are old enough, and forgets them."""

    orders: VoidOrders
    sessions: AcceptedSessions
    audit: AuditLog
    leases: Leases
    clock: Clock

    def __call__(self) -> int:
        """Return how many orders ended; where something was locked, one is tried again at the next call."""
        now = self.clock.now()
        if not self.leases.take("void_orders", now, now + _LEASE):
            return 0
        ended = 0
        for order in self.orders.load(now - _GRACE, _AT_ONCE):
            if self._void(order):
                self.orders.end(order)
                ended += 1
        if ended:
            _log.info("void_orders.finished", orders=ended)
        return ended

    def _void(self, order: VoidOrder) -> bool:
        """Reject what is found, a stretch of sessions at a time, and tell whether nothing is left."""
        left, after, is_over = 0, None, False
        while not is_over:
            page = self.sessions.search(order.partner_id, order.thumbprints, after)
            if page.sessions:
                voided = void_each(self.sessions, [session.id for session in page.sessions], self.clock.now())
                left += len(page.sessions) - voided
                self._record(order, voided, len(page.sessions) - voided)
            after, is_over = page.after, page.after is None
        return not left

    def _record(self, order: VoidOrder, voided: int, left: int) -> None:
        detail = {"kid": order.kid, "voided": voided, "left": left}
        now, partner_id = self.clock.now(), order.partner_id
        action = "keyset.sessions_voided"
        self.audit.add(AuditEntry(now, order.actor, action, partner_id, detail, partner_id, order.request_id))
