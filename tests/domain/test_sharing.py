"""Who goes next: equal parts for partners, 80/15/5 for classes, nothing unused while somebody wants it."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.session import Priority
from app.domain.sharing import Demand, share_out

FRESH, RETRY, REPLAY = Priority
MANY = 10_000


def demand(partner_id: str = "acme", fresh: int = 0, retry: int = 0, replay: int = 0, **changes: int) -> Demand:
    limits = {"calls": MANY, **changes}
    return Demand(partner_id, {FRESH: fresh, RETRY: retry, REPLAY: replay}, limits["calls"])


demands = st.builds(
    Demand,
    st.uuids().map(str),
    st.fixed_dictionaries({priority: st.integers(0, 40) for priority in Priority}),
    st.integers(0, 60),
    st.booleans(),
)
turns = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("of", "granted"),
    [
        pytest.param(demand(fresh=MANY, retry=MANY, replay=MANY), (80, 15, 5), id="under-pressure"),
        pytest.param(demand(fresh=MANY), (100, 0, 0), id="fresh-alone"),
        pytest.param(demand(retry=MANY, replay=MANY), (0, 95, 5), id="no-fresh-lends-to-retries-first"),
        pytest.param(demand(fresh=10, retry=MANY), (10, 90, 0), id="few-fresh"),
        pytest.param(demand(fresh=MANY, retry=3, replay=MANY), (92, 3, 5), id="few-retries-lend-to-fresh"),
        pytest.param(demand(fresh=MANY, retry=MANY, replay=MANY, calls=10), (8, 1, 1), id="few-calls"),
        pytest.param(demand(fresh=5, retry=2, replay=1), (5, 2, 1), id="less-than-there-is-room"),
    ],
)
def test_share_out_to_one_partner_by_class(of: Demand, granted: tuple[int, int, int]) -> None:
    [grant] = share_out(100, [of], turn=0.0).values()

    assert (grant[FRESH], grant[RETRY], grant[REPLAY]) == granted


def test_share_out_of_single_rows_keeps_the_shares_over_many_claims() -> None:
    wanted = [demand(name, fresh=MANY, retry=MANY, replay=MANY) for name in ("acme", "globex")]
    granted: Counter[tuple[str, Priority]] = Counter()

    for number in range(2000):
        for partner_id, grant in share_out(1, wanted, turn=(number * 0.6180339887) % 1).items():
            granted.update({(partner_id, priority): rows for priority, rows in grant.items()})

    for partner_id in ("acme", "globex"):
        shares = [granted[partner_id, priority] / 1000 for priority in Priority]
        assert shares == pytest.approx([0.80, 0.15, 0.05], abs=0.02)


def test_share_out_half_open_gives_all_to_who_waits() -> None:
    probing = Demand("acme", {FRESH: 3, RETRY: 50}, calls=5, fresh_first=True)

    [grant] = share_out(100, [probing], turn=0.99).values()

    assert (grant[FRESH], grant[RETRY]) == (3, 2)


@pytest.mark.parametrize(
    ("room", "wanted", "parts"),
    [
        pytest.param(90, (MANY, MANY, MANY), (30, 30, 30), id="equal"),
        pytest.param(90, (10, MANY, MANY), (10, 40, 40), id="lent"),
        pytest.param(90, (10, 20, 5), (10, 20, 5), id="room-for-all"),
        pytest.param(0, (10, 20, 5), (0, 0, 0), id="no-room"),
    ],
)
def test_share_out_to_partners(room: int, wanted: tuple[int, ...], parts: tuple[int, ...]) -> None:
    grants = share_out(room, [demand(str(place), fresh=rows) for place, rows in enumerate(wanted)], turn=0.0)

    assert tuple(sum(grant.values()) for grant in grants.values()) == parts


def test_share_out_of_one_row_goes_round() -> None:
    wanted = [demand(str(place), fresh=MANY) for place in range(4)]

    served = [max(grants, key=lambda id_: sum(grants[id_].values())) for grants in _one_row_each(wanted)]

    assert served == ["0", "1", "2", "3"]


@given(st.integers(0, 300), st.lists(demands, max_size=8), turns)
def test_share_out_keeps_every_limit_and_leaves_nothing_unused(room: int, wanted: list[Demand], turn: float) -> None:
    grants = share_out(room, wanted, turn)

    for each in wanted:
        grant = grants[each.partner_id]
        assert all(0 <= grant[priority] <= each.due[priority] for priority in Priority)
        assert sum(grant.values()) <= each.calls
    assert sum(sum(grant.values()) for grant in grants.values()) == min(room, sum(each.most for each in wanted))


@given(st.integers(0, 300), st.lists(demands, min_size=2, max_size=8), turns)
def test_share_out_gives_no_partner_more_than_one_row_above_another_that_wants_it(
    room: int, wanted: list[Demand], turn: float
) -> None:
    grants = share_out(room, wanted, turn)

    parts = {each.partner_id: sum(grants[each.partner_id].values()) for each in wanted}
    for each in wanted:
        if parts[each.partner_id] < each.most:
            assert max(parts.values()) <= parts[each.partner_id] + 1


def _one_row_each(wanted: list[Demand]) -> list[dict[str, dict[Priority, int]]]:
    return [
        {id_: dict(grant) for id_, grant in share_out(1, wanted, turn=place / len(wanted)).items()}
        for place in range(len(wanted))
    ]
