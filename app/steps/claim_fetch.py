"""Take sessions that wait for a call, partner by partner: each within its limits, none at another's cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from app.domain.admission import NO_CALLS, limits_of
from app.domain.health import PartnerLimits
from app.domain.session import ClaimedSession
from app.fetch_ports import FetchClaim, FetchQueue
from app.ports import Clock, ConfigurationSource, SessionQueue
from app.steps.claim import end_poisonous

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
    """Claims due sessions of the stage `fetch`, at most `limit` at a time, for `lease`.

    Of one partner this process has `most_of_one` in hand at most, so that there is room beside it however many calls it
    allows and however slow it is; `lot` returns a number in [0, 1).
    """

    queue: FetchQueue
    sessions: SessionQueue
    configuration: ConfigurationSource
    clock: Clock
    lot: Callable[[], float]
    limit: int
    lease: timedelta
    most_of_one: int

    def __call__(self, limit: int, held: Mapping[str, int]) -> FetchBatch:
        """Return the sessions that are now ours, at most `limit`, beside those that are `held` of each partner."""
        now, turn = self.clock.now(), self.lot()
        due = self.queue.list_due(now)
        partner_ids = _in_turn(due, turn)
        if not partner_ids:
            return FetchBatch()
        most = min(limit, self.limit)
        claim = FetchClaim(self._limits(partner_ids, held), most, now, now + self.lease, turn)
        claimed = self.queue.claim_fairly(claim)
        waits = [claimed.again_at - now] if claimed.again_at else []
        if len(partner_ids) < len(due):
            waits.append(NEXT_PARTNERS)
        return FetchBatch(claimed.sessions, claimed.is_full, claimed.awaits_answers, min(waits, default=None))

    def alone(self) -> Sequence[ClaimedSession]:
        """Return one session that has killed two processes, if there is any whose partner may be called now.

        A poisonous one is ended and not returned.
        """
        now, turn = self.clock.now(), self.lot()
        partner_ids = _in_turn(self.queue.list_due(now, alone=True), turn)
        if not partner_ids:
            return ()
        claim = FetchClaim(self._limits(partner_ids, {}), 1, now, now + self.lease, turn, alone=True)
        return end_poisonous(self.sessions, self.queue.claim_fairly(claim).sessions, now)

    def _limits(self, partner_ids: Sequence[str], held: Mapping[str, int]) -> Mapping[str, PartnerLimits]:
        """Return the limits of these partners; those whose documents cannot be read just now may not be called."""
        loaded = self.configuration.load(frozenset(), frozenset(partner_ids))
        rooms = {partner_id: max(0, self.most_of_one - held.get(partner_id, 0)) for partner_id in partner_ids}
        return {
            partner_id: NO_CALLS
            if partner_id in loaded.unreadable_partners
            else replace(limits_of(loaded.partners.get(partner_id)), room=rooms[partner_id])
            for partner_id in partner_ids
        }


def _in_turn(partner_ids: Sequence[str], turn: float) -> Sequence[str]:
    if len(partner_ids) <= MAX_PARTNERS:
        return partner_ids
    first = int(turn * len(partner_ids))
    return [*partner_ids[first:], *partner_ids[:first]][:MAX_PARTNERS]
