"""Look for due work and ring for it, so that a lost hint costs seconds and not a session."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.ports import Clock, Hints, Housekeeping, Work


@dataclass(frozen=True, slots=True)
class SweepDue:
    """Counts what is due and not leased, by kind of work, and wakes its workers."""

    housekeeping: Housekeeping
    hints: Hints
    clock: Clock

    def __call__(self) -> Mapping[Work, int]:
        """Return how many rows are due, by kind of work."""
        due = self.housekeeping.count_due(self.clock.now())
        for work, rows in due.items():
            if rows:
                self.hints.ring(work, rows)
        return due
