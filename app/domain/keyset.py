"""The life of a key set: when it is served, and what becomes of a token whose key is not there.

Pure: the clock and the policy are arguments. Knows neither HTTP nor cryptography; keys are opaque here. States follow
from the times of the record, so no job has to move them. What a fetch makes of the record is `keyset_refresh`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final

from app.domain.patience import look_again_at
from app.reasons import TokenReason


class KeysetState(StrEnum):
    """Where a key set is in its life."""

    EMPTY = "empty"  # never fetched with success
    FRESH = "fresh"  # served
    DUE = "due"  # served; a refresh ahead of the ttl is asked for
    BACKOFF = "backoff"  # served; a refresh ahead of the ttl failed, the next one waits
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
    """The numbers of a key set's life; those that an installation may change are settings."""

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


_QUICK_ASKS: Final = 3
"""How often in a window of the budget an unknown kid has to wait for the cool-down alone."""


def source_label(source: str) -> str:
    """Return a source's name for people: its URL, of a query only a digest, since that may hold a credential."""
    address, mark, query = source.partition("?")
    return f"{address}?{sha256(query.encode()).hexdigest()[:8]}" if mark else address


@dataclass(frozen=True, slots=True)
class DroppedKey:
    """A published key that is not used, and why; `kid` is None where it has none that is sane."""

    kid: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Keyset:
    """One source's row. `keys` are public JWKs reduced to known members; `version` grows with each change of them.

    `asked_at` holds the moments of the refreshes that unknown kids caused, newest last; `asked_kids` maps a kid to the
    moment when it was asked for, `negative_kids` to the one until which it counts as missing. Nobody but an operator
    asks again before `paused_until`, which a `Retry-After` sets. `lease_token` fences writers: a late one changes no
    row. `withdrawn` are the kids of revoked keys that are published no more, as far as the history knows.
    """

    source: str
    mode: KeysetMode = KeysetMode.REMOTE
    version: int = 0
    revoked_epoch: int = 0
    keys: tuple[Mapping[str, object], ...] = ()
    dropped: tuple[DroppedKey, ...] = ()
    revoked: frozenset[str] = frozenset()
    withdrawn: frozenset[str] = frozenset()
    etag: str | None = None
    last_modified: str | None = None
    fetched_at: datetime | None = None
    fresh_until: datetime | None = None
    stale_until: datetime | None = None
    refresh_at: datetime | None = None
    attempted_at: datetime | None = None
    paused_until: datetime | None = None
    failures: int = 0
    last_error: str | None = None
    asked_at: tuple[datetime, ...] = ()
    asked_kids: Mapping[str, datetime] = field(default_factory=dict)
    negative_kids: Mapping[str, datetime] = field(default_factory=dict)
    lease_token: str | None = None


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
    *,
    is_first_look: bool = False,
) -> Lookup:
    """Decide what happens to a token that names `kid`: it is served, waits for a refresh, or is refused.

    An unknown kid is refused only when a fetch that began after the token came in lacked it, when a recent one did
    (negative kid), or when waiting has an end: 90 s for a kid, 15 min for an outage, never beyond the token's end.
    A session that nobody looked at for that long gets one cool-down of waiting all the same.
    """
    least = now + policy.kid_cooldown if is_first_look else now
    if keyset is None or not is_served(keyset, now):
        if keyset is not None and keyset.mode is KeysetMode.DISABLED:
            return Refuse(TokenReason.KEYS_UNAVAILABLE)
        end = _earlier(max(received_at + policy.park_outage, least), token_ends_at)
        again_at = look_again_at(received_at, now, policy.kid_cooldown, policy.park_outage)
        return _wait_for_source(keyset, end, again_at, now)
    if any(key.get("kid") == kid for key in keyset.keys):
        return Serve()
    if keyset.mode is KeysetMode.PINNED or _is_known_missing(keyset, kid, received_at, now):
        return Refuse(TokenReason.KID_UNKNOWN)
    return _wait_for_kid(
        keyset, _earlier(max(received_at + policy.park_unknown_kid, least), token_ends_at), now, policy
    )


def may_ask(keyset: Keyset, now: datetime, policy: KeysetPolicy) -> bool:
    """Tell whether an unknown kid may cause a refresh now: one per cool-down since the last attempt, few per window."""
    return keyset.mode is KeysetMode.REMOTE and _asks_again_at(keyset, now, policy) <= now


def _remote_state(keyset: Keyset, now: datetime) -> KeysetState:
    if keyset.fresh_until is None or keyset.stale_until is None or not keyset.keys:
        return KeysetState.EMPTY
    if now >= keyset.stale_until:
        return KeysetState.EXPIRED
    if now >= keyset.fresh_until:
        return KeysetState.STALE
    if keyset.refresh_at is not None and now >= keyset.refresh_at:
        return KeysetState.DUE
    return KeysetState.BACKOFF if keyset.failures else KeysetState.FRESH


def _is_known_missing(keyset: Keyset, kid: str, received_at: datetime, now: datetime) -> bool:
    fetched_since = keyset.fetched_at is not None and keyset.fetched_at >= received_at
    missing_until = keyset.negative_kids.get(kid)
    return fetched_since or (missing_until is not None and now < missing_until)


def _wait_for_source(keyset: Keyset | None, end: datetime, again_at: datetime, now: datetime) -> Lookup:
    if now >= end:
        return Refuse(TokenReason.KEYS_UNAVAILABLE)
    # A source in trouble is asked again when its own backoff says so; one that nobody asks is asked at once.
    is_unasked = keyset is None or keyset.attempted_at is None or keyset.refresh_at is None
    return Park(min(end, again_at), wants_refresh=is_unasked)


def _wait_for_kid(keyset: Keyset, end: datetime, now: datetime, policy: KeysetPolicy) -> Lookup:
    if now >= end:
        return Refuse(TokenReason.KID_UNKNOWN)
    asks_at = _asks_again_at(keyset, now, policy)
    if asks_at <= now:
        return Park(min(end, now + policy.kid_cooldown), wants_refresh=True)
    return Park(min(end, asks_at), wants_refresh=False)


def _asks_again_at(keyset: Keyset, now: datetime, policy: KeysetPolicy) -> datetime:
    """Return the moment from which an unknown kid may cause a refresh; one that is over means now."""
    moments = [now]
    if keyset.attempted_at is not None:
        moments.append(keyset.attempted_at + policy.kid_cooldown)
    if keyset.paused_until is not None:
        moments.append(keyset.paused_until)
    recent = [asked for asked in keyset.asked_at if asked > now - policy.kid_budget_window]
    if len(recent) >= policy.kid_budget:
        moments.append(recent[-policy.kid_budget] + policy.kid_budget_window)
    elif len(recent) > _QUICK_ASKS:
        moments.append(recent[-1] + _spread(policy))
    return max(moments)


def _spread(policy: KeysetPolicy) -> timedelta:
    """Return how far apart asks are so that a flood never uses the budget up: what is parked sees one in its time."""
    return (policy.kid_budget_window - _QUICK_ASKS * policy.kid_cooldown) / (policy.kid_budget - _QUICK_ASKS)


def _earlier(end: datetime, other: datetime | None) -> datetime:
    return end if other is None else min(end, other)
