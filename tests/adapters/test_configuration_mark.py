"""The mark that every change of what is configured makes anew: who knows something at a mark need not look again."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import alembic.command
import pytest
from alembic.config import Config
from sqlalchemy import Connection, delete, insert, update

from app.adapters.database import configuration as reading
from app.adapters.database.engine import Database, open_database
from app.adapters.database.migrate import migrate
from app.adapters.database.revision import is_current
from app.adapters.database.schema import CampaignRow, ConfigurationMarkRow, InstallationSecretRow, PartnerRow
from app.domain.key_pairs import KeyGeneration
from app.domain.partner import Partner
from app.management_ports import DocumentKind
from tests.adapters.statements import counted_statements
from tests.adapters.stores import sql_configuration, sql_stores
from tests.architecture.sources import ROOT
from tests.builders import NOW
from tests.servers.postgres import Postgres

PARTNER, CAMPAIGN = DocumentKind.PARTNER, DocumentKind.CAMPAIGN
CAMPAIGNS, PARTNERS = frozenset({"945645"}), frozenset({"acme", "globex"})
ON_POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
ROW = {"version": 1, "created_at": NOW, "updated_at": NOW}


@pytest.fixture
def configured(database: Database) -> Database:
    documents = sql_stores(database).documents
    documents.put(PARTNER, "acme", {"name": "ACME"}, None, NOW)
    documents.put(PARTNER, "globex", {"name": "Globex"}, None, NOW)
    documents.put(CAMPAIGN, "945645", {"partner_id": "acme", "name": "Spring"}, None, NOW)
    sql_stores(database).key_pairs.add(KeyGeneration("acme", 1, (), NOW), NOW)
    return database


def mark_of(database: Database) -> str | None:
    return sql_configuration(database, []).read_mark()


def run(database: Database, *statements: Any) -> None:
    """Run statements in one transaction, as a process of another version would, or an operator by hand."""

    def run_all(connection: Connection) -> None:
        for statement in statements:
            if isinstance(statement, str):
                connection.exec_driver_sql(statement)
            else:
                connection.execute(statement)

    database.write(run_all)


def downgrade(database: Database, revision: str) -> None:
    """Take migrations back, as one would by hand: no process does."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))

    def take_back(connection: Connection) -> None:
        config.attributes["connection"] = connection
        alembic.command.downgrade(config, revision)

    database.write(take_back)


def rename_campaign(database: Database) -> None:
    sql_stores(database).documents.put(CAMPAIGN, "945645", {"partner_id": "acme", "name": "Summer"}, None, NOW)


@pytest.mark.parametrize(
    "change",
    [
        insert(PartnerRow).values(id="initech", **ROW),
        update(PartnerRow).values(version=PartnerRow.version + 1),
        delete(PartnerRow).where(PartnerRow.id == "globex"),
        insert(CampaignRow).values(id="other", partner_id="acme", **ROW),
        update(CampaignRow).values(version=CampaignRow.version + 1),
        delete(CampaignRow),
        insert(InstallationSecretRow).values(name="key_pairs:acme", kid="2", sealed_value=b"", created_at=NOW),
        update(InstallationSecretRow).values(retired_at=NOW),
        delete(InstallationSecretRow),
    ],
    ids=lambda statement: f"{type(statement).__name__}-{statement.table.name}",
)
def test_every_change_of_what_is_configured_makes_another_mark(configured: Database, change: Any) -> None:
    before = mark_of(configured)

    run(configured, change)

    assert mark_of(configured) != before


@ON_POSTGRES
@pytest.mark.parametrize("table", ["partners", "campaigns", "installation_secrets"])
def test_truncated_table_makes_another_mark(configured: Database, table: str) -> None:
    before = mark_of(configured)

    run(configured, f"TRUNCATE {table} CASCADE")

    assert mark_of(configured) != before


def test_change_that_is_taken_back_leaves_the_mark(configured: Database) -> None:
    before = mark_of(configured)

    def fail(connection: Connection) -> None:
        connection.execute(update(PartnerRow).values(version=7))
        raise LookupError

    with pytest.raises(LookupError):
        configured.write(fail)

    assert mark_of(configured) == before


@ON_POSTGRES
def test_changes_of_two_documents_cannot_lock_each_other_out(configured: Database) -> None:
    before = mark_of(configured)

    def rename(connection: Connection, id_: str) -> None:
        connection.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
        connection.execute(update(PartnerRow).where(PartnerRow.id == id_).values(version=7))

    def rename_both(connection: Connection) -> None:
        rename(connection, "acme")
        configured.write(lambda other: rename(other, "globex"))

    configured.write(rename_both)

    assert mark_of(configured) != before


@ON_POSTGRES
def test_change_by_who_sees_other_tables_first_makes_another_mark(configured: Database) -> None:
    before = mark_of(configured)

    run(
        configured,
        "CREATE SCHEMA other",
        "CREATE TABLE other.configuration_mark (mark text)",
        "SET LOCAL search_path = other",
        "UPDATE public.partners SET version = 7",
        "SET CONSTRAINTS ALL IMMEDIATE",
    )

    assert mark_of(configured) != before


@ON_POSTGRES
def test_many_changes_at_once_mark_once(configured: Database) -> None:
    run(
        configured,
        "INSERT INTO partners (id, version, created_at, updated_at) SELECT 'p' || n, 1, now(), now()"
        " FROM generate_series(1, 2000) AS n",
    )

    place = configured.read(
        lambda connection: connection.exec_driver_sql("SELECT ctid::text FROM configuration_mark").scalar_one()
    )
    assert place.startswith("(0,")  # each update of one transaction leaves a dead row, of which a page holds some 150


@ON_POSTGRES
def test_nobody_else_may_let_a_trigger_run_as_the_owner(configured: Database) -> None:
    may = configured.read(
        lambda connection: connection.exec_driver_sql(
            "SELECT has_function_privilege('pg_monitor', 'mark_configuration_change()', 'EXECUTE')"
        ).scalar_one()
    )

    assert may is False


def test_migration_beside_the_deletion_of_a_partner_ends(postgres: Postgres, postgres_template: str) -> None:
    url = postgres.create_database(postgres_template)
    old, new = open_database(url, "old"), open_database(url, "new")
    downgrade(old, "0011")
    migrating = threading.Thread(target=migrate, args=(new,))

    def delete_partner(connection: Connection) -> None:
        connection.execute(update(InstallationSecretRow).values(sealed_value=b""))
        migrating.start()
        migrating.join(0.5)  # it waits for us now
        connection.execute(update(PartnerRow).values(version=7))

    old.write(delete_partner)
    migrating.join(10)

    assert is_current(new)
    for database in (old, new):
        database.dispose()
    postgres.drop_database(url)


def test_mark_does_not_return_with_its_table(configured: Database) -> None:
    marks = [mark_of(configured)]

    for _ in range(2):
        downgrade(configured, "0011")
        migrate(configured)
        marks.append(mark_of(configured))
    run(configured, update(PartnerRow).values(version=7))
    marks.append(mark_of(configured))

    assert len(set(marks)) == 4


def test_what_is_known_at_this_mark_costs_one_statement_however_many(configured: Database) -> None:
    configuration = sql_configuration(configured, [])
    first = configuration.load(CAMPAIGNS, PARTNERS)

    with counted_statements(configured) as statements:
        second = configuration.load(CAMPAIGNS, PARTNERS)

    assert first == second
    assert statements == ["SELECT mark FROM configuration_mark"]


def test_change_of_another_document_is_looked_at_once(configured: Database) -> None:
    parsed: list[tuple[str, int]] = []
    configuration = sql_configuration(configured, parsed)
    configuration.load(CAMPAIGNS, PARTNERS)
    sql_stores(configured).documents.put(PARTNER, "initech", {"name": "Initech"}, None, NOW)

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


def test_change_while_documents_are_parsed_is_seen_the_next_time(configured: Database) -> None:
    plain = sql_configuration(configured, [])

    def parse_once_campaigns_are_read(id_: str, version: int, document: Mapping[str, object]) -> Partner:
        if version == 1 and id_ == "acme":
            rename_campaign(configured)
        return plain.parse_partner(id_, version, document)

    configuration = replace(plain, parse_partner=parse_once_campaigns_are_read)

    assert names_of_two_loads(configuration.load) == ["Spring", "Summer"]


@ON_POSTGRES  # on SQLite a reader sees one moment only
def test_change_between_the_mark_and_the_versions_is_seen_the_next_time(configured: Database) -> None:
    configuration = sql_configuration(configured, [])
    configuration.load(CAMPAIGNS, PARTNERS)
    run(configured, update(PartnerRow).where(PartnerRow.id == "globex").values(version=PartnerRow.version + 1))
    load_versions = reading._load_versions
    changed: list[str] = []

    def change_then_load(*arguments: Any) -> Any:
        versions = load_versions(*arguments)
        if not changed:
            changed.append("945645")
            rename_campaign(configured)
        return versions

    with patch.object(reading, "_load_versions", change_then_load):
        names = names_of_two_loads(configuration.load)

    assert names == ["Spring", "Summer"]


def test_mark_that_returns_to_an_older_one_is_another_mark(configured: Database) -> None:
    """After a failover that lost a commit, what was read at the lost mark is compared again."""
    before = mark_of(configured)
    configuration = sql_configuration(configured, [])
    rename_campaign(configured)
    configuration.load(CAMPAIGNS, PARTNERS)
    lost = update(CampaignRow).values(version=CampaignRow.version + 1, document={"partner_id": "acme", "name": "Lost"})
    run(configured, lost)

    run(configured, update(ConfigurationMarkRow).values(mark=before))

    assert configuration.load(CAMPAIGNS, PARTNERS).campaigns["945645"].name == "Lost"


def test_where_nobody_marks_versions_are_asked_for_each_time(configured: Database) -> None:
    run(configured, delete(ConfigurationMarkRow))
    configuration = sql_configuration(configured, [])
    configuration.load(CAMPAIGNS, PARTNERS)
    rename_campaign(configured)

    assert configuration.load(CAMPAIGNS, PARTNERS).campaigns["945645"].name == "Summer"


def names_of_two_loads(load: Callable[..., Any]) -> list[str]:
    return [load(CAMPAIGNS, PARTNERS).campaigns["945645"].name for _ in range(2)]
