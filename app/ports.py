"""What the steps need of the world, as Protocols: each at most four methods, only what a step calls.

Stores are synchronous: workers call them directly, the ingress through a small thread pool, unless on its loop by
`loop_ports`. Each call is one transaction. Every store raises `StoreUnavailable` when the database cannot be reached.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from app.domain.campaign import Campaign
from app.domain.key_pairs import KeyGeneration
from app.domain.keyset import Keyset
from app.domain.partner import Partner
from app.domain.play import Play, Played, PlayRefusal
from app.domain.prefill import PartnerAnswer, PrefillCall
from app.domain.session import ClaimedSession, NewSession, SessionMove, Stage, StoredSession
from app.reasons import PrefillReason
from app.values import light_value


class Work(StrEnum):
    """The kinds of work that a hint can announce; also the names of the queues."""

    VERIFY = "verify"
    FETCH = "fetch"
    REFRESH = "refresh"
    UPKEEP = "upkeep"


class Clock(Protocol):
    """The only source of the time of day."""

    def now(self) -> datetime:
        """Return the present moment, aware UTC."""
        ...


class Hints(Protocol):
    """Wakes workers; a hint says only that there is work of a kind, and may be lost."""

    def ring(self, work: Work, rows: int = 1) -> None:
        """Announce about `rows` due rows; return at once, never raise."""
        ...


@light_value
class TakenIn:
    """A session that stands committed: a new one, or the one that an equal request made before."""

    id: str
    expires_at: datetime


class SessionIntake(Protocol):
    """Takes new sessions in."""

    def add(self, sessions: Sequence[NewSession], now: datetime) -> Sequence[TakenIn]:
        """Commit `sessions` and return one TakenIn each, in order.

        One whose `repeat_digest` was seen in the last 10 minutes is not stored: its earlier session is returned.
        """
        ...


class SessionReads(Protocol):
    """Reads sessions for their participants."""

    def load(self, ids: Sequence[str]) -> Mapping[str, StoredSession]:
        """Return the sessions that exist, by id, in one query."""
        ...

    def load_settled(self, ids: Sequence[str]) -> Mapping[str, StoredSession]:
        """Return those of `ids` that are in a terminal stage, in one query."""
        ...


class ReadRecord(Protocol):
    """Remembers which sessions their participants have seen."""

    def mark_read(self, read_at: Mapping[str, datetime]) -> frozenset[str]:
        """Note when these were shown, unless that is noted; return which were passed over, being written just now."""
        ...


@dataclass(frozen=True, slots=True)
class Claim:
    """Which due rows are taken: of `stage`, at most `limit`, leased until `lease_until`.

    Rows whose work has killed two processes are claimed only with `alone`, and then one by one.
    """

    stage: Stage
    limit: int
    now: datetime
    lease_until: datetime
    alone: bool = False


@light_value
class Attempt:
    """One outside call for a session, for the history; never a body."""

    session_id: str
    partner_id: str
    number: int
    started_at: datetime
    duration: timedelta
    error_class: PrefillReason | None = None
    status: int | None = None


class SessionQueue(Protocol):
    """Claims due sessions under a lease, and ends the claims."""

    def claim(self, claim: Claim) -> Sequence[ClaimedSession]:
        """Lease due rows and return them, oldest first; count the attempt, and a crash where a lease had run out."""
        ...

    def finish(self, moves: Sequence[SessionMove], now: datetime, attempts: Sequence[Attempt] = ()) -> frozenset[str]:
        """Apply `moves` and record `attempts` in one transaction; return the ids whose lease still held."""
        ...

    def renew(self, leases: Mapping[str, str], lease_until: datetime) -> frozenset[str]:
        """Prolong the leases, given as lease token by session id, that still hold; return the ids of those."""
        ...

    def release(self, leases: Mapping[str, str], not_before: datetime | None = None) -> None:
        """Give the claims back untouched: no attempt and no crash counted, due as they were or from `not_before`."""
        ...


@dataclass(frozen=True, slots=True)
class Configuration:
    """The campaigns and partners of a batch, by id; what does not exist is absent.

    What exists and cannot be read just now is only named, where a worker asks: nothing is to be concluded of it. So it
    stood at `mark`, if changes are marked.
    """

    campaigns: Mapping[str, Campaign] = field(default_factory=dict)
    partners: Mapping[str, Partner] = field(default_factory=dict)
    unreadable_campaigns: frozenset[str] = frozenset()
    unreadable_partners: frozenset[str] = frozenset()
    mark: str | None = None

    def cannot_read(self, campaign_id: str, partner_id: str) -> bool:
        """Tell whether what is to be known of either cannot be read just now."""
        return campaign_id in self.unreadable_campaigns or partner_id in self.unreadable_partners


class ConfigurationSource(Protocol):
    """Loads configuration; parsed documents are cached by version, and versions read anew once anything changed."""

    def load(self, campaign_ids: frozenset[str], partner_ids: frozenset[str]) -> Configuration:
        """Return the campaigns and partners that exist, in one query when nothing changed."""
        ...


class MarkedConfiguration(ConfigurationSource, Protocol):
    """Configuration whose changes are marked, so that who knows something need not load it again."""

    def read_mark(self) -> str | None:
        """Return the mark of the last change: a `Configuration` of the same `mark` still holds. None: nobody marks."""
        ...


class KeysetStore(Protocol):
    """Key sets as verification needs them."""

    def load(self, sources: frozenset[str]) -> Mapping[str, Keyset]:
        """Return the key sets that exist, by source, in one query when nothing changed."""
        ...

    def ask(self, missing: Mapping[str, frozenset[str]], now: datetime) -> bool:
        """Ask for refreshes, given unknown kids by source (none for an empty source); tell whether any is now due."""
        ...

    def wake_if_renewed(self, judged_by: Mapping[str, Keyset | None], now: datetime) -> bool:
        """Make due what is parked on those sources that were fetched or changed since they were read; tell if any."""
        ...


class KeysetQueue(Protocol):
    """Key sets as the refresh needs them: claimed under a lease with a fencing token."""

    def claim_due(self, limit: int, now: datetime, lease_until: datetime) -> Sequence[Keyset]:
        """Lease sources whose refresh is due and return them with their `lease_token`."""
        ...

    def save(self, keyset: Keyset, lease_token: str, now: datetime) -> bool:
        """Store `keyset` if the lease still holds; a good fetch then makes due what is parked on it."""
        ...


class PartnerApi(Protocol):
    """Partners' participant APIs."""

    async def fetch(self, call: PrefillCall) -> PartnerAnswer:
        """Make `call` and return the mapped answer; raise OutsideError with the class of what went wrong."""
        ...


@light_value
class ParticipantKey:
    """Whose participations are counted; `digest` is keyed, so that a leaked table names nobody."""

    campaign_id: str
    partner_id: str
    digest: str


class ParticipationLedger(Protocol):
    """What participants have played and which tokens were used up."""

    def count(self, participants: frozenset[ParticipantKey]) -> Mapping[ParticipantKey, int]:
        """Return how often each has played, in one query; those who have not are absent."""
        ...

    def find_uses(self, jtis: frozenset[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """Return the session that used up each (partner id, jti digest), in one query."""
        ...

    def record(self, play: Play) -> Played | PlayRefusal:
        """Judge `play` by what is counted, and record it and its use of a token, in one transaction; or do nothing.

        One whose session and `repeat_digest` were recorded before is not recorded again: that one is returned.
        """
        ...

    def find_repeat(self, session_id: str, repeat_digest: str) -> Played | None:
        """Return what was recorded for an earlier request of the session with that digest."""
        ...


class Digests(Protocol):
    """Keyed digests of what identifies a person or a token."""

    def participant(self, partner_id: str, sub: str) -> str:
        """Return the digest of a participant, stable for the life of the installation."""
        ...

    def jti(self, partner_id: str, jti: str) -> str:
        """Return the digest of a token's jti."""
        ...


class Housekeeping(Protocol):
    """Deletes what has outlived its purpose."""

    def purge(self, now: datetime, chunk: int) -> Mapping[str, int]:
        """Delete at most `chunk` expired rows of each table; return how many, by table."""
        ...

    def count_due(self, now: datetime) -> Mapping[Work, int]:
        """Return how many rows are due and unleased, by kind of work."""
        ...


class Leases(Protocol):
    """Named leases, so that two schedulers do no harm."""

    def take(self, name: str, now: datetime, until: datetime) -> bool:
        """Take the lease `name` until `until`; tell whether it was free."""
        ...


class KeyPairStore(Protocol):
    """Our key pairs for partners' tokens; the private halves are sealed at rest."""

    def load(self, partner_id: str) -> Sequence[KeyGeneration]:
        """Return all generations of that partner, the newest first; raise SealBroken."""
        ...

    def add(self, generation: KeyGeneration, others_retire_at: datetime) -> bool:
        """Store `generation` if its number is new, and tell whether it was.

        The others are retired at `others_retire_at`, if not before; those that were retired already are wiped.
        """
        ...


class Sealing(Protocol):
    """Seals values at rest (AES-256-GCM under a key ring), bound to where they stand."""

    def seal(self, plaintext: bytes, place: str) -> bytes:
        """Return `plaintext` sealed for `place`, e.g. `sessions.token:ses_…`."""
        ...

    def open(self, sealed: bytes, place: str) -> bytes:
        """Return what was sealed for `place`; raise SealBroken if it does not open."""
        ...
