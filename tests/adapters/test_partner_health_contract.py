"""Partners' health: one row for all processes, no change lost, no limit exceeded."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import update

from app.adapters.database.engine import Database
from app.adapters.database.schema import PartnerHealthRow
from app.domain.breaker import Breaker, EndedCall
from app.domain.budget import Bucket
from app.domain.health import PartnerCalls, PartnerHealth, PartnerLimits, after_batch, paused, resumed
from app.management_ports import DocumentKind
from app.reasons import PrefillReason
from tests.adapters.fetching import LATER, claim_fairly, end_calls, finish, open_breaker, waiting
from tests.adapters.stores import Stores, sql_stores
from tests.builders import NOW
from tests.documents.examples import partner_body

Another = Callable[[], Stores]


def test_health_is_kept_as_it_was_given(stores: Stores) -> None:
    calls = PartnerCalls(
        (EndedCall(NOW, PrefillReason.HTTP_5XX), EndedCall(NOW)), first_tries=2, retry_after=timedelta(seconds=30)
    )
    expected = after_batch(PartnerHealth(), calls, NOW, 0.5)

    returned = stores.health.change({"acme": lambda health: after_batch(health, calls, NOW, 0.5)}, NOW)

    assert returned == {"acme": expected}
    assert stores.health.load(["acme", "globex"]) == {"acme": expected, "globex": PartnerHealth()}


def test_health_of_an_open_breaker_is_kept(stores: Stores) -> None:
    health = PartnerHealth(Breaker((), LATER, 3, 1, 4, 2), Bucket(1.5, NOW), Bucket(0.25, NOW))

    stores.health.change({"acme": lambda _: health}, NOW)

    assert stores.health.load(["acme"]) == {"acme": health}


def test_health_that_an_earlier_version_has_counted_up_to_the_end_of_its_column_is_changed_still(
    database: Database,
) -> None:
    stores = sql_stores(database)
    stores.health.change({"acme": lambda health: paused(health, "admin")}, NOW)
    counted = update(PartnerHealthRow).values(version=2**31 - 1)
    database.write(lambda connection: connection.execute(counted))

    stores.health.change({"acme": resumed}, NOW)

    assert stores.health.load(["acme"]) == {"acme": PartnerHealth()}


def test_health_of_a_deleted_partner_is_forgotten_and_leaves_the_figures(database: Database) -> None:
    stores = sql_stores(database)
    for partner_id in ("acme", "globex"):
        stores.documents.put(DocumentKind.PARTNER, partner_id, partner_body(), None, NOW)
        stores.health.change({partner_id: lambda health: paused(health, "admin")}, NOW)

    stores.documents.delete(DocumentKind.PARTNER, "globex", None)

    assert [partner.partner_id for partner in stores.figures.load_partners(None, NOW)] == ["acme"]
    stores.documents.put(DocumentKind.PARTNER, "globex", partner_body(), None, NOW)
    assert stores.health.load(["globex"]) == {"globex": PartnerHealth()}


def test_health_of_a_deleted_partner_stays_forgotten_whatever_its_last_calls_bring(database: Database) -> None:
    stores = sql_stores(database)
    stores.documents.put(DocumentKind.PARTNER, "acme", partner_body(), None, NOW)
    waiting(stores)
    [called] = claim_fairly(stores).sessions
    stores.documents.delete(DocumentKind.PARTNER, "acme", None)

    returned = stores.health.change({"acme": lambda health: paused(health, "retry_after")}, LATER)

    assert returned == {"acme": paused(PartnerHealth(), "retry_after")}
    finish(stores, [called])
    assert stores.figures.load_partners(None, LATER) == []
    stores.documents.put(DocumentKind.PARTNER, "acme", partner_body(), None, LATER)
    assert stores.health.load(["acme"]) == {"acme": PartnerHealth()}


def test_health_of_a_deleted_partner_is_not_made_anew_by_the_claims_that_end_its_sessions(database: Database) -> None:
    stores = sql_stores(database)
    stores.documents.put(DocumentKind.PARTNER, "acme", partner_body(), None, NOW)
    stores.health.change({"acme": lambda health: paused(health, "admin")}, NOW)
    ids = waiting(stores, 3)
    stores.documents.delete(DocumentKind.PARTNER, "acme", None)

    claimed = claim_fairly(stores)

    assert [session.id for session in claimed.sessions] == ids
    finish(stores, claimed.sessions)
    assert stores.figures.load_partners(None, LATER) == []


def test_health_changed_by_one_process_counts_for_another(stores: Stores, another: Another) -> None:
    waiting(stores, 5)

    open_breaker(another())

    assert claim_fairly(stores).sessions == []
    assert stores.health.load(["acme"])["acme"].breaker.openings == 1


def test_health_changes_of_several_processes_are_all_counted(stores: Stores, another: Another) -> None:
    processes = [another() for _ in range(4)]

    def count(process: Stores) -> None:
        for _ in range(10):
            end_calls(process, 1, NOW)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(count, processes))

    [tally] = stores.health.load(["acme"])["acme"].breaker.window
    assert tally.calls == 40


def test_claims_of_several_processes_at_once_never_exceed_the_limit(stores: Stores, another: Another) -> None:
    ids = waiting(stores, 120)
    limits = {"acme": PartnerLimits(max_concurrency=50)}
    processes = [another() for _ in range(4)]

    def claim_some(process: Stores) -> list[str]:
        return [session.id for _ in range(5) for session in claim_fairly(process, limits, limit=9).sessions]

    with ThreadPoolExecutor(4) as threads:
        claimed = [id_ for taken in threads.map(claim_some, processes) for id_ in taken]

    assert len(claimed) == len(set(claimed)) == 50
    assert set(claimed) == set(ids[:50])


def test_claims_of_several_processes_half_open_let_one_call_through(stores: Stores, another: Another) -> None:
    waiting(stores, 50)
    open_breaker(stores)
    processes = [another() for _ in range(4)]

    with ThreadPoolExecutor(4) as threads:
        claims = list(threads.map(lambda process: claim_fairly(process, now=LATER + timedelta(seconds=5)), processes))

    assert sum(len(claimed.sessions) for claimed in claims) == 1
