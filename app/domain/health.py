"""A partner's health as all processes know it: breaker, retry bank, rate, pause; and what they allow together.

Pure: the store locks a row, applies one of these functions and writes the row if it changed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from app.domain.breaker import (
    NOT_CALLED,
    Breaker,
    BreakerState,
    EndedCall,
    after_calls,
    probes_left,
    state_of,
    take_probes,
)
from app.domain.budget import (
    Bucket,
    calls_allowed,
    earn_retries,
    next_call_at,
    next_retry_at,
    retries_allowed,
    spend_calls,
    spend_retries,
)
from app.domain.retry import MAX_RETRY_AFTER
from app.domain.session import Priority
from app.domain.sharing import Demand
from app.reasons import PrefillReason

BY_PARTNER = "retry_after"
"""Who paused, where the partner itself asked for it."""
MINUTES_KEPT = 5
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Pause:
    """No calls until `until` (None: until somebody resumes), by `by`: BY_PARTNER or a management client."""

    until: datetime | None
    by: str


@dataclass(frozen=True, slots=True)
class Minute:
    """How the calls of one minute failed, by class."""

    began_at: datetime
    errors: Mapping[PrefillReason, int]


@dataclass(frozen=True, slots=True)
class PartnerHealth:
    """Everything that decides about calling a partner now; a new one is healthy."""

    breaker: Breaker = field(default_factory=Breaker)
    bank: Bucket | None = None
    rate: Bucket | None = None
    pause: Pause | None = None
    minutes: tuple[Minute, ...] = ()


@dataclass(frozen=True, slots=True)
class PartnerLimits:
    """What a partner's document allows: calls in flight, and calls per second if that is limited.

    `room` is how many calls more the process that asks has room for, None if that does not matter.
    """

    max_concurrency: int
    rate_per_second: float | None = None
    room: int | None = None


@dataclass(frozen=True, slots=True)
class PartnerCalls:
    """What a batch brought for one partner: calls ended, first tries among them, the longest Retry-After."""

    ended: tuple[EndedCall, ...] = ()
    first_tries: int = 0
    retry_after: timedelta | None = None


def is_paused(health: PartnerHealth, now: datetime) -> bool:
    """Tell whether a pause holds."""
    return health.pause is not None and (health.pause.until is None or now < health.pause.until)


def is_blocked(health: PartnerHealth, now: datetime) -> bool:
    """Tell whether no call may be made, by a pause or an open breaker."""
    return is_paused(health, now) or state_of(health.breaker, now) is BreakerState.OPEN


def demand_of(
    partner_id: str,
    health: PartnerHealth,
    limits: PartnerLimits,
    due: Mapping[Priority, int],
    in_flight: int,
    now: datetime,
) -> Demand:
    """Return what the partner may take of its `due` rows while `in_flight` of its calls are under way."""
    if is_blocked(health, now):
        return Demand(partner_id)
    calls = max(0, limits.max_concurrency - in_flight)
    if limits.room is not None:
        calls = min(calls, limits.room)
    if limits.rate_per_second is not None:
        calls = min(calls, calls_allowed(health.rate, limits.rate_per_second, now))
    is_probing = state_of(health.breaker, now) is BreakerState.HALF_OPEN
    if is_probing:
        calls = min(calls, probes_left(health.breaker, in_flight))
    return Demand(partner_id, due, calls, fresh_first=is_probing)


def after_grant(
    health: PartnerHealth, limits: PartnerLimits, calls: int, retries: int, in_flight: int, now: datetime
) -> PartnerHealth:
    """Return the health after `calls` were let through, of which the bank pays for `retries`."""
    if not calls:
        return health
    rate, bank, breaker = health.rate, health.bank, health.breaker
    if limits.rate_per_second is not None:
        rate = spend_calls(rate, limits.rate_per_second, calls, now)
    if retries:
        bank = spend_retries(bank, retries, now)
    if state_of(breaker, now) is BreakerState.HALF_OPEN:
        breaker = take_probes(breaker, calls, in_flight)
    return replace(health, rate=rate, bank=bank, breaker=breaker)


def next_look_at(health: PartnerHealth, limits: PartnerLimits, now: datetime, *, for_retries: bool) -> datetime | None:
    """Return when more rows may go, all of them `for_retries`, if time alone brings that; None if an answer does."""
    if health.pause is not None and health.pause.until is None:
        return None
    waits = [now]
    if health.pause is not None and health.pause.until is not None:
        waits.append(health.pause.until)
    if health.breaker.opened_until is not None:
        waits.append(health.breaker.opened_until)
    if limits.rate_per_second is not None:
        waits.append(next_call_at(health.rate, limits.rate_per_second, now))
    if for_retries:
        waits.append(next_retry_at(health.bank, now))
    return max(waits) if max(waits) > now else None


def after_batch(health: PartnerHealth, calls: PartnerCalls, now: datetime, jitter: float) -> PartnerHealth:
    """Return the health after a batch of calls; Retry-After pauses the partner, for an hour at most."""
    reached = [call for call in calls.ended if call.error_class not in NOT_CALLED]
    return replace(
        health,
        breaker=after_calls(health.breaker, reached, now, jitter) if reached else health.breaker,
        bank=earn_retries(health.bank, calls.first_tries, now) if calls.first_tries else health.bank,
        pause=_pause_asked(health, calls.retry_after, now),
        minutes=_minutes(health.minutes, calls.ended, now),
    )


def pay_waiting_retries(health: PartnerHealth, retries: int, now: datetime) -> tuple[PartnerHealth, int]:
    """Return the health and how many of `retries`, made while their participants wait, the bank has paid for."""
    paid = min(retries, retries_allowed(health.bank, now))
    return (replace(health, bank=spend_retries(health.bank, paid, now)), paid) if paid else (health, 0)


def paused(health: PartnerHealth, by: str) -> PartnerHealth:
    """Return the health with a pause until somebody resumes."""
    return replace(health, pause=Pause(None, by))


def resumed(health: PartnerHealth) -> PartnerHealth:
    """Return the health with no pause, whoever made it, and a closed breaker."""
    return replace(health, pause=None, breaker=Breaker())


def recent_errors(health: PartnerHealth, now: datetime) -> Mapping[PrefillReason, int]:
    """Return how the calls of the last five minutes failed, by class."""
    total: Counter[PrefillReason] = Counter()
    for minute in _kept(health.minutes, now):
        total.update(minute.errors)
    return total


def _pause_asked(health: PartnerHealth, retry_after: timedelta | None, now: datetime) -> Pause | None:
    """Return the pause that holds afterwards: that of a person outlasts the partner's, of two the later one counts."""
    standing = health.pause if is_paused(health, now) else None
    if not retry_after or (standing is not None and standing.until is None):
        return standing
    until = now + min(retry_after, MAX_RETRY_AFTER)
    if standing is not None and standing.until is not None and standing.until >= until:
        return standing
    return Pause(until, BY_PARTNER)


def _minutes(minutes: Sequence[Minute], ended: Iterable[EndedCall], now: datetime) -> tuple[Minute, ...]:
    errors = Counter(call.error_class for call in ended if call.error_class is not None)
    kept = _kept(minutes, now)
    if not errors:
        return kept
    if kept and now - kept[-1].began_at < _MINUTE:
        return (*kept[:-1], Minute(kept[-1].began_at, Counter(kept[-1].errors) + errors))
    return (*kept, Minute(now, errors))


def _kept(minutes: Sequence[Minute], now: datetime) -> tuple[Minute, ...]:
    return tuple(minute for minute in minutes if now - minute.began_at < MINUTES_KEPT * _MINUTE)
