"""Limits per caller: token buckets by key, in bounded memory.

One per process and limit. Knows no clock and no request beyond its address.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from app.errors import RateLimited

MAX_KEYS: Final = 10_000
"""Callers remembered; past that the one who was quiet for longest is forgotten, and has a full bucket again."""

_IPV6_CUSTOMER_BITS = 64
"""A customer is given at least this prefix, so that single addresses in it are no different callers."""


@dataclass(frozen=True, slots=True)
class TokenBuckets:
    """Lets each key do `burst` things at once, and `per_second` in the long run."""

    per_second: float
    burst: float
    max_keys: int = MAX_KEYS
    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict, repr=False)

    def take(self, key: str, now: float) -> float:
        """Take one token at `now` (seconds of a monotonic clock); return 0, or how many seconds to wait for one."""
        tokens, filled_at = self._buckets.get(key, (self.burst, now))
        tokens = min(self.burst, tokens + max(0.0, now - filled_at) * self.per_second)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self.per_second
        self._buckets[key] = (tokens if wait else tokens - 1, now)
        self._buckets.move_to_end(key)
        while len(self._buckets) > self.max_keys:
            self._buckets.popitem(last=False)
        return wait


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How many sessions one address, and one campaign, may be given, however they are asked for; None: any number."""

    per_address: TokenBuckets | None = None
    per_campaign: TokenBuckets | None = None

    def count(self, address: str | None, campaign_id: str, now: float) -> None:
        """Count one session at `now`; raise RateLimited."""
        wait = 0.0
        if self.per_address is not None:
            wait = self.per_address.take(address_key(address), now)
        if not wait and self.per_campaign is not None:
            wait = self.per_campaign.take(campaign_id, now)
        if wait:
            raise RateLimited(retry_after_seconds=wait)


def address_key(address: str | None) -> str:
    """Return what an address counts as: itself, or its /64 if it is IPv6."""
    try:
        ip = ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ip_network((int(ip), _IPV6_CUSTOMER_BITS), strict=False))
    return str(ip)
