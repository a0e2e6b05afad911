"""Which of the due rows may be called now: one decision over all partners that have any.

Pure: the store reads the queues and locks the health of their partners, applies `admit`, and writes what it says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest

from app.domain.health import PartnerHealth, PartnerLimits, after_grant, demand_of, next_look_at
from app.domain.partner import Partner
from app.domain.session import Priority
from app.domain.sharing import Demand, Grant, share_out

UNKNOWN_LIMITS = PartnerLimits(max_concurrency=50)
"""Of a partner whose document is gone: its rows are claimed to be ended, no call is made."""


def limits_of(partner: Partner | None) -> PartnerLimits:
    """Return what a partner's document allows."""
    if partner is None or partner.prefill is None:
        return UNKNOWN_LIMITS
    return PartnerLimits(partner.prefill.max_concurrency, partner.prefill.rate_per_second)


_OVER_SHARE = 0.25
"""Of the room of a claim: for rows whose session has expired, beside those that are called for; unused, it is lent."""


@dataclass(frozen=True, slots=True)
class PartnerQueue:
    """The head of a partner's queue: ids that are due and free by class, oldest first, and how many are under way.

    Behind the rows of a class in `cut` there are more. `over` are due rows whose session has expired: they are ended
    without a call, so that no limit holds them up.
    """

    partner_id: str
    in_flight: int = 0
    due: Mapping[Priority, Sequence[str]] = field(default_factory=dict)
    over: Sequence[str] = ()
    cut: frozenset[Priority] = frozenset()


@dataclass(frozen=True, slots=True)
class Admission:
    """The rows to take, and the health of the partners that changed by it.

    `is_full` says that the claim itself left rows behind, `awaits_answers` that calls under way did; `again_at`
    is when time alone lets the next row through.
    """

    ids: Sequence[str]
    changed: Mapping[str, PartnerHealth]
    is_full: bool
    awaits_answers: bool
    again_at: datetime | None


def admit(
    queues: Sequence[PartnerQueue],
    healths: Mapping[str, PartnerHealth],
    limits: Mapping[str, PartnerLimits],
    room: int,
    now: datetime,
    turn: float,
) -> Admission:
    """Decide about at most `room` rows; `turn` in [0, 1) is a lot (see `share_out`)."""
    expired = _in_turn([queue.over for queue in queues])
    demands = [_demand(queue, healths[queue.partner_id], limits[queue.partner_id], now) for queue in queues]
    grants = share_out(room - min(len(expired), int(room * _OVER_SHARE + turn)), demands, turn)
    after = {queue.partner_id: _after(queue, healths, limits, grants, now) for queue in queues}
    left = {queue.partner_id: _left(queue, grants[queue.partner_id]) for queue in queues}
    looks = [next_look_at(after[id_], limits[id_], rows, now) for id_, rows in left.items()]
    granted = [id_ for queue in queues for id_ in _granted(queue, grants[queue.partner_id])]
    over = expired[: room - len(granted)]
    return Admission(
        ids=[*over, *granted],
        changed={id_: health for id_, health in after.items() if health != healths[id_]},
        is_full=len(over) + len(granted) == room or any(_was_cut(queue, left[queue.partner_id]) for queue in queues),
        awaits_answers=any(
            look is None and any(rows.values()) for look, rows in zip(looks, left.values(), strict=True)
        ),
        again_at=min((look for look in looks if look is not None), default=None),
    )


def _demand(queue: PartnerQueue, health: PartnerHealth, limits: PartnerLimits, now: datetime) -> Demand:
    sizes = {priority: len(ids) for priority, ids in queue.due.items()}
    return demand_of(queue.partner_id, health, limits, sizes, queue.in_flight, now)


def _after(
    queue: PartnerQueue,
    healths: Mapping[str, PartnerHealth],
    limits: Mapping[str, PartnerLimits],
    grants: Mapping[str, Grant],
    now: datetime,
) -> PartnerHealth:
    id_ = queue.partner_id
    return after_grant(healths[id_], limits[id_], grants[id_], queue.in_flight, now)


def _left(queue: PartnerQueue, grant: Grant) -> dict[Priority, int]:
    return {priority: len(ids) - grant.get(priority, 0) for priority, ids in queue.due.items()}


def _was_cut(queue: PartnerQueue, left: Mapping[Priority, int]) -> bool:
    """Tell whether all rows of a class were granted, and there are more behind them."""
    return any(not left.get(priority) for priority in queue.cut)


def _in_turn(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the first of each, then the second of each, and so on."""
    return [id_ for places in zip_longest(*rows) for id_ in places if id_ is not None]


def _granted(queue: PartnerQueue, grant: Grant) -> list[str]:
    return [id_ for priority, ids in queue.due.items() for id_ in ids[: grant.get(priority, 0)]]
