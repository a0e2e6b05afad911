"""Campaigns are remembered for a second, and never longer than a change in this process."""

from collections.abc import Callable
from dataclasses import dataclass, field

from app.ports import Configuration
from app.web.campaign_cache import FRESH_SECONDS, MAX_KNOWN, RENEWED_SECONDS, CampaignCache
from tests.builders import campaign
from tests.fakes import MemoryConfiguration


@dataclass(slots=True)
class _Counted:
    """A configuration that counts what it is asked, and may be interrupted."""

    stored: MemoryConfiguration
    asked: list[frozenset[str]] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def load(self, campaign_ids: frozenset[str], partner_ids: frozenset[str]) -> Configuration:
        self.asked.append(campaign_ids)
        loaded = self.stored.load(campaign_ids, partner_ids)
        self.meanwhile()
        return loaded


@dataclass(slots=True)
class _Ticking:
    at: float = 0.0

    def __call__(self) -> float:
        return self.at


def test_campaign_is_asked_for_once_while_it_is_fresh() -> None:
    source, tick = _Counted(MemoryConfiguration.of(campaign())), _Ticking()
    cache = CampaignCache(source, tick)

    first = cache.load_each(["945645", "unknown"])
    again = cache.load_each(["unknown", "945645"])

    assert (first, again) == ([campaign(), None], [None, campaign()])
    assert source.asked == [frozenset({"945645", "unknown"})]
    tick.at = FRESH_SECONDS
    assert cache.recall("945645") is None


def test_unknown_campaign_is_recalled_as_unknown() -> None:
    cache = CampaignCache(MemoryConfiguration.of(), _Ticking())

    cache.load_each(["unknown"])

    known = cache.recall("unknown")
    assert known is not None
    assert known.campaign is None


def test_unknown_campaigns_are_bounded() -> None:
    cache = CampaignCache(MemoryConfiguration.of(), _Ticking())

    cache.load_each([str(number) for number in range(MAX_KNOWN + 5)])

    remembered = [number for number in range(MAX_KNOWN + 5) if cache.recall(str(number))]
    assert len(remembered) == MAX_KNOWN


def test_campaign_that_was_loading_while_it_changed_is_not_remembered() -> None:
    source = _Counted(MemoryConfiguration.of(campaign()))
    cache = CampaignCache(source, _Ticking())
    source.meanwhile = cache.invalidate

    cache.load_each(["945645"])

    assert cache.recall("945645") is None


def test_campaigns_in_use_are_renewed_together_before_they_are_forgotten() -> None:
    used = [campaign(id=name) for name in ("one", "two", "three")]
    source, tick = _Counted(MemoryConfiguration.of(*used, campaign(id="idle"))), _Ticking()
    cache = CampaignCache(source, tick)
    cache.load_each(["one", "two", "three", "idle", "unknown"])
    for id_ in ("one", "two", "three", "unknown"):
        cache.recall(id_)

    tick.at = FRESH_SECONDS - RENEWED_SECONDS
    cache.renew()

    assert source.asked[1:] == [frozenset({"one", "two", "three"})]
    tick.at = FRESH_SECONDS
    assert cache.recall("two") is not None
    assert cache.recall("idle") is None


def test_campaign_that_was_deleted_is_renewed_as_unknown() -> None:
    source, tick = MemoryConfiguration.of(campaign()), _Ticking()
    cache = CampaignCache(source, tick)
    cache.load_each(["945645"])
    cache.recall("945645")

    tick.at = FRESH_SECONDS - RENEWED_SECONDS
    source.campaigns.clear()
    cache.renew()

    known = cache.recall("945645")
    assert known is not None
    assert known.campaign is None
    assert not cache.is_due(known)


def test_campaign_that_can_no_longer_be_read_is_renewed_no_more_once_it_is_forgotten() -> None:
    source, tick = _Counted(MemoryConfiguration.of(campaign(id="harmed"), campaign(id="sound"))), _Ticking()
    cache = CampaignCache(source, tick)
    cache.load_each(["harmed"])
    cache.recall("harmed")
    tick.at = FRESH_SECONDS
    cache.load_each(["sound"])
    cache.recall("sound")

    tick.at = 2 * FRESH_SECONDS - RENEWED_SECONDS
    cache.renew()

    assert source.asked[-1] == frozenset({"sound"})
