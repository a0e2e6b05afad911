"""Take sessions that wait for a call, partner by partner: each within its limits, none at another's cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.domain.admission import limits_of
from app.domain.health import PartnerLimits
from app.domain.session import ClaimedSession
from app.fetch_ports import FetchClaim, FetchQueue
from app.ports import Clock, ConfigurationSource
from app.steps.claim import ClaimSessions

MAX_PARTNERS = 64
"""Of one claim; where more have due rows, the claims take turns."""
NEXT_PARTNERS = timedelta(seconds=0.05)


@dataclass(frozen=True, slots=True)
class FetchBatch:
    """What a claim brought, and what brings more: at once (`is_full`), an answer (`awaits_answers`), or `again_in`."""

    sessions: Sequence[ClaimedSession] = ()
    is_full: bool = False
    awaits_answers: bool = False
    again_in: timedelta | None = None


@dataclass(frozen=True, slots=True)
class ClaimFetches:
    """Claims due sessions of the stage `fetch`, at most `limit` at a time; `lot` returns a number in [0, 1).

    `suspects` claims those that have killed two processes.
    """

    queue: FetchQueue
    suspects: ClaimSessions
    configuration: ConfigurationSource
    clock: Clock
    lot: Callable[[], float]

    @property
    def limit(self) -> int:
        """Return how many sessions one claim takes at most."""
        return self.suspects.limit

    def __call__(self, limit: int) -> FetchBatch:
        """Return the sessions that are now ours, at most `limit`."""
        now, turn = self.clock.now(), self.lot()
        due = self.queue.list_due(now)
        partner_ids = _in_turn(due, turn)
        if not partner_ids:
            return FetchBatch()
        limits = self._limits(partner_ids)
        most = min(limit, self.limit)
        claimed = self.queue.claim_fairly(FetchClaim(limits, most, now, now + self.suspects.lease, turn))
        waits = [claimed.again_at - now] if claimed.again_at else []
        if len(partner_ids) < len(due):
            waits.append(NEXT_PARTNERS)
        return FetchBatch(claimed.sessions, claimed.is_full, claimed.awaits_answers, min(waits, default=None))

    def alone(self) -> Sequence[ClaimedSession]:
        """Return one session that has killed two processes, if there is any."""
        return self.suspects(1, alone=True)

    def _limits(self, partner_ids: Sequence[str]) -> Mapping[str, PartnerLimits]:
        partners = self.configuration.load(frozenset(), frozenset(partner_ids)).partners
        return {partner_id: limits_of(partners.get(partner_id)) for partner_id in partner_ids}


def _in_turn(partner_ids: Sequence[str], turn: float) -> Sequence[str]:
    if len(partner_ids) <= MAX_PARTNERS:
        return partner_ids
    first = int(turn * len(partner_ids))
    return [*partner_ids[first:], *partner_ids[:first]][:MAX_PARTNERS]
