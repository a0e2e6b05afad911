"""Take tokens in: what is refused at once, what a new session looks like, and the hint that follows its commit.

Looks at a token's shape and no further. A session without a token to judge is settled here.
"""

import base64
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from app.domain.campaign import Campaign, Mode
from app.domain.participation import ALLOWED
from app.domain.session import NewSession, Outcome, Stage, TokenStatus
from app.domain.shape import check_shape
from app.errors import TokenMalformed, TokenMissing, TokenRejected, TokenTooLarge
from app.ports import Clock, Hints, SessionIntake, TakenIn, Work
from app.reasons import TokenReason
from app.values import light_value

ID_PREFIX: Final = "ses_"
_RANDOM_BYTES = 10
_RANDOM_CHARACTERS = 16  # 80 bits in base32
_TIME_CHARACTERS = 10  # 50 bits in base32, of which a moment in milliseconds takes 48
_BASE32HEX = "0123456789abcdefghijklmnopqrstuv"
_ANONYMOUS: Final = Outcome(TokenStatus.ANONYMOUS, ALLOWED)


@light_value
class Arrival:
    """What a participant brought, admitted: a token of the right shape, or none where the campaign allows that."""

    campaign: Campaign
    token: str | None = field(default=None, repr=False)
    idempotency_key: str | None = field(default=None, repr=False)


def admit(campaign: Campaign, token: str | None, idempotency_key: str | None = None) -> Arrival:
    """Return the arrival; raise TokenMissing, TokenTooLarge or TokenMalformed."""
    if token is None:
        if campaign.mode is Mode.REQUIRED:
            raise TokenMissing
        return Arrival(campaign, None, idempotency_key)
    try:
        check_shape(token)
    except TokenRejected as rejected:
        if rejected.reason is TokenReason.TOKEN_TOO_LARGE:
            raise TokenTooLarge from None
        raise TokenMalformed from None
    return Arrival(campaign, token, idempotency_key)


@dataclass(frozen=True, slots=True)
class AcceptTokens:
    """Commits arrivals as sessions and wakes those who judge them; `entropy` returns that many random bytes."""

    intake: SessionIntake
    hints: Hints
    clock: Clock
    entropy: Callable[[int], bytes] = os.urandom

    def __call__(self, arrivals: Sequence[Arrival]) -> Sequence[TakenIn]:
        """Return one committed session each, in order; raise StoreUnavailable if none was committed."""
        sessions = self.prepare(arrivals)
        taken = self.intake.add(sessions, sessions[0].received_at) if sessions else ()
        self.announce(sessions)
        return taken

    def prepare(self, arrivals: Sequence[Arrival]) -> Sequence[NewSession]:
        """Return the sessions to commit, received now, in order."""
        now = self.clock.now()
        ids = session_ids(len(arrivals), now, self.entropy)
        return [_session(id_, arrival, now) for id_, arrival in zip(ids, arrivals, strict=True)]

    def announce(self, sessions: Sequence[NewSession]) -> None:
        """Wake those who judge the sessions, which are committed."""
        waiting = sum(session.stage is Stage.VERIFY for session in sessions)
        if waiting:
            self.hints.ring(Work.VERIFY, waiting)


def session_ids(count: int, now: datetime, entropy: Callable[[int], bytes]) -> list[str]:
    """Return new ids of sessions."""
    return ids_by_time(ID_PREFIX, count, now, entropy)


def first_session_id(moment: datetime) -> str:
    """Return what sorts in front of the id of every session that is received at `moment` or later, of no other."""
    return ID_PREFIX + _time_characters(moment)


def received_at_of(session_id: str) -> float:
    """Return the moment, in seconds of Unix time, at which the session of that id was received."""
    first = len(ID_PREFIX)
    return int(session_id[first : first + _TIME_CHARACTERS], 32) / 1000


def ids_by_time(kind: str, count: int, now: datetime, entropy: Callable[[int], bytes]) -> list[str]:
    """Return new ids: 48 bits of milliseconds, then 80 random bits, in base32hex, so that they sort by time.

    Neighbours in time are neighbours in the index: a burst writes to few pages of it.
    """
    prefix = kind + _time_characters(now)
    random = base64.b32hexencode(entropy(count * _RANDOM_BYTES)).decode().lower()
    return [prefix + random[i : i + _RANDOM_CHARACTERS] for i in range(0, len(random), _RANDOM_CHARACTERS)]


def repeat_digest(arrival: Arrival) -> str | None:
    """Return what makes two requests the same one: campaign, idempotency key and token together.

    Whoever guesses a key without holding the token obtains a session of their own (docs/decisions/0002). A session
    without a token holds nothing to obtain.
    """
    if arrival.idempotency_key is None:
        return None
    digest = hashlib.sha256()
    for part in (arrival.campaign.id, arrival.idempotency_key, arrival.token or ""):
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(4, "big"))
        digest.update(encoded)
    return digest.hexdigest()


def _session(id_: str, arrival: Arrival, now: datetime) -> NewSession:
    campaign = arrival.campaign
    is_anonymous = arrival.token is None
    return NewSession(
        id=id_,
        campaign_id=campaign.id,
        partner_id=campaign.partner_id,
        stage=Stage.DONE if is_anonymous else Stage.VERIFY,
        received_at=now,
        deadline_at=now + campaign.prefill_deadline,
        expires_at=now + campaign.session_ttl,
        token=arrival.token,
        outcome=_ANONYMOUS if is_anonymous else None,
        repeat_digest=repeat_digest(arrival),
    )


def _time_characters(moment: datetime) -> str:
    return _base32hex(int(moment.timestamp() * 1000), _TIME_CHARACTERS)


def _base32hex(number: int, characters: int) -> str:
    return "".join(_BASE32HEX[(number >> shift) & 31] for shift in range(5 * (characters - 1), -1, -5))
