"""A partner's breaker: when its faults stop our calls to it, and how the calls begin again.

Counts over a sliding window, in buckets, so that what all processes keep together stays small. What is no call to the
partner (an address refused, a fault of ours) is not counted by whoever calls these functions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from app.reasons import PrefillReason

WINDOW = timedelta(seconds=60)
BUCKET = timedelta(seconds=5)
MIN_CALLS = 20
FAULT_SHARE = 0.5
FIRST_OPEN = timedelta(seconds=5)
LONGEST_OPEN = timedelta(minutes=5)
JITTER = 0.2
"""An opening lasts up to this share less, so that the breakers of one outage do not end in step."""
PROBES = (1, 5)
"""Half-open: this many calls, and when all went well this many more."""

FAULTS = frozenset(
    {
        PrefillReason.TIMEOUT,
        PrefillReason.CONNECT,
        PrefillReason.DNS,
        PrefillReason.TLS,
        PrefillReason.HTTP_5XX,
        PrefillReason.HTTP_429,
    }
)
"""What fewer calls may cure. A 4xx is an answer; 429 is the one that asks for fewer calls."""
NOT_CALLED = frozenset({PrefillReason.POLICY, PrefillReason.INTERNAL, PrefillReason.POISON, PrefillReason.DEADLINE})
"""Classes that say nothing about the partner."""
_SILENCES = frozenset({PrefillReason.TIMEOUT, PrefillReason.CONNECT, PrefillReason.DNS, PrefillReason.TLS})
"""What also befalls whoever does not listen."""


class BreakerState(StrEnum):
    """What the breaker does with calls."""

    CLOSED = "closed"  # lets all through
    OPEN = "open"  # lets none through
    HALF_OPEN = "half_open"  # lets a few through, and learns from them


@dataclass(frozen=True, slots=True)
class Tally:
    """The calls that ended in one bucket of the window."""

    began_at: datetime
    calls: int
    faults: int


@dataclass(frozen=True, slots=True)
class Breaker:
    """`opened_until` is None while it is closed; `openings` counts those in a row, each twice as long.

    Half-open: `probing` is the place in PROBES, `probes_out` of them were begun and `probes_good` went well.
    """

    window: tuple[Tally, ...] = ()
    opened_until: datetime | None = None
    openings: int = 0
    probing: int = 0
    probes_out: int = 0
    probes_good: int = 0


@dataclass(frozen=True, slots=True)
class EndedCall:
    """One call to a partner; `error_class` is None if it went well."""

    started_at: datetime
    error_class: PrefillReason | None = None

    @property
    def is_fault(self) -> bool:
        """Tell whether it counts against the partner."""
        return self.error_class in FAULTS


def blame(error_class: PrefillReason, *, slept: bool) -> PrefillReason:
    """Return the class that a failed call counts as; a silence that we `slept` through is none of the partner's."""
    return PrefillReason.INTERNAL if slept and error_class in _SILENCES else error_class


def state_of(breaker: Breaker, now: datetime) -> BreakerState:
    """Return the state; an open breaker becomes half-open by time alone."""
    if breaker.opened_until is None:
        return BreakerState.CLOSED
    return BreakerState.OPEN if now < breaker.opened_until else BreakerState.HALF_OPEN


def probes_left(breaker: Breaker, in_flight: int) -> int:
    """Return how many calls a half-open breaker lets through now, `in_flight` being under way.

    Probes that are out while nothing is in flight were lost with their process: they are given out again.
    """
    out = breaker.probes_out if in_flight else breaker.probes_good
    return max(0, PROBES[breaker.probing] - out)


def take_probes(breaker: Breaker, number: int, in_flight: int) -> Breaker:
    """Return the half-open breaker after `number` more calls were let through."""
    out = breaker.probes_out if in_flight else breaker.probes_good
    return replace(breaker, probes_out=out + number)


def after_calls(breaker: Breaker, calls: Sequence[EndedCall], now: datetime, jitter: float) -> Breaker:
    """Return the breaker after `calls` ended; `jitter` in [0, 1)."""
    match state_of(breaker, now):
        case BreakerState.CLOSED:
            return _counted(breaker, calls, now, jitter)
        case BreakerState.OPEN:
            return breaker  # late answers to calls from before
        case BreakerState.HALF_OPEN:
            return _probed(breaker, calls, now, jitter)


def _counted(breaker: Breaker, calls: Sequence[EndedCall], now: datetime, jitter: float) -> Breaker:
    window = tuple(tally for tally in breaker.window if now - WINDOW < tally.began_at)
    faults = sum(call.is_fault for call in calls)
    if window and now - window[-1].began_at < BUCKET:
        last = window[-1]
        window = (*window[:-1], Tally(last.began_at, last.calls + len(calls), last.faults + faults))
    else:
        window = (*window, Tally(now, len(calls), faults))
    counted = replace(breaker, window=window)
    total = sum(tally.calls for tally in window)
    is_failing = sum(tally.faults for tally in window) >= total * FAULT_SHARE
    return _opened(counted, now, jitter) if total >= MIN_CALLS and is_failing else counted


def _probed(breaker: Breaker, calls: Sequence[EndedCall], now: datetime, jitter: float) -> Breaker:
    """Learn from probes alone: what began before the breaker let them through says nothing new."""
    probes = [call for call in calls if breaker.opened_until and call.started_at >= breaker.opened_until]
    if any(call.is_fault for call in probes):
        return _opened(breaker, now, jitter)
    good = breaker.probes_good + len(probes)
    if good < PROBES[breaker.probing]:
        return replace(breaker, probes_good=good)
    if breaker.probing + 1 < len(PROBES):
        return replace(breaker, probing=breaker.probing + 1, probes_out=0, probes_good=0)
    return Breaker()


def _opened(breaker: Breaker, now: datetime, jitter: float) -> Breaker:
    doublings = min(breaker.openings, 10)  # far beyond the longest, and no number of outages overflows
    longest = min(FIRST_OPEN * 2**doublings, LONGEST_OPEN)
    return Breaker(opened_until=now + longest * (1 - JITTER * jitter), openings=breaker.openings + 1)
