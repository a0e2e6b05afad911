"""Stop refreshing key sets that no partner names any more: nobody should be asked for what nobody needs."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from app.keyset_ports import SourceUsers
from app.ports import Clock

_log = structlog.get_logger()

_GRACE: Final = timedelta(hours=1)
"""Since the last attempt: a document may be taken away and put back."""


@dataclass(frozen=True, slots=True)
class RetireKeysets:
    """Retires unused sources; one that is named again is asked for with that document."""

    users: SourceUsers
    clock: Clock

    def __call__(self) -> int:
        """Return how many sources were retired."""
        retired = self.users.retire_unused(self.clock.now() - _GRACE)
        if retired:
            _log.info("keysets.retired", sources=retired)
        return retired
