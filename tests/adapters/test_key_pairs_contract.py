"""Key pairs in the store: the same on the twin, SQLite and PostgreSQL; and how the journey comes to see them."""

from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import select, update

from app.adapters.database.configuration import SqlConfiguration
from app.adapters.database.engine import Database
from app.adapters.database.schema import InstallationSecretRow
from app.documents.campaign import to_campaign
from app.documents.partner import parse_partner_document, to_partner
from app.domain.key_pairs import KeyGeneration
from app.domain.partner import KeyMaterial, Partner
from app.errors import SealBroken
from app.management_ports import DocumentKind
from tests.adapters.statements import counted_statements
from tests.adapters.stores import SEALING, Stores, join_secret, sql_stores
from tests.builders import NOW
from tests.documents.examples import OUTBOUND
from tests.steps.pairs import paired_body

HOUR = timedelta(hours=1)
PARTNER = DocumentKind.PARTNER


def generation(number: int = 1, partner_id: str = "acme", **changes: object) -> KeyGeneration:
    jwk = {"kty": "OKP", "kid": f"{partner_id}-{number}", "d": "private-half"}
    made = KeyGeneration(partner_id, number, (jwk,), NOW + (number - 1) * HOUR)
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields


def configure(stores: Stores, partner_id: str = "acme") -> None:
    stores.documents.put(PARTNER, partner_id, parse_partner_document(paired_body(), None, OUTBOUND), None, NOW)


def configuration(database: Database) -> SqlConfiguration:
    return SqlConfiguration(database, SEALING, join_secret, to_partner, to_campaign)


def partner_in(source: SqlConfiguration, partner_id: str = "acme") -> Partner:
    return source.load(frozenset(), frozenset({partner_id})).partners[partner_id]


def test_key_pairs_are_loaded_as_they_were_stored_the_newest_first(stores: Stores) -> None:
    for number in range(1, 11):
        assert stores.key_pairs.add(generation(number), NOW + 100 * HOUR)

    loaded = stores.key_pairs.load("acme")

    retired = [generation(number, retired_at=NOW + 100 * HOUR) for number in range(9, 0, -1)]
    assert list(loaded) == [generation(10), *retired]
    assert list(stores.key_pairs.load("globex")) == []


def test_key_pairs_of_a_number_that_is_taken_change_nothing(stores: Stores) -> None:
    stores.key_pairs.add(generation(1), NOW)

    added = stores.key_pairs.add(generation(1, jwks=({"kty": "OKP", "kid": "late"},)), NOW)

    assert not added
    assert list(stores.key_pairs.load("acme")) == [generation(1)]


def test_key_pairs_that_retire_keep_the_earlier_end_and_are_wiped_when_it_is_over(stores: Stores) -> None:
    stores.key_pairs.add(generation(1), NOW)
    stores.key_pairs.add(generation(2), NOW + 2 * HOUR)
    stores.key_pairs.add(generation(3), NOW + 9 * HOUR)
    stores.key_pairs.add(generation(4, created_at=NOW + 3 * HOUR), NOW + 4 * HOUR)

    loaded = stores.key_pairs.load("acme")

    assert list(loaded) == [
        generation(4, created_at=NOW + 3 * HOUR),
        generation(3, retired_at=NOW + 4 * HOUR),
        generation(2, retired_at=NOW + 4 * HOUR),
        generation(1, retired_at=NOW + 2 * HOUR, jwks=()),
    ]


def test_key_pairs_of_one_partner_do_not_touch_those_of_another(stores: Stores) -> None:
    stores.key_pairs.add(generation(1, "globex"), NOW)
    stores.key_pairs.add(generation(1), NOW)
    stores.key_pairs.add(generation(2), NOW)

    assert list(stores.key_pairs.load("globex")) == [generation(1, "globex")]


def test_key_pairs_that_threads_store_together_are_stored_once(database: Database) -> None:
    added: list[bool] = []
    start = Barrier(4)

    def add() -> None:
        store = sql_stores(database).key_pairs
        start.wait(10)
        added.append(store.add(generation(1), NOW))

    threads = [Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert sorted(added) == [False, False, False, True]


def test_key_pairs_stand_sealed_for_their_partner(database: Database) -> None:
    stores = sql_stores(database)
    stores.key_pairs.add(generation(1), NOW)
    sealed = database.read(lambda connection: connection.scalar(select(InstallationSecretRow.sealed_value)))
    moved = update(InstallationSecretRow).values(name="key_pairs:globex")
    database.write(lambda connection: connection.execute(moved))

    with pytest.raises(SealBroken):
        stores.key_pairs.load("globex")

    assert sealed is not None
    assert b"private-half" not in sealed


def test_configuration_sees_new_key_pairs_with_its_ordinary_query(database: Database) -> None:
    stores, source = sql_stores(database), configuration(database)
    configure(stores)
    without = partner_in(source)
    stores.key_pairs.add(generation(1), NOW)
    with_one = partner_in(source)
    stores.key_pairs.add(generation(2), NOW + 9 * HOUR)
    with_two = partner_in(source)

    with counted_statements(database) as statements:
        again = partner_in(source)

    ones = (without, with_one, with_two)
    assert [one.encryption and (one.encryption.generation, len(one.encryption.keys)) for one in ones] == [
        (0, 0),
        (1, 1),
        (2, 2),
    ]
    assert with_two.encryption is not None
    assert with_two.encryption.keys == (
        KeyMaterial(jwk=generation(2).jwks[0], kid="acme-2"),
        KeyMaterial(jwk=generation(1).jwks[0], kid="acme-1", not_after=NOW + 9 * HOUR),
    )
    assert again is with_two
    assert len(statements) == 1


def test_key_pairs_of_a_deleted_partner_are_wiped(database: Database) -> None:
    stores, source = sql_stores(database), configuration(database)
    for partner_id in ("acme", "globex"):
        configure(stores, partner_id)
        stores.key_pairs.add(generation(1, partner_id), NOW)
    partner_in(source)

    stores.documents.delete(PARTNER, "acme", None)
    configure(stores)

    encryption = partner_in(source).encryption
    assert encryption is not None
    assert encryption.keys == ()
    assert [one.jwks for one in stores.key_pairs.load("acme")] == [()]
    assert list(stores.key_pairs.load("globex")) == [generation(1, "globex")]
