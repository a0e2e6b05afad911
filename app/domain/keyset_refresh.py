"""What a fetch, a failure or a question makes of a key set: its keys, its times, and when it is fetched again.

Pure: the clock, the jitter and the policy are arguments. Knows neither HTTP nor cryptography; keys are opaque here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.domain.keyset import DroppedKey, Keyset, KeysetPolicy

REQUEST_PAUSE = timedelta(seconds=1)
"""Between the last attempt and one that an operator asks for: their patience, and the partner's peace."""


@dataclass(frozen=True, slots=True)
class KeysetAnswer:
    """What a JWKS endpoint answered; `document` is None for a 304. Times are from Cache-Control and Age (RFC 9111)."""

    document: object | None
    etag: str | None = None
    last_modified: str | None = None
    max_age: timedelta | None = None
    age: timedelta = timedelta(0)
    no_store: bool = False

    @property
    def is_not_modified(self) -> bool:
        """Tell whether the endpoint says that what we have still holds."""
        return self.document is None


def after_ask(keyset: Keyset, now: datetime, policy: KeysetPolicy) -> Keyset:
    """Return `keyset` with a refresh due now, counted against the budget of unknown kids."""
    recent = tuple(asked for asked in keyset.asked_at if asked > now - policy.kid_budget_window)
    return replace(keyset, asked_at=(*recent, now), refresh_at=now)


def after_request(keyset: Keyset, now: datetime) -> Keyset:
    """Return `keyset` with a refresh due as soon as an operator may have one; neither budget nor backoff counts."""
    refresh_at = now if keyset.attempted_at is None else max(now, keyset.attempted_at + REQUEST_PAUSE)
    return replace(keyset, refresh_at=refresh_at if keyset.refresh_at is None else min(keyset.refresh_at, refresh_at))


def after_success(
    keyset: Keyset,
    keys: tuple[Mapping[str, object], ...],
    dropped: tuple[DroppedKey, ...],
    answer: KeysetAnswer,
    began_at: datetime,
    jitter: float,
    policy: KeysetPolicy,
) -> Keyset:
    """Return `keyset` replaced whole by a good fetch begun at `began_at`; `jitter` in [0, 1) spreads the next one."""
    changed = keys != keyset.keys
    renewed = replace(
        keyset,
        version=keyset.version + 1 if changed else keyset.version,
        keys=keys,
        dropped=dropped,
        etag=answer.etag,
        last_modified=answer.last_modified,
        negative_kids={} if changed else keyset.negative_kids,
    )
    return _with_times(renewed, answer, began_at, jitter, policy)


def after_not_modified(
    keyset: Keyset, answer: KeysetAnswer, began_at: datetime, jitter: float, policy: KeysetPolicy
) -> Keyset:
    """Return `keyset` with its times extended by a 304, and nothing else changed (RFC 9111 section 4.3.4).

    One that says nothing of its freshness leaves it as it was.
    """
    return _with_times(keyset, replace(answer, max_age=_max_age(keyset, answer)), began_at, jitter, policy)


def _max_age(keyset: Keyset, not_modified: KeysetAnswer) -> timedelta | None:
    if not_modified.max_age is not None or keyset.fresh_until is None or keyset.fetched_at is None:
        return not_modified.max_age
    return keyset.fresh_until - keyset.fetched_at + not_modified.age


def after_failure(
    keyset: Keyset,
    error: str,
    began_at: datetime,
    now: datetime,
    jitter: float,
    retry_after: timedelta | None,
    policy: KeysetPolicy,
) -> Keyset:
    """Return `keyset` after a failed fetch: the old keys stay, the next attempt backs off with full jitter."""
    ceiling = min(policy.backoff_cap, policy.backoff_base * 2 ** min(keyset.failures, 16))
    delay = ceiling * jitter
    pause = None if retry_after is None else min(retry_after, policy.retry_after_cap)
    if pause is not None:
        delay = max(delay, pause)
    return replace(
        keyset,
        failures=keyset.failures + 1,
        paused_until=None if pause is None else now + pause,
        last_error=error,
        attempted_at=began_at,
        refresh_at=now + delay,
        lease_token=None,
    )


def is_renewed(keyset: Keyset, judged_by: Keyset | None) -> bool:
    """Tell whether `keyset` was fetched or changed since it was read as `judged_by` (None: there was none)."""
    earlier = (None, 0) if judged_by is None else (judged_by.fetched_at, judged_by.version)
    return (keyset.fetched_at, keyset.version) != earlier


def is_success(keyset: Keyset) -> bool:
    """Tell whether the last attempt brought a good set, or that the old one holds."""
    return keyset.attempted_at is not None and not keyset.failures


def fetch_outcome(before: Keyset, after: Keyset) -> str:
    """Return what the attempt that made `after` of `before` brought: `changed`, `unchanged` or a class of failures."""
    if not is_success(after):
        return (after.last_error or "").partition(":")[0]
    return "changed" if after.version != before.version else "unchanged"


def ttl_of(answer: KeysetAnswer, policy: KeysetPolicy) -> timedelta:
    """Return how long a set is fresh: max-age less Age within bounds, the least for no-store, else the default."""
    if answer.no_store:
        return policy.min_ttl
    if answer.max_age is None:
        return policy.default_ttl
    return min(policy.max_ttl, max(policy.min_ttl, answer.max_age - answer.age))


def _with_times(
    keyset: Keyset, answer: KeysetAnswer, began_at: datetime, jitter: float, policy: KeysetPolicy
) -> Keyset:
    ttl = ttl_of(answer, policy)
    ahead = policy.refresh_ahead_from + (policy.refresh_ahead_to - policy.refresh_ahead_from) * jitter
    fresh_until = began_at + ttl
    stale_until = max(fresh_until, began_at + policy.max_stale) if policy.max_stale else fresh_until
    return replace(
        keyset,
        fetched_at=began_at,
        attempted_at=began_at,
        fresh_until=fresh_until,
        stale_until=stale_until,
        refresh_at=began_at + ttl * ahead,
        paused_until=None,
        failures=0,
        last_error=None,
        lease_token=None,
    )
