"""Record that a participant plays: the verdict is repeated at that moment, and the answer to a repeated request too.

Who may play in a session was decided before, by its key. What is counted, and that nothing is counted twice, is the
ledger's: it judges and records in one transaction.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, assert_never

import structlog

from app.domain.play import Play, Played, PlayRefusal, prepare_play
from app.play_errors import LimitReached, NotEligible, NotSettled, PlayRefused, SessionRejected, TokenReused
from app.ports import Clock, ParticipationLedger
from app.steps.accept import ids_by_time
from app.steps.read import Visit

ID_PREFIX: Final = "par_"
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RecordParticipation:
    """Records participations; `entropy` returns that many random bytes."""

    ledger: ParticipationLedger
    clock: Clock
    entropy: Callable[[int], bytes] = os.urandom

    def __call__(self, visit: Visit, idempotency_key: str | None = None) -> Played:
        """Return the participation that stands recorded.

        Raise PlayRefused, of the class that tells why; StoreUnavailable if nothing stands.
        """
        result = self._record(visit, repeat_digest(idempotency_key))
        if isinstance(result, PlayRefusal):
            _log.info("participation.refused", **_whose(visit), reason=result.value)
            raise _error(result)
        _log.info(
            "participation.recorded",
            **_whose(visit),
            participation_id=result.id,
            used=result.used,
            remaining=result.remaining,
            waived=result.waived and result.waived.value,
            is_repeat=result.is_repeat,
        )
        return result

    def _record(self, visit: Visit, digest: str | None) -> Played | PlayRefusal:
        now = self.clock.now()
        [id_] = ids_by_time(ID_PREFIX, 1, now, self.entropy)
        play = prepare_play(visit.session, visit.campaign, id_, digest, now)
        if isinstance(play, Play):
            return self.ledger.record(play)
        # What was answered once is answered again, whatever became of the token since.
        earlier = None if digest is None else self.ledger.find_repeat(visit.session.id, digest)
        return earlier or play


def repeat_digest(idempotency_key: str | None) -> str | None:
    """Return what an idempotency key is remembered by, within its session; without one each request is a play."""
    return None if idempotency_key is None else hashlib.sha256(idempotency_key.encode()).hexdigest()


def _error(refusal: PlayRefusal) -> PlayRefused:
    match refusal:
        case PlayRefusal.NOT_SETTLED:
            return NotSettled()
        case PlayRefusal.TOKEN_REJECTED:
            return SessionRejected()
        case PlayRefusal.TOKEN_REUSED:
            return TokenReused()
        case PlayRefusal.NOT_ELIGIBLE:
            return NotEligible()
        case PlayRefusal.LIMIT_REACHED:
            return LimitReached()
        case _:
            assert_never(refusal)


def _whose(visit: Visit) -> dict[str, str]:
    session = visit.session
    return {"session_id": session.id, "campaign_id": session.campaign_id, "partner_id": session.partner_id}
