"""The deletion of one participant's data: whose, as of when, and what of it went."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Erasure:
    """What one participant left behind until `asked_at`; `digest` is keyed, so that it names nobody.

    That somebody played is kept for counting, unless the erasure `forgets_plays`.
    """

    partner_id: str
    digest: str = field(repr=False)
    asked_at: datetime
    forgets_plays: bool = False


@dataclass(frozen=True, slots=True)
class ErasedStretch:
    """What went in one stretch of sessions; `left` are those that somebody was writing at that moment.

    `after` is the place behind which the next stretch begins (None: that was the last).
    """

    sessions: int = 0
    attempts: int = 0
    left: int = 0
    after: str | None = None


@dataclass(frozen=True, slots=True)
class ErasedPlays:
    """What went of what was played: rows deleted, or with nothing kept in them but the count."""

    participations: int = 0
    used_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Erasing:
    """An erasure under way: `unjudged` sessions of the partner could not be told to be whose when it began."""

    erasure: Erasure
    unjudged: int
    plays: ErasedPlays
    found: ErasedStretch = ErasedStretch()
    is_over: bool = False


def after_stretch(erasing: Erasing, stretch: ErasedStretch) -> Erasing:
    """Return the erasure with what went in a further stretch."""
    found = erasing.found
    added = ErasedStretch(
        found.sessions + stretch.sessions, found.attempts + stretch.attempts, found.left + stretch.left, stretch.after
    )
    return Erasing(erasing.erasure, erasing.unjudged, erasing.plays, added, is_over=stretch.after is None)


def erasing_view(erasing: Erasing) -> Mapping[str, object]:
    """Return what was deleted, by kind, as the interface and the command line show it."""
    found, plays = erasing.found, erasing.plays
    kept = not erasing.erasure.forgets_plays
    return {
        "sessions": found.sessions,
        "attempts": found.attempts,
        "participations": plays.participations,
        "used_tokens": plays.used_tokens,
        "plays": "counted" if kept else "forgotten",
        "left": found.left,
        "unjudged": erasing.unjudged,
    }
