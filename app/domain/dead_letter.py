"""Dead letters: sessions whose prefill was given up. Decides which can be tried again, and says why one cannot.

Nothing here holds a person's data. Knows neither store nor clock.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.retry import FINAL_CLASSES
from app.reasons import PrefillReason

_NEEDS_FORCE = FINAL_CLASSES | {PrefillReason.AUTH}


class SkipReason(StrEnum):
    """Why a replay passes a dead letter over, in the order in which the reasons are looked for."""

    NOTHING_TO_CALL = "nothing_to_call"  # it holds no prefill call: its token was never judged
    SESSION_EXPIRED = "session_expired"  # no form step can see it any more
    ACCESS_TOKEN_EXPIRED = "access_token_expired"  # noqa: S105 - a reason; the partner would only refuse
    FINAL_CLASS = "final_class"  # the same call would fail the same way


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which dead letters are meant: all conditions together; `since` (inclusive) and `until` look at when they died."""

    partner_id: str | None = None
    campaign_id: str | None = None
    error_class: PrefillReason | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_empty(self) -> bool:
        """Tell whether every dead letter is meant."""
        members = (self.partner_id, self.campaign_id, self.error_class, self.since, self.until)
        return all(member is None for member in members)


@dataclass(frozen=True, slots=True)
class Obstacles:
    """What may stand in the way of trying a dead letter again."""

    error_class: PrefillReason
    has_request: bool
    is_session_over: bool
    is_bearer_over: bool


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A session whose prefill was given up, as management sees it: nothing of a person.

    `attempts` counts all its outside calls, `bearer_expires_at` is None where the end of the access token is not known.
    """

    session_id: str
    partner_id: str
    campaign_id: str
    error_class: PrefillReason
    attempts: int
    received_at: datetime
    died_at: datetime
    expires_at: datetime
    has_request: bool
    bearer_expires_at: datetime | None = None

    def obstacles(self, now: datetime) -> Obstacles:
        """Return what stands in the way of trying it again now."""
        ends_at = self.bearer_expires_at
        return Obstacles(
            self.error_class, self.has_request, self.expires_at <= now, ends_at is not None and ends_at <= now
        )


@dataclass(frozen=True, slots=True)
class LetterGroup:
    """How many dead letters of a partner have the same obstacles."""

    partner_id: str
    obstacles: Obstacles
    letters: int


def skip_reason(obstacles: Obstacles, *, force: bool) -> SkipReason | None:
    """Return why a dead letter is passed over, None if it is taken up.

    `force` brings what only a person can know to be worth it: a final class (the partner was mended), a session that no
    participant can read any more (management can). It brings no call that cannot be made.
    """
    if not obstacles.has_request:
        return SkipReason.NOTHING_TO_CALL
    if obstacles.is_session_over and not force:
        return SkipReason.SESSION_EXPIRED
    if obstacles.is_bearer_over:
        return SkipReason.ACCESS_TOKEN_EXPIRED
    if obstacles.error_class in _NEEDS_FORCE and not force:
        return SkipReason.FINAL_CLASS
    return None


def place_of(letter: DeadLetter) -> str:
    """Return where a dead letter stands in the order of all: partner by partner, each in the order of arrival."""
    return f"{letter.partner_id}/{letter.session_id}"
