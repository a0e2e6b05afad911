"""Limits per caller: token buckets by key, in bounded memory.

One per process and limit. Knows no clock and no request beyond its address.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

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
