"""Which addresses count as public: the listed networks, and nothing else."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.outside import IPAddress, OutboundPolicy, is_public_address

NOT_PUBLIC_V4 = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
]
NOT_PUBLIC_V6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"]
EXCEPTING = OutboundPolicy((IPv4Network("10.1.0.0/16"), IPv6Network("::1/128")))


def bits(address: IPAddress) -> str:
    return format(int(address), f"0{address.max_prefixlen}b")


def starts_like(address: IPAddress, network: str) -> bool:
    base, length = network.split("/")
    return bits(address)[: int(length)] == bits(ip_address(base))[: int(length)]


def borders(networks: list[str]) -> list[IPAddress]:
    edges = []
    for network in networks:
        base, length = network.split("/")
        first = ip_address(base)
        size = 1 << (first.max_prefixlen - int(length))
        numbers = (int(first) + offset for offset in (-1, 0, size - 1, size))
        edges += [type(first)(number) for number in numbers if 0 <= number < 1 << first.max_prefixlen]
    return edges


@given(st.one_of(st.sampled_from(borders(NOT_PUBLIC_V4)), st.ip_addresses(v=4)))
def test_is_public_address_of_any_ipv4_agrees_with_the_listed_networks(address: IPv4Address) -> None:
    expected = not any(starts_like(address, network) for network in NOT_PUBLIC_V4)

    assert is_public_address(address) is expected


@given(
    st.one_of(
        st.sampled_from(borders([*NOT_PUBLIC_V6, "2000::/3"])),
        st.ip_addresses(v=6),
        st.ip_addresses(v=6, network="2000::/3"),
        st.ip_addresses(v=6, network="2000::/15"),
    )
)
@example(IPv6Address("64:ff9b::7f00:1"))
def test_is_public_address_of_any_ipv6_agrees_with_the_listed_networks(address: IPv6Address) -> None:
    listed = any(starts_like(address, network) for network in NOT_PUBLIC_V6)
    expected = starts_like(address, "2000::/3") and not listed

    assert is_public_address(address) is expected


@pytest.mark.parametrize(
    ("address", "public"),
    [
        pytest.param("93.184.216.34", True, id="a web server"),
        pytest.param("2606:4700:4700::1111", True, id="a web server by IPv6"),
        pytest.param("127.0.0.1", False, id="loopback"),
        pytest.param("169.254.169.254", False, id="cloud metadata"),
        pytest.param("100.100.100.200", False, id="cloud metadata in shared address space"),
        pytest.param("0.0.0.0", False, id="this host"),
        pytest.param("255.255.255.255", False, id="broadcast"),
        pytest.param("239.1.1.1", False, id="multicast"),
        pytest.param("::", False, id="unspecified"),
        pytest.param("::1", False, id="loopback by IPv6"),
        pytest.param("::ffff:127.0.0.1", False, id="loopback mapped"),
        pytest.param("::ffff:93.184.216.34", False, id="a public address mapped"),
        pytest.param("::127.0.0.1", False, id="loopback compatible"),
        pytest.param("64:ff9b::7f00:1", False, id="NAT64 of loopback"),
        pytest.param("2002:7f00:1::", False, id="6to4 of loopback"),
        pytest.param("2001:0:1::", False, id="Teredo"),
        pytest.param("fd00:ec2::254", False, id="cloud metadata, unique local"),
        pytest.param("fe80::1", False, id="link local"),
        pytest.param("ff02::1", False, id="multicast by IPv6"),
        pytest.param("2606:4700:4700::1111%eth0", False, id="with a scope"),
    ],
)
def test_is_public_address_of_a_known_address_tells_whether_it_is_public(address: str, public: bool) -> None:
    assert is_public_address(ip_address(address)) is public


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        pytest.param("93.184.216.34", True, id="public"),
        pytest.param("10.1.2.3", True, id="excepted"),
        pytest.param("::1", True, id="excepted IPv6"),
        pytest.param("10.2.0.1", False, id="private beside the exception"),
        pytest.param("::ffff:10.1.2.3", False, id="excepted only as IPv4"),
        pytest.param("::1%lo", False, id="excepted, with a scope"),
    ],
)
def test_policy_with_private_cidrs_allows_public_and_excepted_addresses(address: str, allowed: bool) -> None:
    assert EXCEPTING.allows(ip_address(address)) is allowed
