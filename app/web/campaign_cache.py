"""Campaigns as they were a moment ago, so that a request costs no query: at most a second, bounded, unknown ids too.

While nothing that is configured changes, one small question every half second keeps all of them. Thread-safe: it is
filled on the store's threads and looked at on the event loop.
"""

import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

from app.domain.campaign import Campaign
from app.ports import Configuration, MarkedConfiguration
from app.values import light_value

FRESH_SECONDS: Final = 1.0
"""How long another process may go on with a campaign that was changed."""
RENEWED_SECONDS: Final = 0.5
"""How long before they are forgotten campaigns are asked for again, so that they stay known."""
RENEWAL_PAUSE_SECONDS: Final = 0.1
"""From one renewal to the next, also where the last one failed."""
IN_USE_SECONDS: Final = 10.0
"""How long ago somebody may have asked for a campaign that is loaded again after a change."""
LOADED_TOGETHER: Final = 1024
MAX_KNOWN: Final = 10_000


@light_value
class Known:
    """What is known of an id: its campaign, or that there is none, until a moment; and at which mark."""

    campaign: Campaign | None
    until: float
    mark: str | None


class CampaignCache:
    """Remembers what `source` said of campaigns; serves as a ConfigurationSource for them."""

    def __init__(self, source: MarkedConfiguration, tick: Callable[[], float] = monotonic) -> None:
        self._source = source
        self._tick = tick
        self._known: dict[str, Known] = {}
        """The oldest first."""
        self._asked_at: dict[str, float] = {}
        """When somebody last asked for what is known."""
        self._unchanged: tuple[str | None, float] = None, 0.0
        """A mark, and until when what is known at that mark holds."""
        self._next_renewal = 0.0
        self._generation = 0
        self._lock = threading.Lock()

    def recall(self, campaign_id: str) -> Known | None:
        """Return what is still known of `campaign_id`, or None; asks nobody."""
        known = self._known.get(campaign_id)
        now = self._tick()
        if known is None or now >= self._end_of(known):
            return None
        self._asked_at[campaign_id] = now
        return known

    def is_due(self, known: Known) -> bool:
        """Tell whether it is time to `renew`; on behalf of one that does not exist it never is."""
        now = self._tick()
        if now < self._next_renewal or known.campaign is None:
            return False
        return now >= self._end_of(known) - RENEWED_SECONDS

    def renew(self) -> None:
        """Keep what is known if nothing was changed, else load again what is in use; nobody waits for this.

        Where one of them cannot be read, none is renewed: each is asked for by itself once it is forgotten.
        """
        generation, began_at = self._generation, self._tick()
        self._next_renewal = began_at + RENEWAL_PAUSE_SECONDS
        mark = self._source.read_mark()
        if mark is None or mark != self._unchanged[0]:
            in_use = self._in_use(began_at)
            for first in range(0, len(in_use), LOADED_TOGETHER):
                ids = frozenset(in_use[first : first + LOADED_TOGETHER])
                self._remember(ids, self._source.load(ids, frozenset()), began_at, generation)
        self._unchanged = mark, began_at + FRESH_SECONDS

    def load(self, campaign_ids: frozenset[str], partner_ids: frozenset[str]) -> Configuration:
        """Return the campaigns that exist, asking the source for those that are not known; partners are not cached."""
        recalled = {id_: known for id_ in campaign_ids if (known := self.recall(id_))}
        missing = campaign_ids - recalled.keys()
        campaigns = {id_: known.campaign for id_, known in recalled.items() if known.campaign}
        if not missing and not partner_ids:
            return Configuration(campaigns)
        generation, began_at = self._generation, self._tick()
        loaded = self._source.load(missing, partner_ids)
        self._remember(missing, loaded, began_at, generation)
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
            self._asked_at.clear()

    def _end_of(self, known: Known) -> float:
        mark, until = self._unchanged
        return max(known.until, until) if known.mark is not None and known.mark == mark else known.until

    def _in_use(self, now: float) -> Sequence[str]:
        """Return the campaigns that were asked for lately and are not forgotten."""
        since = now - IN_USE_SECONDS
        with self._lock:
            return [
                id_
                for id_, known in self._known.items()
                if known.campaign and self._asked_at.get(id_, since) > since and now < self._end_of(known)
            ]

    def _remember(self, ids: frozenset[str], loaded: Configuration, as_of: float, generation: int) -> None:
        until = as_of + FRESH_SECONDS
        with self._lock:
            if generation != self._generation:
                return
            for id_ in ids:
                self._known.pop(id_, None)  # so that the order is that of their age
                self._known[id_] = Known(loaded.campaigns.get(id_), until, loaded.mark)
            while len(self._known) > MAX_KNOWN:
                oldest = next(iter(self._known))
                del self._known[oldest]
                self._asked_at.pop(oldest, None)
