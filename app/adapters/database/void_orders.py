"""Which sessions are still to be rejected, since a key that had accepted them was revoked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from app.adapters.database.engine import Database
from app.adapters.database.inserting import insert_into
from app.adapters.database.schema import VoidOrderRow
from app.keyset_ports import VoidOrder


@dataclass(frozen=True, slots=True)
class SqlVoidOrders:
    """Implements `keyset_ports.VoidOrders`."""

    database: Database

    def add(self, order: VoidOrder) -> None:
        """Remember `order`, in place of an earlier one for the same kid."""
        changed = {
            "thumbprints": sorted(order.thumbprints),
            "asked_at": order.asked_at,
            "actor": order.actor,
            "request_id": order.request_id,
        }
        row = {"partner_id": order.partner_id, "kid": order.kid, **changed}
        keys = [VoidOrderRow.partner_id, VoidOrderRow.kid]
        self.database.write_one(
            lambda connection: connection.execute(
                insert_into(connection, VoidOrderRow)
                .values(row)
                .on_conflict_do_update(index_elements=keys, set_=changed)
            )
        )

    def load(self, asked_by: datetime, limit: int) -> Sequence[VoidOrder]:
        """Return those that were asked for until then, the oldest first."""
        chosen = select(
            VoidOrderRow.partner_id,
            VoidOrderRow.kid,
            VoidOrderRow.thumbprints,
            VoidOrderRow.asked_at,
            VoidOrderRow.actor,
            VoidOrderRow.request_id,
        )
        oldest = chosen.where(VoidOrderRow.asked_at <= asked_by).order_by(VoidOrderRow.asked_at).limit(limit)
        rows = self.database.read(lambda connection: connection.execute(oldest).all())
        return [VoidOrder(id_, kid, frozenset(thumbprints), *rest) for id_, kid, thumbprints, *rest in rows]

    def end(self, order: VoidOrder) -> None:
        """Forget `order`, unless another one took its place meanwhile."""
        done = delete(VoidOrderRow).where(
            VoidOrderRow.partner_id == order.partner_id,
            VoidOrderRow.kid == order.kid,
            VoidOrderRow.asked_at == order.asked_at,
        )
        self.database.write_one(lambda connection: connection.execute(done))
