"""Campaigns as they were a moment ago, so that a request costs no query: fresh for a second, bounded, unknown ids too.

Thread-safe: it is filled on the store's threads and looked at on the event loop.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from time import monotonic
from typing import Final

from app.domain.campaign import Campaign
from app.ports import Configuration, ConfigurationSource

FRESH_SECONDS: Final = 1.0
"""How long another process may go on with a campaign that was changed."""
RENEWED_SECONDS: Final = 0.15
"""How long before its end a campaign is due to be asked for again, so that it stays known."""
COMPANY_SECONDS: Final = 0.4
"""How long before its end it is renewed with another: of a thousand, each by itself costs as much as all."""
MAX_COMPANY: Final = 1024
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
        """The oldest first."""
        self._recalled: set[str] = set()
        """Ids that somebody asked for since they were loaded."""
        self._generation = 0
        self._lock = threading.Lock()

    def recall(self, campaign_id: str) -> Known | None:
        """Return what is still known of `campaign_id`, or None; asks nobody."""
        known = self._known.get(campaign_id)
        if known is None or self._tick() >= known.until:
            return None
        self._recalled.add(campaign_id)
        return known

    def is_due(self, known: Known) -> bool:
        """Tell whether it is time to `renew`; a campaign that does not exist is let go."""
        return known.campaign is not None and self._tick() >= known.until - RENEWED_SECONDS

    def renew(self) -> None:
        """Ask the source again for what is in use and still known, before it is forgotten; nobody waits for this.

        Where one of them cannot be read, none is renewed: each is asked for by itself once it is forgotten.
        """
        in_use = self._in_use()
        if in_use:
            generation = self._generation
            loaded = self._source.load(in_use, frozenset())
            self._remember({id_: loaded.campaigns.get(id_) for id_ in in_use}, generation)

    def load(self, campaign_ids: frozenset[str], partner_ids: frozenset[str]) -> Configuration:
        """Return the campaigns that exist, asking the source for those that are not known; partners are not cached."""
        recalled = {id_: known for id_ in campaign_ids if (known := self.recall(id_))}
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
            self._recalled.clear()

    def _in_use(self) -> frozenset[str]:
        """Return the campaigns that were asked for since they were loaded, and will be forgotten soon."""
        now = self._tick()
        with self._lock:
            old = takewhile(lambda entry: entry[1].until <= now + COMPANY_SECONDS, self._known.items())
            used = (id_ for id_, known in old if known.campaign and now < known.until and id_ in self._recalled)
            return frozenset(islice(used, MAX_COMPANY))

    def _remember(self, found: dict[str, Campaign | None], generation: int) -> None:
        until = self._tick() + FRESH_SECONDS
        with self._lock:
            if generation != self._generation:
                return
            self._recalled.difference_update(found)
            for id_, campaign in found.items():
                self._known.pop(id_, None)  # so that the order is that of their age
                self._known[id_] = Known(campaign, until)
            while len(self._known) > MAX_KNOWN:
                oldest = next(iter(self._known))
                del self._known[oldest]
                self._recalled.discard(oldest)
