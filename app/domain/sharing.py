"""Who goes next: how the room of one claim is shared out over partners, and within a partner over classes.

Partners get equal parts, and what one does not need goes to the others. Within a partner the classes get 80, 15 and 5
of a hundred while there is more work than room; unused parts are lent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.session import Priority

SHARES: Mapping[Priority, int] = {Priority.FRESH: 80, Priority.RETRY: 15, Priority.REPLAY: 5}

Grant = Mapping[Priority, int]

_SPREAD = 1009.0
"""Makes a second lot of one: which partner gets an odd row must not say which class it goes to."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a partner has due and may take now: rows by class, and calls in all.

    With `fresh_first` the classes have no shares: the few calls of a half-open breaker are for who waits.
    """

    partner_id: str
    due: Mapping[Priority, int] = field(default_factory=dict)
    calls: int = 0
    fresh_first: bool = False

    @property
    def most(self) -> int:
        """Return how many rows it can take."""
        return max(0, min(self.calls, sum(self.due.values())))


def share_out(room: int, demands: Sequence[Demand], turn: float) -> Mapping[str, Grant]:
    """Return what each partner gets of `room` rows, by class; `turn` in [0, 1) says where odd rows and shares begin.

    No more than `room` in all; all of it if there is demand for it; no partner less than another that wants as much,
    but for one odd row.
    """
    parts = _equal_parts(room, [demand.most for demand in demands], turn)
    lot = turn * _SPREAD % 1.0
    return {demand.partner_id: _classes(part, demand, lot) for demand, part in zip(demands, parts, strict=True)}


def _equal_parts(room: int, wanted: Sequence[int], turn: float) -> list[int]:
    parts = [0] * len(wanted)
    first = int(turn * len(wanted))
    order = [*range(first, len(wanted)), *range(first)]
    hungry = [place for place in order if wanted[place] > 0]
    while room > 0 and hungry:
        each = max(1, room // len(hungry))
        for place in hungry:
            given = min(each, wanted[place] - parts[place], room)
            parts[place] += given
            room -= given
        hungry = [place for place in hungry if parts[place] < wanted[place]]
    return parts


def _classes(part: int, demand: Demand, lot: float) -> Grant:
    usable = _usable(demand)
    shares = {Priority.FRESH: part} if demand.fresh_first else _shares(part, lot)
    given = {priority: min(shares.get(priority, 0), usable[priority]) for priority in Priority}
    return _lend(part, given, usable)


def _usable(demand: Demand) -> dict[Priority, int]:
    return {priority: max(0, demand.due.get(priority, 0)) for priority in Priority}


def _shares(part: int, lot: float) -> dict[Priority, int]:
    """Round the shares so that over many turns each class gets its own on average, however small the parts are."""
    shares, upto, before = {}, 0.0, 0
    for priority, percent in SHARES.items():
        upto += part * percent / 100
        rounded = int(round(upto, 9) + lot)
        shares[priority] = rounded - before
        before = rounded
    return shares


def _lend(part: int, given: dict[Priority, int], usable: Mapping[Priority, int]) -> Grant:
    for priority in Priority:
        given[priority] += min(part - sum(given.values()), usable[priority] - given[priority])
    return given
