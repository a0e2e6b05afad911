"""How partners are called, as it was a moment ago, so that a page costs no query."""

from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from app.ports import ConfigurationSource
from app.web.store_threads import StoreThreads

FRESH_SECONDS: Final = 10.0
"""A name is for people; nobody minds an old one for so long."""


@dataclass(frozen=True, slots=True)
class PartnerNames:
    """Remembers names by partner id: those of campaigns alone, so that there are few."""

    source: ConfigurationSource
    threads: StoreThreads
    _known: dict[str, tuple[float, str]] = field(default_factory=dict)

    async def __call__(self, partner_id: str) -> str:
        """Return the partner's name, or nothing if there is no such partner."""
        until, name = self._known.get(partner_id, (0.0, ""))
        if monotonic() < until:
            return name
        loaded = await self.threads.call(lambda: self.source.load(frozenset(), frozenset({partner_id})))
        partner = loaded.partners.get(partner_id)
        name = "" if partner is None else partner.name
        self._known[partner_id] = (monotonic() + FRESH_SECONDS, name)
        return name
