"""What fetching needs beside `app.ports`, as Protocols: claims by partner, the health of partners, figures of both."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.domain.checkup_endpoints import Reached
from app.domain.health import PartnerHealth, PartnerLimits
from app.domain.prefill import PartnerAnswer, PrefillCall
from app.domain.session import ClaimedSession, Priority, Stage, TokenStatus
from app.reasons import TokenReason

COUNTED_AT_MOST = 10_000
"""Of each figure: more is not counted, since a backlog of millions must not cost a scan."""


@dataclass(frozen=True, slots=True)
class FetchClaim:
    """Which due rows of the stage `fetch` are taken: at most `limit`, of the partners in `limits`, each within its own.

    `turn` in [0, 1) is a lot: where odd rows go. Rows whose work has killed two processes are taken only with `alone`,
    and no others are then.
    """

    limits: Mapping[str, PartnerLimits]
    limit: int
    now: datetime
    lease_until: datetime
    turn: float
    alone: bool = False


class PartnerProbe(Protocol):
    """A partner's endpoints, asked once for a check-up."""

    async def ask_for_keys(self, url: str) -> tuple[Reached, object]:
        """Return what the endpoint of a key set says, and its document; raise OutsideError."""
        ...

    async def ask_for_participant(self, call: PrefillCall) -> tuple[Reached, PartnerAnswer]:
        """Return what the participant API says, and its mapped answer; raise OutsideError."""
        ...


@dataclass(frozen=True, slots=True)
class FetchClaimed:
    """What was claimed, and what holds the rest up (see `Admission`)."""

    sessions: Sequence[ClaimedSession] = ()
    is_full: bool = False
    awaits_answers: bool = False
    again_at: datetime | None = None


class FetchQueue(Protocol):
    """Claims sessions that wait for a partner's answer, partner by partner."""

    def list_due(self, now: datetime, *, alone: bool = False) -> Sequence[str]:
        """Return the ids of the partners that have due rows, by id; those under way count, but not with `alone`."""
        ...

    def claim_fairly(self, claim: FetchClaim) -> FetchClaimed:
        """Lease what `admit` lets through, the partners' health being locked, so that all processes share limits."""
        ...


HealthChange = Callable[[PartnerHealth], PartnerHealth]


class HealthStore(Protocol):
    """What all processes know together of partners' health."""

    def load(self, partner_ids: Collection[str]) -> Mapping[str, PartnerHealth]:
        """Return the health of each, a new one for whoever has none yet."""
        ...

    def change(self, changes: Mapping[str, HealthChange], now: datetime) -> Mapping[str, PartnerHealth]:
        """Apply each change once, under the lock of its partner's row, all in one transaction; return what is now."""
        ...


@dataclass(frozen=True, slots=True)
class WaitingRows:
    """Sessions of one partner and class: with a call under way, due, and due later."""

    in_flight: int = 0
    due: int = 0
    later: int = 0


@dataclass(frozen=True, slots=True)
class PartnerFigures:
    """How a partner is, what it allows, and what waits for it by class."""

    partner_id: str
    health: PartnerHealth
    limits: PartnerLimits
    waiting: Mapping[Priority, WaitingRows]


TokenVerdict = TokenStatus | TokenReason
"""What became of a token, in one word: the reason of a refusal, else the status."""


class DeliveryFigures(Protocol):
    """How much waits where; each count is at most COUNTED_AT_MOST."""

    def count_stages(self) -> Mapping[Stage, Mapping[Priority, int]]:
        """Return how many sessions are in each stage, by class; settled ones all under one."""
        ...

    def load_partners(self, partner_id: str | None, now: datetime) -> Sequence[PartnerFigures]:
        """Return the figures of one partner, or of all that have any, by id."""
        ...

    def find_longest_due(self) -> Mapping[Stage, Mapping[Priority, datetime]]:
        """Return when the session that is due first was due, of each stage and class in which one waits."""
        ...

    def count_tokens(self, from_id: str) -> Mapping[str, Mapping[TokenVerdict, int]]:
        """Return the verdicts on the newest COUNTED_AT_MOST tokens by partner, but of no session in front of the id."""
        ...
