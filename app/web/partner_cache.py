"""Partners as they were a moment ago, so that a call of the Crypto API costs no query: fresh for a second, bounded.

Thread-safe. Knows nothing of campaigns, and does not remember who does not exist.
"""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Final

from app.domain.partner import Partner
from app.ports import Configuration, ConfigurationSource

FRESH_SECONDS: Final = 1.0
"""How long another process may go on with a partner that was changed."""
MAX_KNOWN: Final = 1_000


class PartnerCache:
    """Remembers what `source` said of partners; serves as a ConfigurationSource for them."""

    def __init__(self, source: ConfigurationSource, tick: Callable[[], float] = monotonic) -> None:
        self._source = source
        self._tick = tick
        self._known: dict[str, tuple[Partner, float]] = {}
        self._changes = 0
        self._lock = threading.Lock()

    def load(self, campaign_ids: frozenset[str], partner_ids: frozenset[str]) -> Configuration:
        """Return the partners that exist, asking the source for those that are not known; campaigns are not cached."""
        recalled = {id_: partner for id_ in partner_ids if (partner := self._recall(id_)) is not None}
        missing = partner_ids - recalled.keys()
        if not missing and not campaign_ids:
            return Configuration(partners=recalled)
        changes = self._changes
        loaded = self._source.load(campaign_ids, missing)
        self._remember(list(loaded.partners.values()), changes)
        return Configuration(loaded.campaigns, {**recalled, **loaded.partners})

    def invalidate(self) -> None:
        """Forget everything, also what is being loaded: a partner was changed in this process."""
        with self._lock:
            self._changes += 1
            self._known.clear()

    def _recall(self, partner_id: str) -> Partner | None:
        partner, until = self._known.get(partner_id, (None, 0.0))
        return partner if self._tick() < until else None

    def _remember(self, partners: list[Partner], changes: int) -> None:
        until = self._tick() + FRESH_SECONDS
        with self._lock:
            if changes != self._changes:
                return
            if len(self._known) + len(partners) > MAX_KNOWN:
                self._known.clear()
            self._known.update({partner.id: (partner, until) for partner in partners})
