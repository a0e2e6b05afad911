"""Sessions that are still to be rejected, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.keyset_ports import VoidOrder


@dataclass(slots=True)
class MemoryVoidOrders:
    """The twin of VoidOrders; `rows` are open to tests."""

    rows: dict[tuple[str, str], VoidOrder] = field(default_factory=dict)

    def add(self, order: VoidOrder) -> None:
        self.rows[order.partner_id, order.kid] = order

    def load(self, asked_by: datetime, limit: int) -> Sequence[VoidOrder]:
        asked = sorted(self.rows.values(), key=lambda order: order.asked_at)
        return [order for order in asked if order.asked_at <= asked_by][:limit]

    def end(self, order: VoidOrder) -> None:
        if self.rows.get((order.partner_id, order.kid)) == order:
            del self.rows[order.partner_id, order.kid]
