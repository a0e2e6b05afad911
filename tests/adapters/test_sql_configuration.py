from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from app.adapters.database.engine import Database
from app.adapters.database.kept import Kept
from app.adapters.database.keysets import SqlKeysets
from app.adapters.database.schema import PartnerRow
from app.errors import SealBroken
from app.management_ports import DocumentKind
from tests.adapters.statements import counted_statements
from tests.adapters.stores import SEALING, sql_configuration, sql_stores
from tests.builders import NOW, SOURCE

PARTNER, CAMPAIGN = DocumentKind.PARTNER, DocumentKind.CAMPAIGN
CAMPAIGNS, PARTNERS = frozenset({"945645"}), frozenset({"acme"})


@pytest.fixture
def configured(database: Database) -> Database:
    documents = sql_stores(database).documents
    documents.put(PARTNER, "acme", {"name": "ACME", "secret": "s3cret"}, None, NOW)
    documents.put(CAMPAIGN, "945645", {"partner_id": "acme", "name": "Spring"}, None, NOW)
    return database


def test_configuration_parses_each_version_once_and_asks_once_per_batch(configured: Database) -> None:
    parsed: list[tuple[str, int]] = []
    configuration = sql_configuration(configured, parsed)
    first = configuration.load(CAMPAIGNS, PARTNERS)

    with counted_statements(configured) as statements:
        second = configuration.load(CAMPAIGNS, PARTNERS)

    assert first == second
    assert len(statements) == 1
    assert sorted(parsed) == [("945645", 1), ("acme", 1)]


def test_configuration_sees_a_new_version_in_the_next_batch(configured: Database) -> None:
    parsed: list[tuple[str, int]] = []
    configuration = sql_configuration(configured, parsed)
    configuration.load(CAMPAIGNS, PARTNERS)
    sql_stores(configured).documents.put(PARTNER, "acme", {"name": "renamed"}, None, NOW)

    loaded = configuration.load(CAMPAIGNS, PARTNERS)

    assert (loaded.partners["acme"].name, loaded.partners["acme"].version) == ("renamed", 2)
    assert parsed[-1] == ("acme", 2)


def test_configuration_leaves_out_what_is_unknown_or_deleted(configured: Database) -> None:
    configuration = sql_configuration(configured, [])
    configuration.load(CAMPAIGNS, PARTNERS)
    sql_stores(configured).documents.delete(CAMPAIGN, "945645", None)

    loaded = configuration.load(CAMPAIGNS | {"unknown"}, PARTNERS | {"unknown"})

    assert not loaded.campaigns
    assert set(loaded.partners) == {"acme"}
    assert configuration.load(frozenset(), frozenset()).partners == {}


def test_configuration_parses_anew_what_was_deleted_and_made_again(configured: Database) -> None:
    parsed: list[tuple[str, int]] = []
    configuration = sql_configuration(configured, parsed)
    configuration.load(CAMPAIGNS, PARTNERS)
    documents = sql_stores(configured).documents
    documents.delete(CAMPAIGN, "945645", None)
    documents.put(CAMPAIGN, "945645", {"partner_id": "acme", "name": "Summer"}, None, NOW)

    assert configuration.load(CAMPAIGNS, PARTNERS).campaigns["945645"].name == "Summer"


def test_configuration_with_a_secret_of_another_place_breaks(configured: Database) -> None:
    sealed = SEALING.seal(b"{}", "partners.sealed_secrets:globex")
    configured.write(lambda connection: connection.execute(update(PartnerRow).values(sealed_secrets=sealed)))

    with pytest.raises(SealBroken):
        sql_configuration(configured, []).load(CAMPAIGNS, PARTNERS)


def put_another_partner(database: Database) -> None:
    sql_stores(database).documents.put(PARTNER, "globex", {"name": "Globex"}, None, NOW)


def harm_partner(database: Database) -> None:
    sealed = SEALING.seal(b"{}", "partners.sealed_secrets:globex")
    broken = update(PartnerRow).where(PartnerRow.id == "acme").values(sealed_secrets=sealed)
    database.write(lambda connection: connection.execute(broken))


def misspell_partner(database: Database) -> None:
    sql_stores(database).documents.put(PARTNER, "acme", {"title": "of another version"}, None, NOW)


@pytest.mark.parametrize("harm", [harm_partner, misspell_partner])
def test_configuration_that_passes_over_leaves_out_what_cannot_be_read_and_says_so_once(
    configured: Database, harm: Callable[[Database], None]
) -> None:
    put_another_partner(configured)
    harm(configured)
    configuration = sql_configuration(configured, [], passes_over=True)

    with capture_logs() as events:
        loads = [configuration.load(CAMPAIGNS, PARTNERS | {"globex"}) for _ in range(3)]

    assert [(set(loaded.partners), loaded.unreadable_partners) for loaded in loads] == [({"globex"}, PARTNERS)] * 3
    assert set(loads[0].campaigns) == CAMPAIGNS
    assert [(event["event"], event["kind"], event["id"]) for event in events] == [
        ("document.unreadable", PARTNER, "acme")
    ]


def test_configuration_reads_what_was_mended(configured: Database) -> None:
    harm_partner(configured)
    configuration = sql_configuration(configured, [], passes_over=True)
    configuration.load(CAMPAIGNS, PARTNERS)
    mended = update(PartnerRow).values(sealed_secrets=None)
    configured.write(lambda connection: connection.execute(mended))

    loaded = configuration.load(CAMPAIGNS, PARTNERS)

    assert set(loaded.partners) == PARTNERS
    assert not loaded.unreadable_partners


def test_configuration_of_more_than_is_kept_is_whole(configured: Database) -> None:
    put_another_partner(configured)
    parsed: list[tuple[str, int]] = []
    configuration = replace(sql_configuration(configured, parsed), _partners=Kept(most=1))

    loads = [configuration.load(frozenset(), PARTNERS | {"globex"}) for _ in range(2)]

    assert [set(loaded.partners) for loaded in loads] == [{"acme", "globex"}] * 2
    assert len(configuration._partners) == 1


def test_keysets_of_more_than_is_kept_are_whole(database: Database) -> None:
    keysets = replace(SqlKeysets(database), _kept=Kept(most=1))
    keysets.ask({SOURCE: frozenset(), "https://other.example/jwks.json": frozenset()}, NOW)
    sources = frozenset({SOURCE, "https://other.example/jwks.json"})

    loads = [keysets.load(sources) for _ in range(2)]

    assert [loaded.keys() for loaded in loads] == [sources] * 2
    assert len(keysets._kept) == 1


def test_keysets_ask_once_per_batch_while_nothing_changes(database: Database) -> None:
    keysets = SqlKeysets(database)
    keysets.ask({SOURCE: frozenset()}, NOW)
    keysets.load(frozenset({SOURCE}))

    with counted_statements(database) as statements:
        loaded = keysets.load(frozenset({SOURCE}))

    assert SOURCE in loaded
    assert len(statements) == 1
