"""Stop refreshing key sets that no partner names any more: nobody should be asked for what nobody needs."""

from dataclasses import dataclass

import structlog

from app.keyset_ports import SourceUsers
from app.ports import Clock

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RetireKeysets:
    """Retires unused sources, and revives those that are named again.

    A document that names one has it asked for, unless its process is killed between the two: that is made good here.
    """

    users: SourceUsers
    clock: Clock

    def __call__(self) -> int:
        """Return how many sources were retired."""
        retired = self.users.retire_unused()
        revived = self.users.revive_used(self.clock.now())
        if retired:
            _log.info("keysets.retired", sources=retired)
        if revived:
            _log.info("keysets.revived", sources=revived)
        return retired
