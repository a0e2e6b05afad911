"""Upkeep as it is composed: it finishes what others began, and deletes what is kept no longer."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from app.adapters.database.audit import SqlAuditLog
from app.adapters.database.engine import Database
from app.adapters.database.erasures import SqlErasures
from app.adapters.database.migrate import migrate
from app.adapters.database.schema import AuditRow, Base, ErasureRow, SessionRow, VoidOrderRow
from app.adapters.database.void_orders import SqlVoidOrders
from app.domain.erasure import Erasure
from app.keyset_ports import VoidOrder
from app.management_ports import AuditEntry
from app.ports import Work
from app.settings import load_settings
from workers.composition import _Parts, compose

DAY = timedelta(days=1)


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[_Parts]:
    settings = load_settings({"VESTIBULE_DATA_DIR": str(tmp_path), "VESTIBULE_AUDIT_DAYS": "30"})
    composed = _Parts(settings, frozenset({Work.UPKEEP}))
    migrate(composed.database)
    yield composed
    composed.close()


def settled(id_: str, digest: str, now: datetime) -> dict[str, object]:
    return {
        "id": id_,
        "campaign_id": "945645",
        "partner_id": "acme",
        "stage": "done",
        "encrypted": False,
        "received_at": now - timedelta(minutes=5),
        "deadline_at": now,
        "expires_at": now + DAY,
        "participant_digest": digest,
    }


def count(database: Database, model: type[Base]) -> int:
    counted = select(func.count()).select_from(model)
    return database.read(lambda connection: connection.scalar(counted)) or 0


def test_upkeep_finishes_erasures_and_ends_what_is_kept_no_longer(parts: _Parts) -> None:
    now, database = datetime.now(UTC), parts.database
    rows = [settled("ses_1", "ada", now), settled("ses_2", "bob", now)]
    database.write(lambda connection: connection.execute(insert(SessionRow), rows))
    SqlErasures(database).add(Erasure("acme", "ada", now - timedelta(minutes=1)))
    for age in (29, 31):
        SqlAuditLog(database).add(AuditEntry(now - age * DAY, "admin", "partner.paused", "acme"))

    parts.finishing()["erasures"]()
    parts.purge(is_told_to_stop=bool)

    assert database.read(lambda connection: connection.scalars(select(SessionRow.id)).all()) == ["ses_2"]
    assert (count(database, ErasureRow), count(database, AuditRow)) == (0, 1)


def test_upkeep_finishes_revocations_whose_sessions_are_to_be_rejected(parts: _Parts) -> None:
    now, database = datetime.now(UTC), parts.database
    accepted = {"token_status": "accepted", "key_thumbprint": "stolen", "keyset_version": 1}
    rows = [settled("ses_1", "ada", now) | accepted, settled("ses_2", "bob", now) | accepted]
    rows[1]["key_thumbprint"] = "good"
    database.write(lambda connection: connection.execute(insert(SessionRow), rows))
    order = VoidOrder("acme", "k1", frozenset({"stolen"}), now - timedelta(minutes=1), "admin")
    SqlVoidOrders(database).add(order)

    parts.finishing()["voids"]()

    statuses = select(SessionRow.token_status).order_by(SessionRow.id)
    assert database.read(lambda connection: connection.scalars(statuses).all()) == ["rejected", "accepted"]
    assert count(database, VoidOrderRow) == 0


def test_only_a_process_that_keeps_up_finishes_things_and_each_by_itself(parts: _Parts) -> None:
    settings, roles = parts.settings, (Work.UPKEEP, Work.VERIFY)

    composed = [compose(settings, frozenset({role}), lambda: False) for role in roles]

    assert [len(process.finishing) for process in composed] == [len(parts.finishing()), 0]
    for process in composed:
        assert process.close is not None
        process.close()
