"""What waits where: counted by stage, partner and class."""

from datetime import timedelta

from app.domain.admission import UNKNOWN_LIMITS
from app.domain.health import PartnerLimits
from app.domain.session import Priority, Stage
from app.fetch_ports import WaitingRows
from tests.adapters.fetching import LATER, claim_fairly, finish, open_breaker, waiting
from tests.adapters.stores import Stores
from tests.builders import NOW, new_session


def test_partners_are_shown_with_what_waits_for_them(stores: Stores) -> None:
    waiting(stores, 5)
    waiting(stores, 2, priority=Priority.REPLAY, due_at=NOW + timedelta(hours=1))
    waiting(stores, 1, "globex", Priority.RETRY)
    claim_fairly(stores, {"acme": PartnerLimits(max_concurrency=2)})
    open_breaker(stores, "initech")

    acme, globex, initech = stores.figures.load_partners(None, LATER)

    assert (acme.partner_id, acme.waiting) == (
        "acme",
        {
            Priority.FRESH: WaitingRows(in_flight=2, due=3, later=0),
            Priority.RETRY: WaitingRows(),
            Priority.REPLAY: WaitingRows(later=2),
        },
    )
    assert acme.limits == PartnerLimits(max_concurrency=7, rate_per_second=20.0)
    assert globex.limits == UNKNOWN_LIMITS
    assert globex.waiting[Priority.RETRY] == WaitingRows(due=1)
    assert initech.health.breaker.openings == 1


def test_partner_that_nobody_knows_is_shown_as_healthy(stores: Stores) -> None:
    [figures] = stores.figures.load_partners("acme", NOW)

    assert set(figures.waiting.values()) == {WaitingRows()}
    assert figures.health.breaker.opened_until is None


def test_stages_are_counted_by_class(stores: Stores) -> None:
    waiting(stores, 3, priority=Priority.RETRY)
    waiting(stores, 2)
    claimed = claim_fairly(stores, limit=1)
    finish(stores, claimed.sessions)
    stores.intake.add([new_session(), new_session()], NOW)

    counts = stores.figures.count_stages()

    assert counts[Stage.VERIFY][Priority.FRESH] == 2
    assert sum(counts[Stage.FETCH].values()) == 4
    assert counts[Stage.FETCH][Priority.RETRY] >= 2
    assert sum(counts[Stage.DONE].values()) == 1
    assert sum(counts[Stage.DEAD].values()) == 0
