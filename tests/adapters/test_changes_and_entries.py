"""A manager's change and its entry in the record are stored together, or not at all."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from app.adapters.database.audit import SqlAuditLog
from app.adapters.database.dead_letters import SqlDeadLetters
from app.adapters.database.engine import Database, open_database
from app.adapters.database.migrate import migrate
from app.adapters.database.replays import SqlReplays
from app.adapters.database.schema import AuditRow
from app.adapters.database.schema_base import Base
from app.cli.wiring import Wiring, opened
from app.domain.audit import AuditFilter
from app.domain.replay import ReplayCommand, ReplayFilter, ReplayOrder
from app.management_ports import AuditEntry, DocumentKind
from app.settings import Settings
from app.steps.authorize import LOCAL_CALLER
from app.steps.prepare import PrepareInstallation
from app.steps.replay import StartReplay
from app.steps.secrets import EnsureSecrets
from app.steps.steer_replay import SteerReplays
from tests.builders import NOW, replay
from tests.documents.examples import campaign_body, partner_body
from tests.steps.pairs import paired_body
from tests.steps.verifying import key_pair

ENTRY = AuditEntry(NOW, "admin", "partner.paused", "acme")
Change = Callable[[Wiring], object]


class NoMore(Exception):
    """The entry cannot be stored."""


@pytest.fixture
def wiring(database_url: str, tmp_path: Path) -> Iterator[Wiring]:
    settings = Settings(database_url=database_url, master_keys=SecretStr("11" * 32), data_dir=tmp_path / "data")
    with opened(settings) as made:
        yield made


def _put(wiring: Wiring) -> object:
    return wiring.configure.put(DocumentKind.PARTNER, "acme", partner_body(name="ACME 2"), LOCAL_CALLER)


def _create(wiring: Wiring) -> object:
    return wiring.configure.put(DocumentKind.CAMPAIGN, "spring", campaign_body(), LOCAL_CALLER)


def _delete(wiring: Wiring) -> None:
    wiring.configure.delete(DocumentKind.PARTNER, "acme", LOCAL_CALLER)


def _pause(wiring: Wiring) -> object:
    return wiring.contain.pause("acme", LOCAL_CALLER)


def _refresh(wiring: Wiring) -> object:
    return wiring.manage_keysets.refresh("remote", LOCAL_CALLER)


def _pin(wiring: Wiring) -> object:
    return wiring.manage_keysets.pin("acme", {"keys": [key_pair("k2")[1]]}, LOCAL_CALLER)


def _revoke(wiring: Wiring) -> object:
    return wiring.revoke_key.begin("acme", "k1", LOCAL_CALLER)


def _rotate(wiring: Wiring) -> object:
    return wiring.rotate_key_pairs("paired", timedelta(days=1), LOCAL_CALLER)


def _erase(wiring: Wiring) -> object:
    return wiring.erase.begin("acme", "ada", LOCAL_CALLER)


def _start(wiring: Wiring) -> object:
    letters, replays = SqlDeadLetters(wiring.database), SqlReplays(wiring.database)
    start = StartReplay(wiring.documents, letters, replays, wiring.audit, wiring.clock)
    return start(ReplayOrder(ReplayFilter(partner_id="acme"), rate_per_second=1.0), LOCAL_CALLER)


def _steer(wiring: Wiring) -> object:
    steering = SteerReplays(SqlReplays(wiring.database), wiring.audit, wiring.clock)
    return steering.steer("rpl_running", ReplayCommand.PAUSE, LOCAL_CALLER)


def _prepare(wiring: Wiring) -> object:
    ensure = EnsureSecrets(wiring.secrets, wiring.clock)
    return PrepareInstallation(ensure, wiring.clients, wiring.audit, wiring.clock, "admin", "s" * 40)()


CHANGES: Mapping[str, Change] = {
    change.__name__.strip("_"): change
    for change in (_put, _create, _delete, _pause, _refresh, _pin, _revoke, _rotate, _erase, _start, _steer, _prepare)
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_change_whose_entry_cannot_be_stored_is_not_made(
    wiring: Wiring, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    _prepared(wiring)
    before = _contents(wiring.database)
    entries = len(before["audit_log"])

    with monkeypatch.context() as broken:
        broken.setattr(SqlAuditLog, "add", _refuse)
        with pytest.raises(NoMore):
            change(wiring)
    without_entry = _contents(wiring.database)
    change(wiring)
    with_entry = _contents(wiring.database)

    assert without_entry == before
    assert with_entry != before
    assert len(with_entry["audit_log"]) == entries + 1


def test_block_reads_what_it_wrote_and_needs_no_second_connection(database_url: str) -> None:
    database = open_database(database_url, "test", pool_size=1, pool_timeout_seconds=1)
    audit = SqlAuditLog(database)

    with audit.together():
        audit.add(ENTRY)
        assert [one.entry for one in audit.load_page(AuditFilter(), None, 10)] == [ENTRY]

    database.dispose()


def test_block_is_not_seen_by_others_before_its_end(database: Database) -> None:
    audit = SqlAuditLog(database)
    seen: list[int] = []

    def look() -> None:
        seen.append(len(audit.load_page(AuditFilter(), None, 10)))

    with audit.together():
        audit.add(ENTRY)
        _in_another_thread(look)
    _in_another_thread(look)

    assert seen == [0, 1]


def test_what_fails_and_is_dealt_with_leaves_the_block_usable(database: Database) -> None:
    audit = SqlAuditLog(database)

    with audit.together():
        with pytest.raises(IntegrityError):
            database.write(lambda connection: connection.execute(insert(AuditRow).values({"at": NOW})))
        audit.add(ENTRY)

    assert [one.entry for one in audit.load_page(AuditFilter(), None, 10)] == [ENTRY]


def test_blocks_of_two_databases_are_two(database: Database, tmp_path: Path) -> None:
    other = open_database(f"sqlite:///{tmp_path / 'other.sqlite3'}", "test")
    migrate(other)

    with database.together():
        SqlAuditLog(other).add(ENTRY)
        assert SqlAuditLog(database).load_page(AuditFilter(), None, 10) == []

    assert len(SqlAuditLog(other).load_page(AuditFilter(), None, 10)) == 1
    other.dispose()


def _in_another_thread(work: Callable[[], None]) -> None:
    thread = Thread(target=work)
    thread.start()
    thread.join()


def _refuse(*_: object) -> None:
    raise NoMore


def _prepared(wiring: Wiring) -> None:
    EnsureSecrets(wiring.secrets, wiring.clock)()
    wiring.configure.put(DocumentKind.PARTNER, "acme", partner_body(), LOCAL_CALLER)
    wiring.configure.put(DocumentKind.PARTNER, "paired", paired_body(), LOCAL_CALLER)
    published = {"method": "jwks", "jwks_url": "https://remote.example/jwks", "algorithms": ["RS256"]}
    wiring.configure.put(DocumentKind.PARTNER, "remote", partner_body(signature=published), LOCAL_CALLER)
    wiring.manage_keysets.pin("acme", {"keys": [key_pair("k1")[1]]}, LOCAL_CALLER)
    SqlReplays(wiring.database).add(replay(id="rpl_running", partner_id="paired"))


def _contents(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    def read(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
        tables = Base.metadata.tables.items()
        return {name: sorted(map(tuple, connection.execute(select(table))), key=repr) for name, table in tables}

    return database.read(read)
