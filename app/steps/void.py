"""Void sessions that a key had accepted which is revoked now."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from app.domain.participation import TOKEN_REJECTED
from app.domain.session import Outcome, TokenStatus
from app.keyset_ports import AcceptedSessions
from app.reasons import TokenReason

_VOIDED: Final = Outcome(TokenStatus.REJECTED, TOKEN_REJECTED, TokenReason.KEY_REVOKED)
_TRIES: Final = 20
"""For a session that somebody else is just writing, which takes milliseconds."""


def void_each(sessions: AcceptedSessions, ids: Sequence[str], now: datetime) -> int:
    """Give sessions the outcome of a revoked key; return how many that were."""
    left = list(ids)
    for _ in range(_TRIES):
        if not left:
            break
        done = sessions.void(left, _VOIDED, now)
        left = [id_ for id_ in left if id_ not in done]
    return len(ids) - len(left)
