"""Tokens of which no session comes, for their shape or length: logged and counted by partner; no row tells of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector
from structlog import get_logger

from app.domain.campaign import Campaign
from app.errors import TokenMissing, TokenNotTaken

METRIC: Final = "vestibule_tokens_not_taken"
_log = get_logger()


@dataclass(eq=False, slots=True)
class TokenRefusals(Collector):
    """What one process did not take in; only the event loop counts."""

    _counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def note(self, campaign: Campaign, refusal: TokenNotTaken) -> None:
        """Log and count a token that was brought to a campaign and not taken; one that is missing is none."""
        if isinstance(refusal, TokenMissing):
            return
        partner_id, reason = campaign.partner_id, refusal.code
        _log.info("token.rejected", campaign_id=campaign.id, partner_id=partner_id, reason=reason)
        self._counts[partner_id, reason] = self._counts.get((partner_id, reason), 0) + 1

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the counts of now."""
        family = CounterMetricFamily(METRIC, "Tokens that no session came of.", labels=["partner", "reason"])
        for labels, count in self._counts.items():
            family.add_metric(labels, count)
        yield family
