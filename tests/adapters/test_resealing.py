"""Everything sealed is brought under the first master key, and reads as before."""

import pytest
from sqlalchemy import LargeBinary, select, update

from app.adapters.database import resealing
from app.adapters.database.engine import Database
from app.adapters.database.resealing import SqlResealing
from app.adapters.database.schema import Base, SessionRow
from app.adapters.sealing import AesSealing, KeyRing
from app.domain.resealing import Resealed, in_sum
from app.domain.session import Stage
from app.management_ports import DocumentKind, InstallationSecret
from app.ports import Claim
from tests.adapters.stores import MASTER_KEY, SEALING, Stores, sql_stores
from tests.builders import NOW, move, new_session, outcome, request
from tests.documents.examples import campaign_body

NEW_KEY = bytes(range(32, 64))
BOTH = AesSealing(KeyRing.of((NEW_KEY, MASTER_KEY)))
NEW = AesSealing(KeyRing.of((NEW_KEY,)))


def fill(stores: Stores) -> None:
    """Store something in every sealed column."""
    stores.documents.put(DocumentKind.PARTNER, "acme", {"name": "ACME", "secret": "s3cret"}, None, NOW)
    stores.documents.put(DocumentKind.CAMPAIGN, "945645", {**campaign_body(), "secret": "c-secret"}, None, NOW)
    stores.secrets.add(InstallationSecret("signing", "1", b"private", NOW))
    sessions = [new_session() for _ in range(3)]
    stores.intake.add(sessions, NOW)
    [claimed] = stores.queue.claim(Claim(Stage.VERIFY, 1, NOW, NOW))
    stores.queue.finish([move(claimed, Stage.FETCH, due_at=NOW, outcome=outcome(), request=request())], NOW)


def reseal_all(database: Database, sealing: AesSealing = BOTH) -> dict[str, Resealed]:
    step, totals = SqlResealing(database, sealing), {}
    for place in step.places:
        total, is_over = Resealed(), False
        while not is_over:
            total = in_sum(total, step.reseal_stretch(place, total.after))
            is_over = total.after is None
        totals[place] = total
    return totals


def test_every_sealed_column_is_known() -> None:
    sealed = {
        column for table in Base.metadata.tables.values() for column in table.c if isinstance(column.type, LargeBinary)
    }
    known = {place.column.property.columns[0] for place in resealing._PLACES.values()}

    assert sealed
    assert known == sealed


def test_resealed_values_read_as_before_by_the_new_key_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "STRETCH", 2)
    fill(sql_stores(database))

    first, second = reseal_all(database), reseal_all(database)

    counts = {place: (total.rows, total.resealed, total.unreadable) for place, total in first.items()}
    assert counts == {
        "installation_secrets": (1, 1, 0),
        "partners": (1, 1, 0),
        "campaigns": (1, 1, 0),
        "sessions.token": (3, 2, 0),
        "sessions.prefill_request": (3, 1, 0),
        "sessions.result": (3, 1, 0),
    }
    assert sum(total.resealed for total in second.values()) == 0
    renewed = sql_stores(database, NEW)
    stored = renewed.documents.find(DocumentKind.PARTNER, "acme")
    assert stored is not None
    assert stored.document["secret"] == "s3cret"
    [secret] = renewed.secrets.load("signing")
    assert secret.value == b"private"
    assert len(renewed.queue.claim(Claim(Stage.VERIFY, 9, NOW, NOW))) == 2
    [fetched] = renewed.queue.claim(Claim(Stage.FETCH, 9, NOW, NOW))
    assert (fetched.request, fetched.outcome) == (request(), outcome())


def test_value_of_a_key_that_is_gone_is_counted_and_left(database: Database) -> None:
    fill(sql_stores(database))

    totals = reseal_all(database, NEW)

    assert sum(total.unreadable for total in totals.values()) == 7
    assert sum(total.resealed for total in totals.values()) == 0
    assert len(sql_stores(database, SEALING).secrets.load("signing")) == 1


def test_value_that_changed_meanwhile_is_left_as_it_is(database: Database) -> None:
    fill(sql_stores(database))
    place = resealing._PLACES["sessions.token"]
    found = database.read(lambda connection: connection.execute(resealing._stretch(place, None)).all())
    renewed = [(row, b"sealed anew") for row in found if row[-1]]
    database.write(lambda connection: connection.execute(update(SessionRow).values(token=b"another")))

    changed = database.write(lambda connection: resealing._save(connection, place, renewed))

    assert (len(renewed), changed) == (2, 0)
    assert set(database.read(lambda connection: connection.scalars(select(SessionRow.token)).all())) == {b"another"}
