"""Campaigns are remembered for a second, or while nothing changes, and never longer than a change in this process."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from app.domain.campaign import Campaign
from app.ports import Configuration
from app.web.campaign_cache import (
    FRESH_SECONDS,
    IN_USE_SECONDS,
    LOADED_TOGETHER,
    MAX_KNOWN,
    RENEWAL_PAUSE_SECONDS,
    RENEWED_SECONDS,
    CampaignCache,
)
from tests.builders import campaign
from tests.fakes import MemoryConfiguration


@dataclass(slots=True)
class _Counted:
    """A configuration that notes what it is asked, and may be interrupted."""

    stored: MemoryConfiguration
    asked: list[frozenset[str]] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def load(self, campaign_ids: frozenset[str], partner_ids: frozenset[str]) -> Configuration:
        self.asked.append(campaign_ids)
        loaded = self.stored.load(campaign_ids, partner_ids)
        self.meanwhile()
        return loaded

    def read_mark(self) -> str | None:
        return self.stored.read_mark()


@dataclass(slots=True)
class _Ticking:
    at: float = 0.0

    def __call__(self) -> float:
        return self.at


def _marked(*campaigns: Campaign) -> MemoryConfiguration:
    """Return a configuration whose changes are marked."""
    stored = MemoryConfiguration.of(*campaigns)
    stored.mark = "first"
    return stored


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


def test_campaigns_are_kept_by_the_mark_alone_while_nothing_changes() -> None:
    source, tick = _Counted(_marked(campaign())), _Ticking()
    cache = CampaignCache(source, tick)
    cache.load_each(["945645", "unknown"])
    cache.renew()
    asked = list(source.asked)

    for tenth in range(1, 100):
        tick.at = tenth / 10
        known = cache.recall("945645")
        assert known is not None
        if cache.is_due(known):
            cache.renew()

    assert source.asked == asked
    assert (cache.load_each(["945645", "unknown"]), source.asked) == ([campaign(), None], asked)


def _renamed_elsewhere() -> tuple[CampaignCache, _Ticking]:
    """Return a cache that knows a campaign by its name before, at the end of the second for which it may."""
    stored, tick = _marked(campaign()), _Ticking()
    cache = CampaignCache(stored, tick)
    cache.load_each(["945645"])
    cache.renew()
    stored.campaigns["945645"], stored.mark = campaign(name="renamed"), "second"
    tick.at = FRESH_SECONDS - 0.01
    return cache, tick


def test_campaign_that_was_changed_elsewhere_is_seen_by_the_next_renewal() -> None:
    cache, _ = _renamed_elsewhere()

    seen = [cache.recall("945645")]
    cache.renew()
    seen.append(cache.recall("945645"))

    assert [known and known.campaign for known in seen] == [campaign(), campaign(name="renamed")]


def test_campaign_that_was_changed_elsewhere_and_not_renewed_is_forgotten_after_a_second() -> None:
    cache, tick = _renamed_elsewhere()

    tick.at = FRESH_SECONDS

    assert cache.recall("945645") is None
    assert cache.load_each(["945645"]) == [campaign(name="renamed")]


def test_campaign_that_was_made_elsewhere_is_seen_though_it_was_known_not_to_exist() -> None:
    stored, tick = _marked(campaign(id="other")), _Ticking()
    cache = CampaignCache(stored, tick)
    cache.load_each(["945645", "other"])
    cache.renew()
    cache.recall("other")
    stored.campaigns["945645"], stored.mark = campaign(), "second"

    tick.at = FRESH_SECONDS - 0.01
    cache.renew()
    tick.at = FRESH_SECONDS

    assert cache.recall("other") is not None
    assert cache.recall("945645") is None


def test_what_is_renewed_or_loaded_is_as_old_as_the_question() -> None:
    stored, tick = _marked(campaign()), _Ticking()
    source = _Counted(stored)
    cache = CampaignCache(source, tick)
    source.meanwhile = lambda: setattr(tick, "at", tick.at + 0.3)

    cache.load_each(["945645"])
    tick.at = FRESH_SECONDS
    loaded = cache.recall("945645")
    tick.at = 0.5
    cache.recall("945645")
    cache.renew()
    tick.at = 0.5 + FRESH_SECONDS
    renewed = cache.recall("945645")

    assert (loaded, renewed) == (None, None)


def test_mark_that_returns_is_no_reason_to_keep_what_was_known_at_another() -> None:
    stored, tick = _marked(campaign()), _Ticking()
    cache = CampaignCache(stored, tick)
    stored.mark = "lost"
    cache.load_each(["945645"])
    stored.mark = "first"
    cache.renew()

    tick.at = FRESH_SECONDS

    assert cache.recall("945645") is None


def test_more_campaigns_than_are_loaded_together_are_all_loaded_again_after_a_change() -> None:
    names = [f"c{number}" for number in range(LOADED_TOGETHER * 2 + 1)]
    stored, tick = _marked(*(campaign(id=name) for name in names)), _Ticking()
    source = _Counted(stored)
    cache = CampaignCache(source, tick)
    cache.load_each(names)
    for name in names:
        cache.recall(name)
    stored.mark = "second"

    tick.at = FRESH_SECONDS - 0.01
    cache.renew()
    tick.at = FRESH_SECONDS

    assert all(cache.recall(name) for name in names)
    assert [len(asked) for asked in source.asked[1:]] == [LOADED_TOGETHER, LOADED_TOGETHER, 1]


def test_campaign_in_use_outlives_changes_that_follow_each_other() -> None:
    stored, tick = _marked(campaign()), _Ticking()
    cache = CampaignCache(stored, tick)
    cache.load_each(["945645"])
    cache.recall("945645")

    for number in range(10):
        tick.at = (number + 1) * 0.9
        stored.mark = str(number)
        cache.renew()

    assert cache.recall("945645") is not None


def test_campaign_that_nobody_asked_for_lately_is_not_loaded_again() -> None:
    stored, tick = _marked(campaign(), campaign(id="busy")), _Ticking()
    source = _Counted(stored)
    cache = CampaignCache(source, tick)
    cache.load_each(["945645", "busy"])
    cache.recall("945645")
    for half in range(int(2 * IN_USE_SECONDS) + 1):
        tick.at = half / 2
        cache.recall("busy")
        cache.renew()
    stored.mark = "second"

    source.asked.clear()
    cache.renew()

    assert source.asked == [frozenset({"busy"})]


def test_renewal_that_fails_is_not_begun_again_at_once() -> None:
    stored, tick = _marked(campaign()), _Ticking()
    source = _Counted(stored)
    cache = CampaignCache(source, tick)
    cache.load_each(["945645"])
    tick.at = FRESH_SECONDS - RENEWED_SECONDS
    known = cache.recall("945645")

    def fail() -> None:
        raise LookupError("unreadable")

    assert known is not None
    was_due = cache.is_due(known)
    source.meanwhile = fail
    with pytest.raises(LookupError):
        cache.renew()

    is_due = [cache.is_due(known)]
    tick.at += RENEWAL_PAUSE_SECONDS
    is_due.append(cache.is_due(known))
    assert (was_due, is_due) == (True, [False, True])


def test_campaigns_nobody_asks_for_are_not_loaded_again_after_a_change() -> None:
    stored, tick = _marked(campaign(), campaign(id="idle")), _Ticking()
    source = _Counted(stored)
    cache = CampaignCache(source, tick)
    cache.load_each(["945645", "idle"])
    cache.renew()
    cache.recall("945645")
    stored.mark = "second"

    tick.at = FRESH_SECONDS - 0.01
    cache.renew()

    assert source.asked[1:] == [frozenset({"945645"})]
    tick.at = FRESH_SECONDS
    assert cache.recall("idle") is None
