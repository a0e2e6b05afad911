"""Key sets on real databases: what a batch costs, and who wins when a save and a parking meet."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, func, insert, select, update

from app.adapters.database import keyset_desk
from app.adapters.database.engine import Database
from app.adapters.database.keyset_desk import SqlKeysetDesk
from app.adapters.database.keyset_history import KEPT_EVENTS
from app.adapters.database.keysets import SqlKeysets
from app.adapters.database.schema import KeysetRow, SessionRow
from app.adapters.database.session_parking import CHUNK
from app.domain.keyset_history import thumbprint_of
from app.domain.keyset_override import after_pin, after_revoke
from app.domain.session import Stage
from app.errors import StoreUnavailable
from app.management_ports import DocumentKind
from app.ports import Claim
from tests.adapters.statements import counted_statements
from tests.adapters.stores import sql_stores
from tests.builders import NOW, SOURCE, jwk, keyset, move, new_session

LEASE = timedelta(seconds=15)
SOURCES = frozenset(f"https://partner-{number}.example/jwks.json" for number in range(50))


def publish(keysets: SqlKeysets, version: int = 1, kid: str = "k1") -> None:
    """Save a set for each of SOURCES."""
    now = NOW + timedelta(minutes=version)
    for source in SOURCES:
        SqlKeysetDesk(keysets.database).request(source, now)
    for claimed in keysets.claim_due(len(SOURCES), now, now + LEASE):
        saved = keyset(
            source=claimed.source, version=version, keys=(jwk(kid),), refresh_at=NOW, fetched_at=now, attempted_at=now
        )
        assert keysets.save(saved, claimed.lease_token or "", now)


def test_load_costs_one_query_a_batch_cold_warm_and_changed(database: Database) -> None:
    keysets = SqlKeysets(database)
    publish(keysets)

    costs = []
    for version in (1, 1, 2, 2):
        if version == 2:
            publish(keysets, version, "k2")
        with counted_statements(database) as statements:
            loaded = keysets.load(SOURCES)
        costs.append(len(statements))
        assert {one.version for one in loaded.values()} == {version}
        assert {str(one.keys[0]["kid"]) for one in loaded.values()} == {f"k{version}"}

    assert costs == [1, 1, 1, 1]


def test_revocation_counts_from_the_next_load_in_every_process(database: Database) -> None:
    processes = [SqlKeysets(database) for _ in range(3)]
    publish(processes[0])
    for process in processes:
        process.load(SOURCES)
    source = min(SOURCES)

    SqlKeysetDesk(database).change(source, lambda one: after_revoke(one, frozenset({thumbprint_of(jwk())})), NOW)

    assert [process.load(SOURCES)[source].revoked for process in processes] == [{thumbprint_of(jwk())}] * 3


def test_parking_that_meets_a_save_not_yet_committed_waits_for_it_and_wakes(database: Database) -> None:
    stores = sql_stores(database)
    stores.keysets.ask({SOURCE: frozenset()}, NOW)
    judged_by = stores.keysets.load(frozenset({SOURCE}))[SOURCE]
    session = new_session()
    stores.intake.add([session], NOW)
    [claimed] = stores.queue.claim(Claim(Stage.VERIFY, 1, NOW, NOW + LEASE))
    parking = move(claimed, Stage.VERIFY, outcome=None, due_at=NOW + timedelta(hours=1), parked_on=SOURCE)

    def park_and_look() -> bool:
        stores.queue.finish([parking], NOW)
        return stores.keysets.wake_if_renewed({SOURCE: judged_by}, NOW)

    with ThreadPoolExecutor(1) as threads:
        with database.writing.begin() as saving:
            _save_unfinished(saving)
            look = threads.submit(park_and_look)
            with pytest.raises(TimeoutError):
                look.result(0.3)
        is_woken = look.result(10)

    assert is_woken
    assert len(stores.queue.claim(Claim(Stage.VERIFY, 1, NOW, NOW + LEASE))) == 1


def test_users_of_a_source_are_the_partners_that_name_it(database: Database) -> None:
    stores, signature = sql_stores(database), {"method": "jwks", "jwks_url": SOURCE}
    for id_, document in {"acme": signature, "globex": signature, "other": {"method": "public_key"}}.items():
        stores.documents.put(DocumentKind.PARTNER, id_, {"name": id_, "signature": document}, None, NOW)

    users = SqlKeysetDesk(database).load_users(SOURCE)

    assert users == {"acme", "globex"}


def test_source_that_a_partner_names_is_not_retired(database: Database) -> None:
    stores, desk = sql_stores(database), SqlKeysetDesk(database)
    publish(SqlKeysets(database))
    source = min(SOURCES)
    document = {"name": "ACME", "signature": {"method": "jwks", "jwks_url": source}}
    stores.documents.put(DocumentKind.PARTNER, "acme", document, None, NOW)
    configured = {"name": "X", "signature": {"method": "public_key"}}
    stores.documents.put(DocumentKind.PARTNER, "other", configured, None, NOW)

    retired = desk.retire_unused()

    stored = desk.find(source)
    assert retired == len(SOURCES) - 1
    assert stored is not None
    assert stored.keyset.refresh_at is not None
    assert [figures.keyset.source for figures in desk.load_figures()] == [source]


def test_source_that_was_retired_and_is_named_again_is_made_due(database: Database) -> None:
    stores, desk = sql_stores(database), SqlKeysetDesk(database)
    publish(SqlKeysets(database))
    source = min(SOURCES)
    desk.retire_unused()
    document = {"name": "ACME", "signature": {"method": "jwks", "jwks_url": source}}
    stores.documents.put(DocumentKind.PARTNER, "acme", document, None, NOW)

    revived = desk.revive_used(NOW)

    stored = desk.find(source)
    assert (revived, desk.revive_used(NOW)) == (1, 0)
    assert stored is not None
    assert stored.keyset.refresh_at == NOW


def test_history_of_a_restless_partner_is_bounded_and_knows_the_present_keys(database: Database) -> None:
    desk = SqlKeysetDesk(database)
    stays = jwk("stays")
    for round_ in range(KEPT_EVENTS // 100 + 3):
        restless = tuple(jwk(f"{round_}-{number}") for number in range(50))
        desk.change(SOURCE, lambda one, keys=restless: after_pin(one, (stays, *keys)), NOW)  # type: ignore[misc]  # bound here

    events = desk.load_history(SOURCE, 100_000)

    assert len(events) <= KEPT_EVENTS + 1
    stored = desk.find(SOURCE)
    assert stored is not None
    assert thumbprint_of(stays) in stored.first_seen


def _save_unfinished(connection: Connection) -> None:
    connection.execute(select(KeysetRow.source).where(KeysetRow.source == SOURCE).with_for_update())
    values = {"fetched_at": NOW, "attempted_at": NOW, "version": 1}
    connection.execute(update(KeysetRow).where(KeysetRow.source == SOURCE).values(values))


def _park_crowd(database: Database, sessions: int) -> None:
    """Park so many at once: their rows are made by hand, since only their number matters."""
    [parked] = [new_session()]
    stores = sql_stores(database)
    stores.intake.add([parked], NOW)
    [claimed] = stores.queue.claim(Claim(Stage.VERIFY, 1, NOW, NOW + LEASE))
    until = NOW + timedelta(hours=1)
    stores.queue.finish([move(claimed, Stage.VERIFY, outcome=None, due_at=until, parked_on=SOURCE)], NOW)
    columns = [column for column in SessionRow.__table__.columns if column.name != "id"]
    one = database.read(lambda connection: connection.execute(select(*columns)).mappings().one())
    rows = [{**one, "id": f"ses_crowd_{number}"} for number in range(sessions - 1)]
    database.write(lambda connection: connection.execute(insert(SessionRow), rows))


def _count_parked(database: Database) -> int:
    parked = select(func.count()).where(SessionRow.parked_on.is_not(None))
    return database.read(lambda connection: connection.scalar(parked)) or 0


@contextmanager
def woken_at_once(database: Database, most: int = 1000) -> Iterator[list[int]]:
    """Collect how many sessions each statement wakes; after `most` of them the database is too slow."""
    woken: list[int] = []

    def note(*arguments: Any) -> None:
        if arguments[2].startswith("UPDATE sessions"):
            woken.append(arguments[1].rowcount)
            if len(woken) > most:
                raise StoreUnavailable("a time-out")

    event.listen(database.writing, "after_cursor_execute", note)
    try:
        yield woken
    finally:
        event.remove(database.writing, "after_cursor_execute", note)


def _fetch_good_set(database: Database) -> bool:
    keysets = SqlKeysets(database)
    keysets.ask({SOURCE: frozenset()}, NOW)
    [claimed] = keysets.claim_due(1, NOW, NOW + LEASE)
    fetched = keyset(source=SOURCE, fetched_at=NOW, attempted_at=NOW, refresh_at=NOW + LEASE)
    return keysets.save(fetched, claimed.lease_token or "", NOW)


def _pin(database: Database) -> bool:
    desk = SqlKeysetDesk(database)
    changed = desk.change(SOURCE, lambda one: after_pin(one, (jwk(),)), NOW)
    desk.wake(SOURCE, NOW)
    return bool(changed.keyset.keys)


def _notice_late(database: Database) -> bool:
    _fetch_good_set_unnoticed(database)
    return SqlKeysets(database).wake_if_renewed({SOURCE: None}, NOW)


def _fetch_good_set_unnoticed(database: Database) -> None:
    with suppress(StoreUnavailable), woken_at_once(database, most=0):
        _fetch_good_set(database)


@pytest.mark.parametrize("news", [_fetch_good_set, _pin, _notice_late])
def test_news_of_a_source_wake_a_crowd_in_chunks(database: Database, news: Callable[[Database], bool]) -> None:
    _park_crowd(database, 2 * CHUNK + 1)

    with woken_at_once(database) as woken:
        has_news = news(database)

    assert has_news
    assert woken[-3:] == [CHUNK, CHUNK, 1]
    assert _count_parked(database) == 0


def test_good_set_stands_however_long_the_waking_of_a_crowd_takes(database: Database) -> None:
    _park_crowd(database, 2 * CHUNK + 1)

    with woken_at_once(database, most=1), pytest.raises(StoreUnavailable):
        _fetch_good_set(database)

    assert SqlKeysets(database).load(frozenset({SOURCE}))[SOURCE].fetched_at == NOW
    assert _count_parked(database) == CHUNK + 1


def test_crowd_whose_good_set_was_saved_by_a_process_that_was_killed_is_woken_by_the_next_sweep(
    database: Database,
) -> None:
    _park_crowd(database, CHUNK + 1)
    _fetch_good_set_unnoticed(database)

    sources = [SqlKeysetDesk(database).wake_overslept(NOW) for _ in range(2)]

    assert sources == [1, 0]
    assert _count_parked(database) == 0


def test_figures_of_a_crowd_are_counted_up_to_a_bound(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyset_desk, "COUNTED_AT_MOST", 3)
    _park_crowd(database, 5)
    _fetch_good_set_unnoticed(database)
    SqlKeysets(database).ask({"https://other.example/jwks.json": frozenset()}, NOW)

    figures = SqlKeysetDesk(database).load_figures()

    assert {one.keyset.source: one.parked for one in figures} == {SOURCE: 3, "https://other.example/jwks.json": 0}


def test_pin_that_is_repeated_wakes_what_the_first_left_asleep(database: Database) -> None:
    _park_crowd(database, CHUNK + 1)
    with woken_at_once(database, most=0), pytest.raises(StoreUnavailable):
        _pin(database)

    _pin(database)

    assert _count_parked(database) == 0
