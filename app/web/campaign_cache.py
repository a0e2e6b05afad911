"""Campaigns as they were a moment ago, so that a request costs no query: fresh for a second, bounded, unknown ids too.

Thread-safe: it is filled on the store's threads and looked at on the event loop.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

from app.domain.campaign import Campaign
from app.ports import Configuration, ConfigurationSource

FRESH_SECONDS: Final = 1.0
"""How long another process may go on with a campaign that was changed."""
RENEWED_SECONDS: Final = 0.15
"""How long before its end whoever looks sees to it that a campaign stays known."""
MAX_KNOWN: Final = 10_000


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an id until a moment: its campaign, or that there is none."""

    campaign: Campaign | None
    until: float


class CampaignCache:
    """Remembers what `source` said of campaigns; serves as a ConfigurationSource for them."""

    def __init__(self, source: ConfigurationSource, tick: Callable[[], float] = monotonic) -> None:
        self._source = source
        self._tick = tick
        self._known: dict[str, Known] = {}
        self._generation = 0
        self._lock = threading.Lock()

    def recall(self, campaign_id: str) -> Known | None:
        """Return what is still known of `campaign_id`, or None; asks nobody."""
        known = self._known.get(campaign_id)
        return known if known is not None and self._tick() < known.until else None

    def is_due(self, known: Known) -> bool:
        """Tell whether it is time to ask for a campaign again, so that it stays known."""
        return self._tick() >= known.until - RENEWED_SECONDS

    def load(self, campaign_ids: frozenset[str], partner_ids: frozenset[str]) -> Configuration:
        """Return the campaigns that exist, asking the source for those that are not known or due; partners always."""
        recalled = {id_: known for id_ in campaign_ids if (known := self.recall(id_)) and not self.is_due(known)}
        missing = campaign_ids - recalled.keys()
        campaigns = {id_: known.campaign for id_, known in recalled.items() if known.campaign}
        if not missing and not partner_ids:
            return Configuration(campaigns)
        generation = self._generation
        loaded = self._source.load(missing, partner_ids)
        self._remember({id_: loaded.campaigns.get(id_) for id_ in missing}, generation)
        return Configuration({**campaigns, **loaded.campaigns}, loaded.partners)

    def load_each(self, campaign_ids: Sequence[str]) -> Sequence[Campaign | None]:
        """Return the campaign of each id, in order, or None."""
        campaigns = self.load(frozenset(campaign_ids), frozenset()).campaigns
        return [campaigns.get(id_) for id_ in campaign_ids]

    def invalidate(self) -> None:
        """Forget everything, also what is being loaded: a campaign was changed in this process."""
        with self._lock:
            self._generation += 1
            self._known.clear()

    def _remember(self, found: dict[str, Campaign | None], generation: int) -> None:
        until = self._tick() + FRESH_SECONDS
        with self._lock:
            if generation != self._generation:
                return
            for id_, campaign in found.items():
                self._known.pop(id_, None)  # so that the order is that of their age
                self._known[id_] = Known(campaign, until)
            while len(self._known) > MAX_KNOWN:
                del self._known[next(iter(self._known))]
