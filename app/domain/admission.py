"""Which of the due rows may be called now: one decision over all partners that have any.

Pure: the store reads the queues and locks the health of their partners, applies `admit`, and writes what it says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest

from app.domain.budget import retries_allowed
from app.domain.health import PartnerHealth, PartnerLimits, after_grant, demand_of, next_look_at
from app.domain.partner import Partner
from app.domain.session import Priority
from app.domain.sharing import Demand, Grant, share_out

UNKNOWN_LIMITS = PartnerLimits(max_concurrency=50)
"""Of a partner whose document is gone: its rows are claimed to be ended, no call is made."""

NO_CALLS = PartnerLimits(max_concurrency=0)
"""Of a partner whose document cannot be read just now: only those rows are claimed whose time is over."""


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

    Behind the rows of a class in `cut` there are more. The bank pays for those in `retries`, which were called before.
    `over` are due rows whose time is over: they are ended without a call, so that no limit holds them up.
    """

    partner_id: str
    in_flight: int = 0
    due: Mapping[Priority, Sequence[str]] = field(default_factory=dict)
    over: Sequence[str] = ()
    cut: frozenset[Priority] = frozenset()
    retries: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Admission:
    """The rows to take, to be called or, in `over`, to be ended; and the health of the partners that changed by it.

    `is_full` says that the claim itself left rows behind, `awaits_answers` that calls under way did; `again_at`
    is when time alone lets the next row through.
    """

    ids: Sequence[str]
    over: frozenset[str]
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
    paid = {queue.partner_id: _paid(queue, healths[queue.partner_id], now) for queue in queues}
    demands = [
        _demand(queue, healths[queue.partner_id], limits[queue.partner_id], paid[queue.partner_id], now)
        for queue in queues
    ]
    grants = share_out(room - min(len(expired), int(room * _OVER_SHARE + turn)), demands, turn)
    admitted = [
        _admitted(queue, healths[queue.partner_id], limits[queue.partner_id], _granted(paid, grants, queue), now)
        for queue in queues
    ]
    after = {queue.partner_id: one.health for queue, one in zip(queues, admitted, strict=True)}
    changed = {id_: health for id_, health in after.items() if health != healths[id_]}
    return _taken_together(admitted, expired, changed, room)


@dataclass(frozen=True, slots=True)
class _Admitted:
    """Of one partner: the rows to call, the health after that, and what is left: more behind them, until when."""

    ids: Sequence[str]
    health: PartnerHealth
    is_cut: bool
    is_left: bool
    again_at: datetime | None


def _taken_together(
    admitted: Sequence[_Admitted], expired: Sequence[str], changed: Mapping[str, PartnerHealth], room: int
) -> Admission:
    granted = [id_ for one in admitted for id_ in one.ids]
    over = expired[: room - len(granted)]
    return Admission(
        ids=[*over, *granted],
        over=frozenset(over),
        changed=changed,
        is_full=len(over) + len(granted) == room or any(one.is_cut for one in admitted),
        awaits_answers=any(one.is_left and one.again_at is None for one in admitted),
        again_at=min((one.again_at for one in admitted if one.again_at is not None), default=None),
    )


def _paid(queue: PartnerQueue, health: PartnerHealth, now: datetime) -> dict[Priority, list[str]]:
    """Return what is due without those retries that the bank cannot pay for now."""
    unpaid = [id_ for ids in queue.due.values() for id_ in ids if id_ in queue.retries]
    kept_back = frozenset(unpaid[retries_allowed(health.bank, now) :])
    return {priority: [id_ for id_ in ids if id_ not in kept_back] for priority, ids in queue.due.items()}


def _demand(
    queue: PartnerQueue,
    health: PartnerHealth,
    limits: PartnerLimits,
    paid: Mapping[Priority, Sequence[str]],
    now: datetime,
) -> Demand:
    sizes = {priority: len(ids) for priority, ids in paid.items()}
    return demand_of(queue.partner_id, health, limits, sizes, queue.in_flight, now)


def _granted(
    paid: Mapping[str, Mapping[Priority, Sequence[str]]], grants: Mapping[str, Grant], queue: PartnerQueue
) -> list[str]:
    grant = grants[queue.partner_id]
    return [id_ for priority, ids in paid[queue.partner_id].items() for id_ in ids[: grant.get(priority, 0)]]


def _admitted(
    queue: PartnerQueue, health: PartnerHealth, limits: PartnerLimits, granted: Sequence[str], now: datetime
) -> _Admitted:
    taken = frozenset(granted)
    after = after_grant(health, limits, len(taken), len(taken & queue.retries), queue.in_flight, now)
    left = {priority: [id_ for id_ in ids if id_ not in taken] for priority, ids in queue.due.items()}
    waiting = frozenset(id_ for ids in left.values() for id_ in ids)
    return _Admitted(
        granted,
        after,
        is_cut=any(not left.get(priority) for priority in queue.cut),
        is_left=bool(waiting),
        again_at=next_look_at(after, limits, now, for_retries=waiting <= queue.retries) if waiting else None,
    )


def _in_turn(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the first of each, then the second of each, and so on."""
    return [id_ for places in zip_longest(*rows) for id_ in places if id_ is not None]
