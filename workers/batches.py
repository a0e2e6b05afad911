"""One batch of verification: claim, verify, and give back what could not be saved."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

import structlog

from app.domain.session import ClaimedSession
from app.errors import InsideError
from app.steps.claim import ClaimSessions
from workers.leases import HeldLeases
from workers.sweeper import Found

_log = structlog.get_logger()


@dataclass(slots=True)
class VerifyBatch:
    """Claims and verifies due sessions; `verify` saves what they become."""

    claim: ClaimSessions
    verify: Callable[[Sequence[ClaimedSession]], object]
    held: HeldLeases
    alone_every_seconds: float
    _alone_at: float = 0.0

    def __call__(self) -> Found:
        """Do one batch, or one and a session that is to be alone, and tell what it found."""
        self.held.give_back()  # what a fault of ours made us keep
        sessions = self.claim()
        self._verify(sessions)
        if self._work_alone() or len(sessions) == self.claim.limit:
            return Found.FULL
        return Found.SOME if sessions else Found.NOTHING

    def _work_alone(self) -> bool:
        """Verify one session that has killed two processes, and tell whether there was any."""
        if monotonic() < self._alone_at:  # rare rows: not worth a query after each hint
            return False
        alone = self.claim(1, alone=True)
        self._verify(alone)
        if not alone:
            self._alone_at = monotonic() + self.alone_every_seconds
        return bool(alone)

    def _verify(self, sessions: Sequence[ClaimedSession]) -> None:
        """Verify `sessions`; one that cannot be is as good as one that kills, and harms none but itself."""
        if not sessions:
            return
        self.held.hold(sessions)
        try:
            self.verify(sessions)
        except InsideError:
            raise  # still held: given back with the next batch, since it is no fault of a session's
        except Exception:  # noqa: BLE001 - logged; one session must not keep the others from being judged
            _log.exception("batch.unverified", sessions=len(sessions))
            for session in sessions if len(sessions) > 1 else ():
                self._verify([session])
        self.held.drop([session.id for session in sessions])  # one that failed by itself counts when its lease runs out
