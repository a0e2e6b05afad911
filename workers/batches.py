"""One batch of verification: claim, verify, and give back what could not be saved."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from app.domain.session import ClaimedSession
from app.errors import StoreUnavailable
from app.steps.claim import ClaimSessions
from workers.leases import HeldLeases
from workers.sweeper import Found


@dataclass(slots=True)
class VerifyBatch:
    """Claims and verifies due sessions; `verify` saves what they become."""

    claim: ClaimSessions
    verify: Callable[[Sequence[ClaimedSession]], object]
    held: HeldLeases
    alone_every_seconds: float
    _alone_at: float = 0.0

    def __call__(self) -> Found:
        """Do one batch and tell what it found."""
        self.held.give_back()  # what an unreachable database made us keep
        sessions = self.claim()
        self._verify(sessions)
        if monotonic() >= self._alone_at:  # rare rows: not worth a query after each hint
            self._alone_at = monotonic() + self.alone_every_seconds
            while alone := self.claim(1, alone=True):
                self._verify(alone)
        if not sessions:
            return Found.NOTHING
        return Found.FULL if len(sessions) == self.claim.limit else Found.SOME

    def _verify(self, sessions: Sequence[ClaimedSession]) -> None:
        if not sessions:
            return
        ids = [session.id for session in sessions]
        self.held.hold(sessions)
        try:
            self.verify(sessions)
        except StoreUnavailable:
            raise  # still held: given back as soon as the database answers, since nobody crashed
        except Exception:
            self.held.drop(ids)  # as good as a crash: counted when the leases run out
            raise
        self.held.drop(ids)
