"""Replays: trying dead letters again. Decides how many are taken up and when, and what may be asked of a replay.

Knows neither store nor clock; what a dead letter's partner would answer is for its call to find out.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from app.domain.dead_letter import DeadLetter, LetterFilter, LetterGroup, SkipReason, skip_reason
from app.reasons import PrefillReason

MAX_CATCH_UP = timedelta(seconds=2)
"""A replay that was held up does not make up for more than this at once: its rate is a promise to the partner."""


class ReplayState(StrEnum):
    """Where a replay is."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    DONE = "done"  # every dead letter of its set was taken up or passed over


class ReplayCommand(StrEnum):
    """What may be asked of a replay."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


ACTIVE_STATES = frozenset({ReplayState.RUNNING, ReplayState.PAUSED})


@dataclass(frozen=True, slots=True)
class ReplayFilter(LetterFilter):
    """A filter that is never empty: nobody replays everything by leaving something out."""

    def __post_init__(self) -> None:
        """Raise ValueError for an empty filter."""
        if self.is_empty:
            raise ValueError("the filter of a replay must not be empty")


@dataclass(frozen=True, slots=True)
class ReplayOrder:
    """What is asked for: which dead letters, how fast, against which reasons to skip (`force`), and whether at all."""

    filter: ReplayFilter
    rate_per_second: float
    force: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ReplayCounts:
    """What a replay would take up and pass over."""

    matched: int
    by_error_class: Mapping[PrefillReason, int]
    by_skip_reason: Mapping[SkipReason, int]

    @property
    def skipped(self) -> int:
        """Return how many would be passed over."""
        return sum(self.by_skip_reason.values())


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay as it stands; its set is what matched and was dead at `frozen_at`, in the order of the store.

    `partner_id` is empty where the set holds dead letters of several partners. `cursor` is the last one looked at
    (empty: none), `moved` and `skipped` count what lies behind it, and up to `paced_at` its rate is paid.
    """

    id: str
    partner_id: str
    filter: ReplayFilter
    actor: str
    rate_per_second: float
    force: bool
    state: ReplayState
    frozen_at: datetime
    matched: int
    paced_at: datetime
    created_at: datetime
    updated_at: datetime
    cursor: str = ""
    moved: int = 0
    skipped: int = 0

    @property
    def left(self) -> int:
        """Return how many are still to be looked at; those purged meanwhile count until the end is reached."""
        return max(0, self.matched - self.moved - self.skipped) if self.state in ACTIVE_STATES else 0


@dataclass(frozen=True, slots=True)
class Choice:
    """The session ids that are taken up now, and how many dead letters among and behind them are passed over."""

    taken: tuple[str, ...]
    skipped: int

    @property
    def seen(self) -> int:
        """Return how many dead letters are dealt with."""
        return len(self.taken) + self.skipped


@dataclass(frozen=True, slots=True)
class Pace:
    """How many rows may be released now, of which `paid` tells the moment up to which they pay."""

    rows: int
    rate_per_second: float
    began_at: datetime

    def paid(self, rows: int) -> datetime:
        """Return the moment up to which the rate is paid once `rows` were released."""
        return self.began_at + timedelta(seconds=rows / self.rate_per_second)


def count_replay(groups: Iterable[LetterGroup], *, force: bool) -> ReplayCounts:
    """Return what a replay of these groups would do, by class and by reason."""
    by_error_class: Counter[PrefillReason] = Counter()
    by_skip_reason: Counter[SkipReason] = Counter()
    for group in groups:
        by_error_class[group.obstacles.error_class] += group.letters
        reason = skip_reason(group.obstacles, force=force)
        if reason is not None:
            by_skip_reason[reason] += group.letters
    return ReplayCounts(by_error_class.total(), by_error_class, by_skip_reason)


def choose(letters: Sequence[DeadLetter], rows: int, now: datetime, *, force: bool) -> Choice:
    """Return what becomes of the first of `letters`, until `rows` are taken up and the next one would be too."""
    taken: list[str] = []
    skipped = 0
    for letter in letters:
        if skip_reason(letter.obstacles(now), force=force) is not None:
            skipped += 1
        elif len(taken) < rows:
            taken.append(letter.session_id)
        else:
            break
    return Choice(tuple(taken), skipped)


def pace(replay: Replay, now: datetime) -> Pace:
    """Return how many rows the rate allows now; a clock that stands behind `paced_at` begins anew at once.

    After a pause or a hold-up at most MAX_CATCH_UP is made up for (a slow rate: one row).
    """
    most = max(MAX_CATCH_UP, timedelta(seconds=1 / replay.rate_per_second))
    owed_since = now if replay.paced_at > now + MAX_CATCH_UP else max(replay.paced_at, now - most)
    # A millionth of a row forgives what microseconds round away.
    rows = math.floor((now - owed_since).total_seconds() * replay.rate_per_second + 1e-6)
    return Pace(max(0, rows), replay.rate_per_second, owed_since)


def steered(replay: Replay, command: ReplayCommand, now: datetime) -> Replay | None:
    """Return the replay after `command`, None if it is over; the same replay where nothing is to change."""
    if replay.state not in ACTIVE_STATES:
        return replay if replay.state is _state_after(command) else None
    state = _state_after(command)
    if replay.state is state:
        return replay
    # What was not released while it was paused is not owed.
    return replace(replay, state=state, updated_at=now, paced_at=now)


def _state_after(command: ReplayCommand) -> ReplayState:
    match command:
        case ReplayCommand.PAUSE:
            return ReplayState.PAUSED
        case ReplayCommand.RESUME:
            return ReplayState.RUNNING
        case ReplayCommand.CANCEL:
            return ReplayState.CANCELLED
        case _:
            assert_never(command)
