"""What operators of key sets, and their refresh, need of the world, as Protocols like those of `app.ports`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from app.domain.keyset import Keyset
from app.domain.keyset_history import KeysetEvent
from app.domain.keyset_refresh import KeysetAnswer
from app.domain.session import Outcome


class JwksApi(Protocol):
    """Partners' JWKS endpoints."""

    async def fetch(self, url: str, etag: str | None, last_modified: str | None) -> KeysetAnswer:
        """Return the endpoint's answer; raise OutsideError when there is none that can be used."""
        ...


@dataclass(frozen=True, slots=True)
class StoredKeyset:
    """A key set as operators see it; `first_seen` tells by thumbprint when each key of its history first came."""

    keyset: Keyset
    first_seen: Mapping[str, datetime] = field(default_factory=dict)


class KeysetDesk(Protocol):
    """Key sets as operators see and change them."""

    def find(self, source: str) -> StoredKeyset | None:
        """Return what is known of `source`, or None if nobody ever asked for it."""
        ...

    def load_history(self, source: str, limit: int) -> Sequence[KeysetEvent]:
        """Return the newest events first, at most `limit`."""
        ...

    def request(self, source: str, now: datetime) -> None:
        """Make a refresh due as soon as an operator may have one, unless one is under way."""
        ...

    def change(self, source: str, change: Callable[[Keyset], Keyset], now: datetime) -> StoredKeyset:
        """Apply `change` to the key set, empty if it was unknown, and return it; `wake` is to follow."""
        ...

    def wake(self, source: str, now: datetime) -> None:
        """Make due what is parked on a key set that was changed."""
        ...


class SourceUsers(Protocol):
    """Who relies on a key source."""

    def load_users(self, source: str) -> frozenset[str]:
        """Return the ids of the partners whose tokens are verified by `source`."""
        ...

    def retire_unused(self) -> int:
        """Stop refreshing sources that no partner names; return how many that were."""
        ...

    def revive_used(self, now: datetime) -> int:
        """Make due the sources that a partner names and nobody refreshes; return how many that were."""
        ...


class ParkedSessions(Protocol):
    """The sessions that wait for keys."""

    def wake_overslept(self, now: datetime) -> int:
        """Make due what is parked on sources that can judge it by now; return how many sources those were."""
        ...


@dataclass(frozen=True, slots=True)
class AcceptedSession:
    """A session whose token was accepted by a published key, and by which version of its set."""

    id: str
    campaign_id: str
    thumbprint: str
    keyset_version: int
    verified_at: datetime | None


@dataclass(frozen=True, slots=True)
class AcceptedPage:
    """Some sessions, and the id after which the search goes on (None: it is over)."""

    sessions: Sequence[AcceptedSession]
    after: str | None


class AcceptedSessions(Protocol):
    """The sessions that a key had accepted."""

    def search(self, partner_id: str, thumbprints: frozenset[str], after: str | None) -> AcceptedPage:
        """Return those among the next stretch of sessions by id that one of `thumbprints` accepted."""
        ...

    def void(self, ids: Sequence[str], outcome: Outcome, now: datetime) -> frozenset[str]:
        """Give accepted sessions another, final outcome; return the ids, without those that are locked just now."""
        ...


@dataclass(frozen=True, slots=True)
class VoidOrder:
    """The wish to reject what a revoked key of a partner had accepted, by whom (see `AuditEntry`), until it is done."""

    partner_id: str
    kid: str
    thumbprints: frozenset[str]
    asked_at: datetime
    actor: str
    request_id: str | None = None


class VoidOrders(Protocol):
    """The orders that are not over."""

    def add(self, order: VoidOrder) -> None:
        """Remember `order`, in place of an earlier one for the same kid."""
        ...

    def load(self, asked_by: datetime, limit: int) -> Sequence[VoidOrder]:
        """Return those that were asked for until then, the oldest first."""
        ...

    def end(self, order: VoidOrder) -> None:
        """Forget `order`, unless another one took its place meanwhile."""
        ...


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """What is counted of one source; `fetches` by outcome since the beginning, `parked` sessions now, up to 10,000."""

    keyset: Keyset
    fetches: Mapping[str, int]
    parked: int


class KeysetFigures(Protocol):
    """What is counted of key sets."""

    def load_figures(self) -> Sequence[SourceFigures]:
        """Return the figures of at most 1,000 sources, by name."""
        ...
