"""The number that counts the changes of what is configured: who knows something at a number need not look again."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, delete, update

from app.adapters.database.engine import Database
from app.adapters.database.schema import CampaignRow, ConfigurationChangesRow, InstallationSecretRow, PartnerRow
from app.domain.key_pairs import KeyGeneration
from app.domain.partner import Partner
from app.management_ports import DocumentKind
from tests.adapters.statements import counted_statements
from tests.adapters.stores import sql_configuration, sql_stores
from tests.builders import NOW

PARTNER, CAMPAIGN = DocumentKind.PARTNER, DocumentKind.CAMPAIGN
CAMPAIGNS, PARTNERS = frozenset({"945645"}), frozenset({"acme", "globex"})


@pytest.fixture
def configured(database: Database) -> Database:
    documents = sql_stores(database).documents
    documents.put(PARTNER, "acme", {"name": "ACME"}, None, NOW)
    documents.put(PARTNER, "globex", {"name": "Globex"}, None, NOW)
    documents.put(CAMPAIGN, "945645", {"partner_id": "acme", "name": "Spring"}, None, NOW)
    sql_stores(database).key_pairs.add(KeyGeneration("acme", 1, (), NOW), NOW)
    return database


def number_of(database: Database) -> int:
    rows = database.read(
        lambda connection: connection.exec_driver_sql("SELECT number FROM configuration_changes").all()
    )
    return int(rows[0][0])


def put_document(database: Database) -> None:
    sql_stores(database).documents.put(PARTNER, "initech", {"name": "Initech"}, None, NOW)


def change_document(database: Database) -> None:
    sql_stores(database).documents.put(CAMPAIGN, "945645", {"partner_id": "acme", "name": "Summer"}, None, NOW)


def delete_document(database: Database) -> None:
    sql_stores(database).documents.delete(CAMPAIGN, "945645", None)


def add_key_pairs(database: Database) -> None:
    sql_stores(database).key_pairs.add(KeyGeneration("acme", 2, (), NOW), NOW)


def run(statement: Any) -> Callable[[Database], None]:
    """Return what runs one statement, as a process of another version would, or an operator by hand."""

    def change(database: Database) -> None:
        database.write(lambda connection: connection.execute(statement))

    return change


@pytest.mark.parametrize(
    "change",
    [
        put_document,
        change_document,
        delete_document,
        add_key_pairs,
        run(update(PartnerRow).values(version=PartnerRow.version + 1)),
        run(delete(CampaignRow)),
        run(delete(InstallationSecretRow)),
    ],
)
def test_every_change_of_what_is_configured_is_counted(
    configured: Database, change: Callable[[Database], None]
) -> None:
    before = number_of(configured)

    change(configured)

    assert number_of(configured) > before


def test_change_that_is_taken_back_is_not_counted(configured: Database) -> None:
    before = number_of(configured)

    def fail(connection: Connection) -> None:
        connection.execute(update(PartnerRow).values(version=7))
        raise LookupError

    with pytest.raises(LookupError):
        configured.write(fail)

    assert number_of(configured) == before


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)  # SQLite has one writer at a time anyway
def test_changes_of_two_documents_do_not_wait_for_each_other(configured: Database) -> None:
    before = number_of(configured)

    def rename(connection: Connection, id_: str) -> None:
        connection.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
        connection.execute(update(PartnerRow).where(PartnerRow.id == id_).values(version=7))

    def rename_both(connection: Connection) -> None:
        rename(connection, "acme")
        configured.write(lambda other: rename(other, "globex"))

    configured.write(rename_both)

    assert number_of(configured) == before + 2


def test_what_is_known_at_this_number_costs_one_statement_however_many(configured: Database) -> None:
    configuration = sql_configuration(configured, [])
    first = configuration.load(CAMPAIGNS, PARTNERS)

    with counted_statements(configured) as statements:
        second = configuration.load(CAMPAIGNS, PARTNERS)

    assert first == second
    assert statements == ["SELECT number FROM configuration_changes"]


def test_change_of_another_document_is_looked_at_once(configured: Database) -> None:
    parsed: list[tuple[str, int]] = []
    configuration = sql_configuration(configured, parsed)
    configuration.load(CAMPAIGNS, PARTNERS)
    put_document(configured)

    asked = []
    for _ in range(2):
        with counted_statements(configured) as statements:
            loaded = configuration.load(CAMPAIGNS, PARTNERS)
        asked.append(len(statements))

    assert loaded.campaigns.keys() == CAMPAIGNS
    assert loaded.partners.keys() == PARTNERS
    assert asked == [2, 1]
    assert len(parsed) == len(set(parsed))


def test_who_asks_for_one_more_is_asked_for_that_one_alone(configured: Database) -> None:
    parsed: list[tuple[str, int]] = []
    configuration = sql_configuration(configured, parsed)
    configuration.load(frozenset(), frozenset({"acme"}))

    loaded = configuration.load(CAMPAIGNS, PARTNERS)

    assert loaded.campaigns.keys() == CAMPAIGNS
    assert loaded.partners.keys() == PARTNERS
    assert sorted(parsed) == [("945645", 1), ("acme", 1), ("globex", 1)]


def test_change_while_documents_are_read_is_seen_the_next_time(configured: Database) -> None:
    plain = sql_configuration(configured, [])

    def parse_once_campaigns_are_read(id_: str, version: int, document: Mapping[str, object]) -> Partner:
        if version == 1 and id_ == "acme":
            change_document(configured)
        return plain.parse_partner(id_, version, document)

    configuration = replace(plain, parse_partner=parse_once_campaigns_are_read)

    loads = [configuration.load(CAMPAIGNS, PARTNERS) for _ in range(2)]

    assert [loaded.campaigns["945645"].name for loaded in loads] == ["Spring", "Summer"]


def test_where_nobody_counts_versions_are_asked_for_each_time(configured: Database) -> None:
    configured.write(lambda connection: connection.execute(delete(ConfigurationChangesRow)))
    configuration = sql_configuration(configured, [])
    configuration.load(CAMPAIGNS, PARTNERS)
    change_document(configured)

    assert configuration.load(CAMPAIGNS, PARTNERS).campaigns["945645"].name == "Summer"
