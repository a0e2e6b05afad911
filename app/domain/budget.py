"""How many tries a partner may be sent: the bank that retries are paid from, and the rate of all calls.

Both are buckets of tokens that every process shares; they hold a level and the moment it was true.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

BANK = 100.0
EARNED = 0.1
"""Tokens that a first try adds; a retry takes one, so that retries stay below a tenth of the load."""
LEAST_PER_SECOND = 1.0
"""Retries that an empty bank still allows."""
BURST = timedelta(seconds=0.1)
"""Of a rate: what may be called at once, so that no second sees more than a tenth above it."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """`tokens` as they were at `at`."""

    tokens: float
    at: datetime


def retries_allowed(bank: Bucket | None, now: datetime) -> int:
    """Return how many retries the bank pays for now; a new bank is full."""
    return int(_refilled_bank(bank, now).tokens)


def current_bank(bank: Bucket | None, now: datetime) -> float:
    """Return the tokens of the bank as they are now."""
    return _refilled_bank(bank, now).tokens


def spend_retries(bank: Bucket | None, retries: int, now: datetime) -> Bucket:
    """Return the bank after it paid for `retries`."""
    refilled = _refilled_bank(bank, now)
    return Bucket(max(0.0, refilled.tokens - retries), now)


def earn_retries(bank: Bucket | None, first_tries: int, now: datetime) -> Bucket:
    """Return the bank after `first_tries` were made."""
    refilled = _refilled_bank(bank, now)
    return Bucket(min(BANK, refilled.tokens + first_tries * EARNED), now)


def next_retry_at(bank: Bucket | None, now: datetime) -> datetime:
    """Return when the bank pays for a retry at the latest."""
    lacking = max(0.0, 1.0 - _refilled_bank(bank, now).tokens)
    return now + timedelta(seconds=lacking / LEAST_PER_SECOND)


def calls_allowed(bucket: Bucket | None, per_second: float, now: datetime) -> int:
    """Return how many calls a rate of `per_second` allows now; a new bucket is full."""
    return int(_refilled_rate(bucket, per_second, now))


def spend_calls(bucket: Bucket | None, per_second: float, calls: int, now: datetime) -> Bucket:
    """Return the bucket of a rate after `calls`."""
    return Bucket(max(0.0, _refilled_rate(bucket, per_second, now) - calls), now)


def next_call_at(bucket: Bucket | None, per_second: float, now: datetime) -> datetime:
    """Return when a rate of `per_second` allows a call."""
    lacking = max(0.0, 1.0 - _refilled_rate(bucket, per_second, now))
    return now + timedelta(seconds=lacking / per_second)


def _refilled_bank(bank: Bucket | None, now: datetime) -> Bucket:
    """Time alone fills the bank up to one token, never further."""
    if bank is None:
        return Bucket(BANK, now)
    by_time = min(1.0, bank.tokens + _seconds_since(bank, now) * LEAST_PER_SECOND)
    return Bucket(max(bank.tokens, by_time), now)


def _refilled_rate(bucket: Bucket | None, per_second: float, now: datetime) -> float:
    full = max(1.0, per_second * BURST.total_seconds())
    if bucket is None:
        return full
    return min(full, bucket.tokens + _seconds_since(bucket, now) * per_second)


def _seconds_since(bucket: Bucket, now: datetime) -> float:
    """Return the time since the level was true; the clock of another machine may be ahead of ours."""
    return max(0.0, (now - bucket.at).total_seconds())
