"""Wake what a key source has news for already: whoever brought them may have been killed before they woke anybody."""

from dataclasses import dataclass

import structlog

from app.keyset_ports import ParkedSessions
from app.ports import Clock

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WakeOverslept:
    """Bounds by its own rhythm what a lost waking costs a participant."""

    parked: ParkedSessions
    clock: Clock

    def __call__(self) -> int:
        """Return for how many sources sessions were woken."""
        sources = self.parked.wake_overslept(self.clock.now())
        if sources:
            _log.info("sessions.woken_late", sources=sources)
        return sources
