"""Token buckets: how much a caller may do, and in how much memory."""

import pytest

from app.web.limits import TokenBuckets, address_key


def test_bucket_lets_a_burst_through_and_then_its_rate() -> None:
    buckets = TokenBuckets(per_second=2, burst=3)

    waits = [buckets.take("a", now) for now in (0, 0, 0, 0, 0.25, 0.5, 0.5)]

    assert waits == [0, 0, 0, 0.5, 0.25, 0, 0.5]


def test_bucket_of_another_key_is_untouched() -> None:
    buckets = TokenBuckets(per_second=1, burst=1)
    buckets.take("a", 0)

    assert buckets.take("a", 0) > 0
    assert buckets.take("b", 0) == 0


def test_bucket_fills_up_to_its_burst_and_no_further() -> None:
    buckets = TokenBuckets(per_second=1, burst=2)
    buckets.take("a", 0)

    waits = [buckets.take("a", 1000) for _ in range(3)]

    assert waits == [0, 0, 1]


def test_buckets_forget_who_was_quiet_for_longest() -> None:
    buckets = TokenBuckets(per_second=1, burst=1, max_keys=2)
    for key in ("a", "b", "a", "c"):
        buckets.take(key, 0)

    assert buckets.take("a", 0) > 0
    assert buckets.take("b", 0) == 0


@pytest.mark.parametrize(
    ("address", "key"),
    [
        pytest.param("203.0.113.7", "203.0.113.7", id="ipv4"),
        pytest.param("2001:db8:1:2:3::4", "2001:db8:1:2::/64", id="ipv6"),
        pytest.param("::ffff:203.0.113.7", "203.0.113.7", id="mapped"),
        pytest.param(None, "unknown", id="none"),
        pytest.param("somewhere", "unknown", id="no-address"),
    ],
)
def test_address_counts_as_its_customer(address: str | None, key: str) -> None:
    assert address_key(address) == key
