"""How far a claim looks into a partner's queue: no further than where the calls under way and its own rows can be."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.adapters.database.health_rows import LockedPartner
from app.adapters.database.types import EPOCH
from app.domain.health import PartnerLimits, is_blocked
from app.domain.session import Priority

_SLACK = 64
"""Rows that may stand between those under way: given back, or come in late with an older time."""
_LEAST_NEW = 32


@dataclass(frozen=True, slots=True)
class QueueHead:
    """Of one partner and class: at most `claimed` rows due until `upto`, and `new` ones due later."""

    partner_id: str
    priority: int
    upto: datetime
    claimed: int
    new: int


def heads_of(
    partners: Mapping[str, LockedPartner], limits: Mapping[str, PartnerLimits], limit: int, now: datetime
) -> list[QueueHead]:
    """Return the heads that a claim of `limit` rows looks at; the more partners, the less of each.

    Claims take the oldest first and write down how far they came, so that the rows under way are all due until then.
    """
    callable_ = sum(not is_blocked(partner.health, now) for partner in partners.values())
    new = min(limit, max(_LEAST_NEW, 4 * limit // max(1, callable_)))
    return [
        QueueHead(
            partner_id,
            priority.value,
            partner.upto.get(priority, EPOCH),
            limits[partner_id].max_concurrency + limit + _SLACK,
            _LEAST_NEW if is_blocked(partner.health, now) else new,
        )
        for partner_id, partner in partners.items()
        for priority in Priority
    ]
