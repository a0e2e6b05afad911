"""How far a claim looks into a partner's queue: as far as the calls under way can be, and a few rows more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.adapters.database.health_rows import LockedPartner
from app.adapters.database.types import EPOCH
from app.domain.health import PartnerLimits, is_blocked
from app.domain.session import Priority

_LATE_AT_MOST = 10_000
"""Rows that may stand between those under way: given back, or come in late with an older time, batch by batch."""
_LEAST_FREE = 32
BEHIND_AT_MOST = 1000
"""Of a partner and claim: fresh rows that are looked at for whether their participants wait still."""


@dataclass(frozen=True, slots=True)
class QueueHead:
    """Of one partner and class: at most `claimed` rows due until `upto`, and the `free` oldest of all free ones."""

    partner_id: str
    priority: int
    upto: datetime
    claimed: int
    free: int


@dataclass(frozen=True, slots=True)
class SeenHead:
    """What stands there: how many rows are under way, and the ids of free ones.

    `over` are those whose time is over, `gone` fresh ones whose participants wait no longer, `retries` those of `due`
    that were called before.
    """

    head: QueueHead
    in_flight: int
    due: Sequence[str] = ()
    over: Sequence[str] = ()
    gone: Sequence[str] = ()
    retries: Sequence[str] = ()

    @property
    def is_cut(self) -> bool:
        """Tell whether there may be more free rows behind these."""
        return bool(self.gone) or len(self.due) + len(self.over) >= self.head.free


def heads_of(
    partners: Mapping[str, LockedPartner], limits: Mapping[str, PartnerLimits], limit: int, now: datetime
) -> list[QueueHead]:
    """Return the heads that a claim of `limit` rows looks at; the more partners, the less of each.

    Claims take the oldest first and write down how far they came, so that the rows under way are all due until then.
    """
    callable_ = sum(not is_blocked(partner.health, now) for partner in partners.values())
    free = min(limit, max(_LEAST_FREE, 4 * limit // max(1, callable_)))
    return [
        QueueHead(
            partner_id,
            priority.value,
            partner.upto.get(priority, EPOCH),
            limits[partner_id].max_concurrency + _LATE_AT_MOST,
            _LEAST_FREE if is_blocked(partner.health, now) else free,
        )
        for partner_id, partner in partners.items()
        for priority in Priority
    ]
