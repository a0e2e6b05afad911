"""A partner's health as a row, and back; how rows are locked, read and written.

Members of the two documents may be added; what stands there once is read forever.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, delete, select, update

from app.adapters.database.inserting import insert_into
from app.adapters.database.schema import PartnerHealthRow, PartnerRow
from app.adapters.database.types import from_micros, to_micros
from app.domain.breaker import Breaker, Tally
from app.domain.budget import Bucket
from app.domain.health import Minute, PartnerHealth, Pause
from app.domain.session import Priority
from app.reasons import PrefillReason

Upto = Mapping[Priority, datetime]
"""The latest due time that was claimed, by class."""

_COLUMNS = (
    PartnerHealthRow.partner_id,
    PartnerHealthRow.breaker,
    PartnerHealthRow.budget,
    PartnerHealthRow.opened_until,
    PartnerHealthRow.paused_until,
    PartnerHealthRow.paused_by,
    PartnerHealthRow.claimed_upto,
)


@dataclass(frozen=True, slots=True)
class LockedPartner:
    """A partner's row under our lock; that of a deleted partner is a new one, and nobody writes it."""

    health: PartnerHealth = field(default_factory=PartnerHealth)
    upto: Upto = field(default_factory=dict)


def load_healths(connection: Connection, partner_ids: Collection[str]) -> Mapping[str, PartnerHealth]:
    """Return the health of each partner, a new one for whoever has none yet."""
    found = {row["partner_id"]: _to_health(row) for row in connection.execute(_chosen(partner_ids)).mappings()}
    return {partner_id: found.get(partner_id, PartnerHealth()) for partner_id in partner_ids}


def lock_partners(connection: Connection, partner_ids: Collection[str], now: datetime) -> Mapping[str, LockedPartner]:
    """Return the row of each partner, locked; in the order of their ids, so that nobody waits in a circle.

    A lock does not hold up a reader. No row is made for a partner that is deleted, also while this transaction lasts.
    """
    locked = _chosen(partner_ids).order_by(PartnerHealthRow.partner_id).with_for_update(key_share=True)
    rows = connection.execute(locked).mappings().all()
    missing = set(partner_ids) - {row["partner_id"] for row in rows}
    new = sorted(missing - _hold_deleted(connection, missing)) if missing else []
    if new:
        empty = {"version": 0, "updated_at": now, **_values(PartnerHealth())}
        insert = insert_into(connection, PartnerHealthRow).on_conflict_do_nothing()
        connection.execute(insert, [{**empty, "partner_id": partner_id} for partner_id in new])
        rows = connection.execute(locked).mappings().all()
    found = {row["partner_id"]: _to_locked(row) for row in rows}
    return {partner_id: found.get(partner_id) or LockedPartner() for partner_id in partner_ids}


def write_partners(connection: Connection, partners: Mapping[str, LockedPartner], now: datetime) -> None:
    """Write rows that are locked; where there is none, since its partner was deleted, none is made."""
    if not partners:
        return
    write = (
        update(PartnerHealthRow)
        .where(PartnerHealthRow.partner_id == bindparam("id"))
        .values({name: bindparam(f"new_{name}") for name in _WRITTEN})
    )
    rows = [
        {
            "id": id_,
            "new_updated_at": now,
            "new_claimed_upto": [[priority.value, to_micros(at)] for priority, at in partner.upto.items()],
            **{f"new_{name}": value for name, value in _values(partner.health).items()},
        }
        for id_, partner in sorted(partners.items())
    ]
    connection.execute(write, rows)


def forget_partner(connection: Connection, partner_id: str) -> None:
    """Forget how a partner was that is deleted; whoever takes its id is not found paused, or behind its breaker."""
    connection.execute(delete(PartnerHealthRow).where(PartnerHealthRow.partner_id == partner_id))


_WRITTEN = ("breaker", "budget", "opened_until", "paused_until", "paused_by", "claimed_upto", "updated_at")


def _hold_deleted(connection: Connection, partner_ids: Collection[str]) -> frozenset[str]:
    """Return which of these partners are deleted; the others cannot be before this transaction ends."""
    ids = PartnerRow.id.in_(sorted(partner_ids))
    held = select(PartnerRow.id, PartnerRow.document.is_(None)).where(ids).order_by(PartnerRow.id)
    rows = connection.execute(held.with_for_update(read=True, key_share=True))
    return frozenset(partner_id for partner_id, is_deleted in rows if is_deleted)


def _chosen(partner_ids: Collection[str]) -> Any:
    return select(*_COLUMNS).where(PartnerHealthRow.partner_id.in_(sorted(partner_ids)))


def _values(health: PartnerHealth) -> dict[str, Any]:
    breaker, pause = health.breaker, health.pause
    return {
        "breaker": {
            "window": [[to_micros(tally.began_at), tally.calls, tally.faults] for tally in breaker.window],
            "openings": breaker.openings,
            "probing": [breaker.probing, breaker.probes_out, breaker.probes_good],
            "minutes": [[to_micros(minute.began_at), dict(minute.errors)] for minute in health.minutes],
        },
        "budget": {"bank": _spell(health.bank), "rate": _spell(health.rate)},
        "opened_until": breaker.opened_until,
        "paused_until": pause and pause.until,
        "paused_by": pause and pause.by,
    }


def _to_locked(row: RowMapping) -> LockedPartner:
    upto = {Priority(priority): from_micros(at) for priority, at in row["claimed_upto"] or ()}
    return LockedPartner(_to_health(row), upto)


def _to_health(row: RowMapping) -> PartnerHealth:
    breaker, budget = row["breaker"], row["budget"]
    probing, probes_out, probes_good = breaker.get("probing", (0, 0, 0))
    return PartnerHealth(
        breaker=Breaker(
            window=tuple(Tally(from_micros(at), calls, faults) for at, calls, faults in breaker.get("window", ())),
            opened_until=row["opened_until"],
            openings=breaker.get("openings", 0),
            probing=probing,
            probes_out=probes_out,
            probes_good=probes_good,
        ),
        bank=_bucket(budget.get("bank")),
        rate=_bucket(budget.get("rate")),
        pause=Pause(row["paused_until"], row["paused_by"]) if row["paused_by"] else None,
        minutes=tuple(
            Minute(from_micros(at), {PrefillReason(name): times for name, times in errors.items()})
            for at, errors in breaker.get("minutes", ())
        ),
    )


def _spell(bucket: Bucket | None) -> list[float] | None:
    return None if bucket is None else [bucket.tokens, to_micros(bucket.at)]


def _bucket(spelled: list[Any] | None) -> Bucket | None:
    return None if spelled is None else Bucket(spelled[0], from_micros(spelled[1]))
