"""Campaigns that are in use are asked for again before they are forgotten, beside the requests that use them."""

import pytest

from app.ports import Configuration
from app.web.campaign_cache import CampaignCache
from tests.fakes import MemoryConfiguration
from tests.web.lane import prepared
from tests.web.stage import change_campaign, eventually
from tests.web.wire import post, wired

pytestmark = pytest.mark.usefixtures("campaigns_are_remembered")


@pytest.fixture(autouse=True)
def _campaigns_are_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.campaign_cache.RENEWED_SECONDS", 60.0)
    monkeypatch.setattr("app.web.campaign_cache.RENEWAL_PAUSE_SECONDS", 0.0)


async def test_campaign_is_renewed_beside_the_request_that_finds_it_due(lane_takes: list[bool]) -> None:
    async with prepared() as stage, wired(stage) as wire:
        lane_takes.clear()
        change_campaign(stage, name="Renewed")
        campaigns = stage.ingress.campaigns
        wire.send(post())

        assert (await wire.answer()).status == 202
        await eventually(lambda: _known_name(campaigns) == "Renewed")

        assert lane_takes == [True]


async def test_renewal_that_fails_harms_no_request(monkeypatch: pytest.MonkeyPatch, lane_takes: list[bool]) -> None:
    asked: list[frozenset[str]] = []

    def fails(_: MemoryConfiguration, campaign_ids: frozenset[str], __: frozenset[str]) -> Configuration:
        asked.append(campaign_ids)
        raise LookupError("unreadable")

    async with prepared() as stage, wired(stage) as wire:
        lane_takes.clear()
        monkeypatch.setattr(MemoryConfiguration, "load", fails)
        for _ in range(2):
            asked.clear()
            wire.send(post())
            assert (await wire.answer()).status == 202
            await eventually(lambda: asked == [frozenset({"945645"})] and not stage.ingress.participants.renewals)

        assert lane_takes == [True, True]


def _known_name(campaigns: CampaignCache) -> str | None:
    known = campaigns.recall("945645")
    return known.campaign.name if known and known.campaign else None
