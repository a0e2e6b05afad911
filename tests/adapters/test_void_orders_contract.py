"""Orders to reject what a revoked key had accepted: kept until they are done."""

from dataclasses import replace
from datetime import timedelta

from app.adapters.database.engine import Database
from app.domain.session import Stage
from app.keyset_ports import VoidOrder
from app.ports import Claim
from app.steps.finish_voids import FinishVoids
from tests.adapters.stores import Stores, sql_stores
from tests.builders import NOW, move, new_session
from tests.fakes import FixedClock

SECOND = timedelta(seconds=1)
ORDER = VoidOrder("acme", "k1", frozenset({"print-1", "print-2"}), NOW, "admin", "request-1")


def test_void_orders_are_loaded_by_age_the_oldest_first(stores: Stores) -> None:
    younger = VoidOrder("globex", "k1", frozenset({"print-3"}), NOW + SECOND, "command-line")
    for order in (younger, ORDER):
        stores.void_orders.add(order)

    assert stores.void_orders.load(NOW - SECOND, 10) == []
    assert stores.void_orders.load(NOW, 10) == [ORDER]
    assert stores.void_orders.load(NOW + SECOND, 10) == [ORDER, younger]
    assert stores.void_orders.load(NOW + SECOND, 1) == [ORDER]


def test_void_order_that_took_the_place_of_another_outlasts_its_end(stores: Stores) -> None:
    again = replace(ORDER, thumbprints=frozenset({"print-4"}), asked_at=NOW + SECOND)
    stores.void_orders.add(ORDER)
    stores.void_orders.add(again)

    stores.void_orders.end(ORDER)

    assert stores.void_orders.load(NOW + SECOND, 10) == [again]
    stores.void_orders.end(again)
    assert stores.void_orders.load(NOW + SECOND, 10) == []


def test_void_order_rejects_what_a_batch_accepted_after_the_search_was_over(database: Database) -> None:
    stores = sql_stores(database)
    stores.void_orders.add(ORDER)
    session = new_session()
    stores.intake.add([session], NOW)
    [claimed] = stores.queue.claim(Claim(Stage.VERIFY, 1, NOW, NOW + 30 * SECOND))
    stores.queue.finish([move(claimed, key_thumbprint="print-2", keyset_version=3)], NOW)
    clock = FixedClock(NOW + 61 * SECOND)

    ended = FinishVoids(stores.void_orders, stores.accepted, stores.audit, stores.leases, clock)()

    judged = stores.reads.load([session.id])[session.id].outcome
    assert (ended, judged and judged.token_reason) == (1, "key_revoked")
