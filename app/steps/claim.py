"""Take due sessions under a lease; what has killed its process once too often ends here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from app.domain.participation import TOKEN_REJECTED
from app.domain.prefill import unavailable
from app.domain.session import ClaimedSession, Outcome, SessionMove, Stage, TokenStatus, is_poison
from app.ports import Claim, Clock, SessionQueue
from app.reasons import PrefillReason, TokenReason

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ClaimSessions:
    """Claims due sessions of one stage, at most `limit` at a time, for `lease`."""

    queue: SessionQueue
    clock: Clock
    stage: Stage
    limit: int
    lease: timedelta

    def __call__(self, limit: int | None = None, *, alone: bool = False) -> Sequence[ClaimedSession]:
        """Return the sessions that are now ours; with `alone` one that has killed two processes, if there is any.

        A poisonous session is ended and not returned, so an empty answer can mean that there are more: ask again.
        """
        now = self.clock.now()
        most = self.limit if limit is None else min(limit, self.limit)
        claimed = self.queue.claim(Claim(self.stage, most, now, now + self.lease, alone=alone))
        return end_poisonous(self.queue, claimed, now)


def end_poisonous(queue: SessionQueue, claimed: Sequence[ClaimedSession], now: datetime) -> Sequence[ClaimedSession]:
    """End those of `claimed` that have killed their process once too often; return the others."""
    poisonous = [session for session in claimed if is_poison(session)]
    if not poisonous:
        return claimed
    queue.finish([_ended(session) for session in poisonous], now)
    for session in poisonous:
        _log.error("session.poisoned", session_id=session.id, stage=session.stage, crash_count=session.crash_count)
    return [session for session in claimed if not is_poison(session)]


def _ended(session: ClaimedSession) -> SessionMove:
    """Return the move to `dead`; a token that kills its judge counts as malformed, since nobody could read it."""
    unjudged = Outcome(TokenStatus.REJECTED, TOKEN_REJECTED, TokenReason.TOKEN_MALFORMED)
    outcome = (session.outcome or unjudged).with_prefill(unavailable(PrefillReason.POISON))
    return SessionMove(
        session.id,
        session.lease_token,
        Stage.DEAD,
        outcome=outcome,
        request=session.request,
        error_class=PrefillReason.POISON,
    )
