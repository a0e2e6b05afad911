"""Delete what a participant left behind: found by a keyed digest of its `sub`, a stretch of sessions at a time.

Sessions that are not judged yet cannot be told to be whose. So an erasure is remembered, and carried out once more when
every session from before it is judged (`FinishErasures`). Whoever comes again afterwards is a new participant.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from app.domain.erasure import Erasing, Erasure, after_stretch
from app.management_ports import AuditLog, DocumentStore, ErasureQueue, ErasureStore
from app.ports import Clock, Digests, Leases
from app.steps.authorize import Caller
from app.steps.partners import find_partner

_log = structlog.get_logger()

_GRACE: Final = timedelta(seconds=30)
"""Longer than a session that was received is on its way to its commit."""
_LEASE: Final = timedelta(seconds=50)
_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class EraseParticipant:
    """Deletes one participant's data on a manager's word; the digest's key is loaded when it is first needed."""

    documents: DocumentStore
    erasures: ErasureStore
    load_digests: Callable[[], Digests]
    audit: AuditLog
    clock: Clock

    def begin(self, partner_id: str, sub: str, caller: Caller, *, forget_plays: bool = False) -> Erasing:
        """Remember the erasure and deal with what was played; raise PartnerUnknown. The record names no participant."""
        find_partner(self.documents, partner_id, caller)
        now = self.clock.now()
        erasure = Erasure(partner_id, self.load_digests().participant(partner_id, sub), now, forget_plays)
        detail = {"plays": "forgotten" if forget_plays else "counted"}
        with self.audit.together():
            self.audit.add(caller.did("participant.erased", partner_id, now, detail, partner_id))
            unjudged = self.erasures.add(erasure)
        return Erasing(erasure, unjudged, self.erasures.erase_plays(erasure))

    def go_on(self, erasing: Erasing) -> Erasing:
        """Delete what is found in the next stretch of sessions."""
        return after_stretch(erasing, self.erasures.erase_stretch([erasing.erasure], erasing.found.after))


@dataclass(frozen=True, slots=True)
class FinishErasures:
    """Carries out the erasures whose partner has no unjudged session left from before, and forgets them."""

    erasures: ErasureStore
    ripe: ErasureQueue
    leases: Leases
    clock: Clock

    def __call__(self) -> int:
        """Return how many erasures ended; where something was locked, all are tried again at the next call.

        One search serves all of them, however many there are.
        """
        now = self.clock.now()
        if not self.leases.take("erasures", now, now + _LEASE):
            return 0
        ripe = self.ripe.load_ripe(now - _GRACE, _AT_ONCE)
        if not ripe or self._erase(ripe):
            return 0
        for erasure in ripe:
            self.erasures.end(erasure)
        _log.info("erasures.finished", erasures=len(ripe))
        return len(ripe)

    def _erase(self, ripe: Sequence[Erasure]) -> int:
        """Delete what is found of all these, and return how much was left."""
        for erasure in ripe:
            self.erasures.erase_plays(erasure)
        left, after, is_over = 0, None, False
        while not is_over:
            stretch = self.erasures.erase_stretch(ripe, after)
            left, after, is_over = left + stretch.left, stretch.after, stretch.after is None
        return left
