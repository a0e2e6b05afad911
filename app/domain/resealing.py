"""What sealing anew under another master key came to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resealed:
    """Of one stretch, or in sum: rows looked at, values sealed anew, and those that no key of the ring opens.

    `after` is the key behind which the next stretch begins (None: that was the last).
    """

    rows: int = 0
    resealed: int = 0
    unreadable: int = 0
    after: tuple[str, ...] | None = None


def in_sum(total: Resealed, stretch: Resealed) -> Resealed:
    """Return the sum, to be continued where `stretch` ended."""
    return Resealed(
        total.rows + stretch.rows,
        total.resealed + stretch.resealed,
        total.unreadable + stretch.unreadable,
        stretch.after,
    )
