"""Campaigns as they were a moment ago, so that a request costs no query: at most a second, bounded, unknown ids too.

While nothing that is configured changes, one small question every half second keeps all of them. Thread-safe: it is
filled on the store's threads and looked at on the event loop.
"""

import threading
from collections.abc import Callable, Sequence
from itertools import islice
from time import monotonic
from typing import Final

from app.domain.campaign import Campaign
from app.ports import Configuration, CountedConfiguration
from app.values import light_value

FRESH_SECONDS: Final = 1.0
"""How long another process may go on with a campaign that was changed."""
RENEWED_SECONDS: Final = 0.5
"""How long before they are forgotten campaigns are asked for again, so that they stay known."""
MAX_RENEWED: Final = 1024
"""Campaigns that are loaded again at a time, after a change."""
MAX_KNOWN: Final = 10_000


@light_value
class Known:
    """What is known of an id: its campaign, or that there is none, until a moment, and after how many changes."""

    campaign: Campaign | None
    until: float
    changes: int | None


class CampaignCache:
    """Remembers what `source` said of campaigns; serves as a ConfigurationSource for them."""

    def __init__(self, source: CountedConfiguration, tick: Callable[[], float] = monotonic) -> None:
        self._source = source
        self._tick = tick
        self._known: dict[str, Known] = {}
        """The oldest first."""
        self._recalled: set[str] = set()
        """Ids that somebody asked for since they were loaded."""
        self._unchanged: tuple[int | None, float] = None, 0.0
        """A number of changes, and until when what is known at that number holds."""
        self._generation = 0
        self._lock = threading.Lock()

    def recall(self, campaign_id: str) -> Known | None:
        """Return what is still known of `campaign_id`, or None; asks nobody."""
        known = self._known.get(campaign_id)
        if known is None or self._tick() >= self._end_of(known):
            return None
        self._recalled.add(campaign_id)
        return known

    def is_due(self, known: Known) -> bool:
        """Tell whether it is time to `renew`; a campaign that does not exist is let go."""
        return known.campaign is not None and self._tick() >= self._end_of(known) - RENEWED_SECONDS

    def renew(self) -> None:
        """Keep what is known if nothing was changed, else load again what is in use; nobody waits for this.

        Where one of them cannot be read, none is renewed: each is asked for by itself once it is forgotten.
        """
        generation, until = self._generation, self._tick() + FRESH_SECONDS
        changes = self._source.count_changes()
        if changes is None or changes != self._unchanged[0]:
            in_use = self._in_use()
            if in_use:
                loaded = self._source.load(in_use, frozenset())
                changes = loaded.changes
                self._remember(in_use, loaded, until, generation)
        with self._lock:
            if generation == self._generation:
                self._unchanged = changes, until

    def load(self, campaign_ids: frozenset[str], partner_ids: frozenset[str]) -> Configuration:
        """Return the campaigns that exist, asking the source for those that are not known; partners are not cached."""
        recalled = {id_: known for id_ in campaign_ids if (known := self.recall(id_))}
        missing = campaign_ids - recalled.keys()
        campaigns = {id_: known.campaign for id_, known in recalled.items() if known.campaign}
        if not missing and not partner_ids:
            return Configuration(campaigns)
        generation, until = self._generation, self._tick() + FRESH_SECONDS
        loaded = self._source.load(missing, partner_ids)
        self._remember(missing, loaded, until, generation)
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
            self._unchanged = None, 0.0

    def _end_of(self, known: Known) -> float:
        changes, until = self._unchanged
        return max(known.until, until) if known.changes == changes and changes is not None else known.until

    def _in_use(self) -> frozenset[str]:
        """Return the campaigns that were asked for since they were loaded, and are not forgotten."""
        now = self._tick()
        with self._lock:
            used = (
                id_
                for id_, known in self._known.items()
                if known.campaign and id_ in self._recalled and now < self._end_of(known)
            )
            return frozenset(islice(used, MAX_RENEWED))

    def _remember(self, ids: frozenset[str], loaded: Configuration, until: float, generation: int) -> None:
        with self._lock:
            if generation != self._generation:
                return
            self._recalled.difference_update(ids)
            for id_ in ids:
                self._known.pop(id_, None)  # so that the order is that of their age
                self._known[id_] = Known(loaded.campaigns.get(id_), until, loaded.changes)
            while len(self._known) > MAX_KNOWN:
                oldest = next(iter(self._known))
                del self._known[oldest]
                self._recalled.discard(oldest)
