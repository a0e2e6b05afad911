"""The life of a key set: when it is served, when it is fetched again, and what an unknown kid means.

Pure: the clock, the jitter and the policy are arguments. Knows neither HTTP nor cryptography; keys are opaque here.
States follow from the times of the record, so no job has to move them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from app.reasons import TokenReason


class KeysetState(StrEnum):
    """Where a key set is in its life."""

    EMPTY = "empty"  # never fetched with success
    FRESH = "fresh"  # served
    DUE = "due"  # served; a refresh ahead of the ttl is asked for
    STALE = "stale"  # served although its ttl is over: refreshes keep failing
    EXPIRED = "expired"  # not served
    PINNED = "pinned"  # served; keys given by hand, never fetched
    DISABLED = "disabled"  # not served, never fetched


class KeysetMode(StrEnum):
    """How a source is kept."""

    REMOTE = "remote"
    PINNED = "pinned"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class KeysetPolicy:
    """The numbers of a key set's life; a setting each."""

    default_ttl: timedelta = timedelta(hours=1)
    min_ttl: timedelta = timedelta(minutes=5)
    max_ttl: timedelta = timedelta(hours=24)
    refresh_ahead_from: float = 0.6
    refresh_ahead_to: float = 0.8
    max_stale: timedelta = timedelta(hours=24)
    kid_cooldown: timedelta = timedelta(seconds=30)
    kid_budget: int = 10
    kid_budget_window: timedelta = timedelta(minutes=10)
    negative_kid_ttl: timedelta = timedelta(seconds=60)
    negative_kids_max: int = 256
    backoff_base: timedelta = timedelta(seconds=5)
    backoff_cap: timedelta = timedelta(minutes=5)
    retry_after_cap: timedelta = timedelta(minutes=15)
    park_unknown_kid: timedelta = timedelta(seconds=90)
    park_outage: timedelta = timedelta(minutes=15)
    lease: timedelta = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class DroppedKey:
    """A published key that is not used, and why; `kid` is None where it has none that is sane."""

    kid: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Keyset:
    """One source's row. `keys` are public JWKs reduced to known members; `version` grows with each change of them.

    `asked_at` holds the moments of the refreshes that unknown kids caused, newest last; `negative_kids` maps a kid to
    the moment until which it counts as missing. `lease_token` fences writers: a late one changes no row.
    """

    source: str
    mode: KeysetMode = KeysetMode.REMOTE
    version: int = 0
    revoked_epoch: int = 0
    keys: tuple[Mapping[str, object], ...] = ()
    dropped: tuple[DroppedKey, ...] = ()
    revoked: frozenset[str] = frozenset()
    etag: str | None = None
    last_modified: str | None = None
    fetched_at: datetime | None = None
    fresh_until: datetime | None = None
    stale_until: datetime | None = None
    refresh_at: datetime | None = None
    attempted_at: datetime | None = None
    failures: int = 0
    last_error: str | None = None
    asked_at: tuple[datetime, ...] = ()
    negative_kids: Mapping[str, datetime] = field(default_factory=dict)
    lease_token: str | None = None


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


@dataclass(frozen=True, slots=True)
class Serve:
    """The key set can be used for this token."""


@dataclass(frozen=True, slots=True)
class Park:
    """The token waits: look again at `until`, sooner if the keys come; `wants_refresh` asks for them."""

    until: datetime
    wants_refresh: bool


@dataclass(frozen=True, slots=True)
class Refuse:
    """The token's key cannot be had."""

    reason: TokenReason


Lookup = Serve | Park | Refuse


def keyset_state(keyset: Keyset, now: datetime) -> KeysetState:
    """Tell where `keyset` is in its life."""
    match keyset.mode:
        case KeysetMode.PINNED:
            return KeysetState.PINNED
        case KeysetMode.DISABLED:
            return KeysetState.DISABLED
        case KeysetMode.REMOTE:
            return _remote_state(keyset, now)


def is_served(keyset: Keyset, now: datetime) -> bool:
    """Tell whether tokens may be verified with the keys of `keyset`."""
    return keyset_state(keyset, now) not in (KeysetState.EMPTY, KeysetState.EXPIRED, KeysetState.DISABLED)


def decide_lookup(
    keyset: Keyset | None,
    kid: str,
    received_at: datetime,
    token_ends_at: datetime | None,
    now: datetime,
    policy: KeysetPolicy,
) -> Lookup:
    """Decide what happens to a token that names `kid`: it is served, waits for a refresh, or is refused.

    An unknown kid is refused only when a fetch that began after the token came in lacked it, when a recent one did
    (negative kid), or when waiting has an end: 90 s for a kid, 15 min for an outage, never past the token's own life.
    """
    if keyset is None or not is_served(keyset, now):
        if keyset is not None and keyset.mode is KeysetMode.DISABLED:
            return Refuse(TokenReason.KEYS_UNAVAILABLE)
        return _park(received_at + policy.park_outage, token_ends_at, now, keyset, policy, TokenReason.KEYS_UNAVAILABLE)
    if any(key.get("kid") == kid for key in keyset.keys):
        return Serve()
    if keyset.mode is KeysetMode.PINNED or _is_known_missing(keyset, kid, received_at, now):
        return Refuse(TokenReason.KID_UNKNOWN)
    return _park(received_at + policy.park_unknown_kid, token_ends_at, now, keyset, policy, TokenReason.KID_UNKNOWN)


def may_ask(keyset: Keyset, now: datetime, policy: KeysetPolicy) -> bool:
    """Tell whether an unknown kid may cause a refresh now: one per cool-down since the last attempt, few per window."""
    if keyset.mode is not KeysetMode.REMOTE or (
        keyset.attempted_at and now < keyset.attempted_at + policy.kid_cooldown
    ):
        return False
    recent = [asked for asked in keyset.asked_at if asked > now - policy.kid_budget_window]
    return len(recent) < policy.kid_budget


def after_ask(keyset: Keyset, now: datetime, policy: KeysetPolicy) -> Keyset:
    """Return `keyset` with a refresh due now, counted against the budget of unknown kids."""
    recent = tuple(asked for asked in keyset.asked_at if asked > now - policy.kid_budget_window)
    return replace(keyset, asked_at=(*recent, now), refresh_at=now)


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
    """Return `keyset` with its times extended by a 304, and nothing else changed (RFC 9111 section 4.3.4)."""
    return _with_times(keyset, answer, began_at, jitter, policy)


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
    if retry_after is not None:
        delay = max(delay, min(retry_after, policy.retry_after_cap))
    return replace(
        keyset,
        failures=keyset.failures + 1,
        last_error=error,
        attempted_at=began_at,
        refresh_at=now + delay,
        lease_token=None,
    )


def with_missing_kids(keyset: Keyset, kids: frozenset[str], policy: KeysetPolicy) -> Keyset:
    """Return `keyset` remembering that its last good fetch lacked `kids`; at most 256 are kept, newest first."""
    if keyset.fetched_at is None:
        return keyset
    until = keyset.fetched_at + policy.negative_kid_ttl
    known = {kid: end for kid, end in keyset.negative_kids.items() if end > keyset.fetched_at}
    merged = {**known, **dict.fromkeys(sorted(kids), until)}
    newest = list(merged.items())[-policy.negative_kids_max :]
    return replace(keyset, negative_kids=dict(newest))


def ttl_of(answer: KeysetAnswer, policy: KeysetPolicy) -> timedelta:
    """Return how long a set is fresh: max-age less Age within bounds, the least for no-store, else the default."""
    if answer.no_store:
        return policy.min_ttl
    if answer.max_age is None:
        return policy.default_ttl
    return min(policy.max_ttl, max(policy.min_ttl, answer.max_age - answer.age))


def _remote_state(keyset: Keyset, now: datetime) -> KeysetState:
    if keyset.fresh_until is None or keyset.stale_until is None or not keyset.keys:
        return KeysetState.EMPTY
    if now >= keyset.stale_until:
        return KeysetState.EXPIRED
    if now >= keyset.fresh_until:
        return KeysetState.STALE
    is_due = keyset.refresh_at is not None and now >= keyset.refresh_at
    return KeysetState.DUE if is_due else KeysetState.FRESH


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
        failures=0,
        last_error=None,
        lease_token=None,
    )


def _is_known_missing(keyset: Keyset, kid: str, received_at: datetime, now: datetime) -> bool:
    fetched_since = keyset.fetched_at is not None and keyset.fetched_at >= received_at
    missing_until = keyset.negative_kids.get(kid)
    return fetched_since or (missing_until is not None and now < missing_until)


def _park(
    end: datetime,
    token_ends_at: datetime | None,
    now: datetime,
    keyset: Keyset | None,
    policy: KeysetPolicy,
    reason: TokenReason,
) -> Lookup:
    if token_ends_at is not None:
        end = min(end, token_ends_at)
    if now >= end:
        return Refuse(reason)
    if reason is TokenReason.KEYS_UNAVAILABLE:
        # The refresh job's own backoff decides when the source is asked again; an empty source is asked at once.
        return Park(min(end, now + policy.kid_cooldown), wants_refresh=keyset is None or keyset.attempted_at is None)
    if keyset is not None and may_ask(keyset, now, policy):
        return Park(min(end, now + policy.kid_cooldown), wants_refresh=True)
    attempted_at = keyset.attempted_at if keyset is not None and keyset.attempted_at is not None else now
    return Park(min(end, max(now, attempted_at + policy.kid_cooldown)), wants_refresh=False)
