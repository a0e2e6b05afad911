"""What management needs of the world, as Protocols like those of `app.ports`.

Documents and who may change them, secrets, the record of changes, dead letters and their replays.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from app.domain.audit import AuditFilter
from app.domain.dead_letter import DeadLetter, LetterFilter, LetterGroup
from app.domain.erasure import ErasedPlays, ErasedStretch, Erasure
from app.domain.replay import Replay, ReplayState
from app.domain.resealing import Resealed
from app.domain.session import Stage, StoredSession
from app.domain.timeline import SessionHistory


class DocumentKind(StrEnum):
    """The kinds of configuration documents."""

    PARTNER = "partner"
    CAMPAIGN = "campaign"


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A stored configuration document: canonical, its secrets opened; `version` grows with each change, from 1."""

    kind: DocumentKind
    id: str
    version: int
    document: Mapping[str, object] = field(repr=False)
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Put:
    """What was stored, and whether it is new."""

    stored: StoredDocument
    is_new: bool


class DocumentStore(Protocol):
    """Partners' and campaigns' documents; their secrets are sealed at rest."""

    def put(
        self, kind: DocumentKind, id_: str, document: Mapping[str, object], if_version: int | None, now: datetime
    ) -> Put:
        """Store `document`; raise PreconditionFailed if `if_version` (0: none) is given and not the stored one."""
        ...

    def find(self, kind: DocumentKind, id_: str) -> StoredDocument | None:
        """Return the document, or None."""
        ...

    def load_page(
        self, kind: DocumentKind, after: str | None, limit: int, partner_id: str | None
    ) -> Sequence[StoredDocument]:
        """Return at most `limit` documents after the id `after`, by id, of one partner if `partner_id` is given."""
        ...

    def delete(self, kind: DocumentKind, id_: str, if_version: int | None) -> bool:
        """Delete the document and tell whether there was one; raise PreconditionFailed or PartnerInUse."""
        ...


@dataclass(frozen=True, slots=True)
class ApiClient:
    """A management client; `secret_hash` is a scrypt hash, `partner_id` binds it to one partner."""

    id: str
    secret_hash: str = field(repr=False)
    scopes: frozenset[str]
    partner_id: str | None
    created_at: datetime
    revoked_at: datetime | None = None


class ClientStore(Protocol):
    """The clients of our Authorization API."""

    def put(self, client: ApiClient) -> None:
        """Store `client`, replacing one of the same id."""
        ...

    def find(self, client_id: str) -> ApiClient | None:
        """Return the client, revoked or not, or None."""
        ...

    def load_all(self) -> Sequence[ApiClient]:
        """Return all clients by id."""
        ...

    def revoke(self, client_id: str, now: datetime) -> bool:
        """Revoke the client; tell whether there was one to revoke."""
        ...


@dataclass(frozen=True, slots=True)
class InstallationSecret:
    """A secret of this installation, sealed at rest: a digest key or a signing key; `retired_at` ends its use."""

    name: str
    kid: str
    value: bytes = field(repr=False)
    created_at: datetime
    retired_at: datetime | None = None


class SecretStore(Protocol):
    """Secrets that the installation makes for itself once and shares between all processes."""

    def load(self, name: str) -> Sequence[InstallationSecret]:
        """Return all secrets of that name, newest first."""
        ...

    def add(self, secret: InstallationSecret) -> bool:
        """Store `secret` if its (name, kid) is new; tell whether it was."""
        ...


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who changed what, and when; `detail` holds names and counts, never a secret or a person.

    `partner_id` is whose clients may see it (None: those of no partner), `request_id` the call that did it.
    """

    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, object] = field(default_factory=dict)
    partner_id: str | None = None
    request_id: str | None = None


class AuditLog(Protocol):
    """The record of all changes."""

    def together(self) -> AbstractContextManager[None]:
        """Store the changes in the block and their entries, or none of them; nothing slow belongs there."""
        ...

    def add(self, entry: AuditEntry) -> None:
        """Append `entry`."""
        ...


@dataclass(frozen=True, slots=True)
class RecordedEntry:
    """An entry as it stands in the record; a later one has a greater number."""

    number: int
    entry: AuditEntry


class AuditReads(Protocol):
    """The record of all changes, as management reads it."""

    def load_page(self, wanted: AuditFilter, before: int | None, limit: int) -> Sequence[RecordedEntry]:
        """Return at most `limit` entries that match, those before the number `before`, the newest first."""
        ...


class Resealing(Protocol):
    """What is sealed, wherever it stands."""

    @property
    def places(self) -> Sequence[str]:
        """The sealed columns, by name."""
        ...

    def reseal_stretch(self, place: str, after: tuple[str, ...] | None) -> Resealed:
        """Seal anew what is not under the first master key among the next rows of a column by their keys."""
        ...


class ErasureStore(Protocol):
    """What participants left behind, to be deleted, and the erasures that are not over."""

    def add(self, erasure: Erasure) -> int:
        """Remember `erasure`, in place of an earlier one; return how many sessions are unjudged, 10,000 at most."""
        ...

    def erase_plays(self, erasure: Erasure) -> ErasedPlays:
        """Delete what the participant played and used up, or keep of it no more than that it counts."""
        ...

    def erase_stretch(self, erasures: Sequence[Erasure], after: str | None) -> ErasedStretch:
        """Delete these participants' among the next stretch of sessions by id, and their attempts."""
        ...

    def end(self, erasure: Erasure) -> None:
        """Forget `erasure`, unless another one took its place meanwhile."""
        ...


class ErasureQueue(Protocol):
    """Erasures as upkeep needs them."""

    def load_ripe(self, asked_by: datetime, limit: int) -> Sequence[Erasure]:
        """Return erasures asked for until then whose partner has no unjudged session left from before."""
        ...


class DeadLetters(Protocol):
    """Dead letters as management looks at them; what a session holds of a person is not read here."""

    def count(self, letters: LetterFilter, now: datetime) -> Sequence[LetterGroup]:
        """Count those that match and died until `now`, by partner and by what stands in their way."""
        ...

    def load_page(self, letters: LetterFilter, after: str, limit: int) -> Sequence[DeadLetter]:
        """Return at most `limit` that match, after the place `after` (empty: from the first), in a fixed order."""
        ...


class SessionRecords(Protocol):
    """Single sessions as management looks at them, also after their public life."""

    def find_history(self, session_id: str) -> SessionHistory | None:
        """Return what happened to a session, or None."""
        ...

    def find_replayable(self, session_id: str) -> tuple[str, StoredSession] | None:
        """Return partner id and session if it is a dead letter, or was one and a replay took it up; else None."""
        ...


class ReplayStore(Protocol):
    """Replays as those who ask for them need them."""

    def add(self, replay: Replay) -> None:
        """Store a new replay; raise ReplayActive if one of its partner is running or paused."""
        ...

    def find(self, replay_id: str) -> Replay | None:
        """Return the replay, or None."""
        ...

    def change(self, replay: Replay, from_state: ReplayState) -> bool:
        """Store the state of `replay` if the stored one is `from_state`; tell whether it was."""
        ...

    def count_stages(self, replay_id: str) -> Mapping[Stage, int]:
        """Return how many of the sessions that this replay was the last to take up are in which stage."""
        ...


class ReplayQueue(Protocol):
    """Replays as their worker needs them."""

    def load_running(self) -> Sequence[Replay]:
        """Return the replays that are running, the oldest first."""
        ...

    def load_next(self, replay: Replay, limit: int) -> Sequence[DeadLetter]:
        """Return at most `limit` dead letters of its set that lie behind its cursor, in their order."""
        ...

    def advance(self, before: Replay, after: Replay, taken: Sequence[str], now: datetime) -> int | None:
        """Release the dead letters `taken` and save how far the replay came, in one transaction; return how many.

        One that is gone meanwhile counts as skipped. None, and nothing changes, unless the stored replay is running
        and stands where `before` does.
        """
        ...
