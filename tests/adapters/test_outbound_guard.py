"""The guard at the address, and the proof of who answers: names, literals, proxies, certificates."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

import pytest

from app.adapters import safe_http
from app.adapters.address_guard import AddressRefused, ThreadsResolver, guarded_socket
from app.adapters.safe_http import CallBounds, SafeAnswer, SafeHttp
from app.domain.outside import OutboundPolicy, OutsideUrl
from app.errors import ConfigurationError, OutsideError
from tests.doubles.certificates import CertificateAuthority
from tests.doubles.http_double import http_answer, serving
from tests.doubles.names import FixedResolver

PUBLIC_ONLY = OutboundPolicy()
LOOPBACK = OutboundPolicy((IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")))
SECOND_LOOPBACK = OutboundPolicy((IPv4Network("127.0.0.2/32"),))
BOUNDS = CallBounds(whole=timedelta(seconds=5))
PARTNER = "partner.example"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("authority"))


@asynccontextmanager
async def calling(
    policy: OutboundPolicy, addresses: list[str] | None = None, ca_file: Path | None = None
) -> AsyncIterator[SafeHttp]:
    """Open an HTTP client to which the partner's name stands for `addresses`."""
    resolver = FixedResolver({} if addresses is None else {PARTNER: addresses})
    async with SafeHttp(policy, "vestibule/test", ca_file=ca_file, resolver=resolver) as http:
        yield http


async def get(http: SafeHttp, url: str) -> SafeAnswer:
    return await http.request("GET", url, pool="acme", bounds=BOUNDS, headers={})


async def failure(http: SafeHttp, url: str) -> tuple[str, str]:
    """Return class and detail of how a call to `url` fails."""
    with pytest.raises(OutsideError) as failed:
        await get(http, url)
    return failed.value.error_class.value, failed.value.detail


async def test_request_to_a_name_of_an_excepted_address_proves_the_server_and_answers(
    authority: CertificateAuthority,
) -> None:
    tls = authority.server_context(PARTNER)

    async with serving(http_answer(), tls=tls) as double, calling(LOOPBACK, ["127.0.0.1"], authority.file) as http:
        answer = await get(http, f"https://{PARTNER}:{double.port}/")

    assert answer.status == 200
    assert double.header("host") == f"{PARTNER}:{double.port}"


@pytest.mark.parametrize(
    "addresses",
    [
        pytest.param(["127.0.0.1"], id="loopback"),
        pytest.param(["::1"], id="loopback by IPv6"),
        pytest.param(["::ffff:127.0.0.1"], id="loopback mapped"),
        pytest.param(["127.0.0.1", "::1", "10.0.0.1"], id="several private ones"),
        pytest.param(["64:ff9b::7f00:1"], id="NAT64 of loopback"),
        pytest.param(["169.254.169.254"], id="cloud metadata"),
        pytest.param(["fe80::1%lo"], id="link local with a scope"),
        pytest.param(["nonsense"], id="no address"),
    ],
)
async def test_request_to_a_name_of_private_addresses_only_is_refused_unconnected(addresses: list[str]) -> None:
    async with serving(http_answer()) as double, calling(PUBLIC_ONLY, addresses) as http:
        found = await failure(http, f"https://{PARTNER}:{double.port}/")

    assert found == ("policy", "address_refused")
    assert double.connections == 0


@pytest.mark.parametrize(
    "addresses",
    [
        pytest.param(["127.0.0.1", "127.0.0.2"], id="refused first"),
        pytest.param(["127.0.0.2", "127.0.0.1"], id="allowed first"),
        pytest.param(["::1", "127.0.0.2", "127.0.0.3"], id="refused on both sides"),
    ],
)
async def test_request_to_a_name_of_mixed_addresses_connects_to_the_allowed_one(
    authority: CertificateAuthority, addresses: list[str]
) -> None:
    tls = authority.server_context(PARTNER)

    async with (
        serving(http_answer(), host="127.0.0.2", tls=tls) as double,
        calling(SECOND_LOOPBACK, addresses, authority.file) as http,
    ):
        answer = await get(http, f"https://{PARTNER}:{double.port}/")

    assert answer.status == 200


@pytest.mark.parametrize("addresses", [["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"]])
async def test_request_to_a_name_whose_allowed_address_is_dead_fails_as_connect_in_any_order(
    addresses: list[str],
) -> None:
    async with calling(SECOND_LOOPBACK, addresses) as http:
        found = await failure(http, f"https://{PARTNER}:1/")

    assert found == ("connect", "connection_not_made")


@pytest.mark.parametrize("addresses", [pytest.param(None, id="unknown"), pytest.param([], id="without addresses")])
async def test_request_to_a_name_that_does_not_resolve_fails_as_dns(addresses: list[str] | None) -> None:
    async with calling(PUBLIC_ONLY, addresses) as http:
        found = await failure(http, f"https://{PARTNER}/")

    assert found == ("dns", "name_not_resolved")


async def test_request_to_a_refused_url_names_the_rule() -> None:
    async with calling(PUBLIC_ONLY) as http:
        found = await failure(http, "https://[::1]/")

    assert found == ("policy", "url_host_is_address")


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("127.0.0.1", id="literal"),
        pytest.param("::1", id="IPv6 literal"),
        pytest.param("::ffff:127.0.0.1", id="mapped literal"),
        pytest.param("0x7f000001", id="hex"),
        pytest.param("0x7f.1", id="short hex"),
        pytest.param("localhost", id="localhost"),
    ],
)
async def test_request_past_a_blind_url_check_is_stopped_at_the_socket(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    async with serving(http_answer()) as double, SafeHttp(PUBLIC_ONLY, "vestibule/test") as http:
        blind = OutsideUrl("http", host, double.port, "/")
        monkeypatch.setattr(safe_http, "check_url", lambda *_: blind)
        found = await failure(http, "")

    assert found == ("policy", "address_refused")
    assert double.connections == 0


@pytest.mark.parametrize(
    ("family", "address"),
    [
        pytest.param(socket.AF_INET, ("127.0.0.1", 443), id="loopback"),
        pytest.param(socket.AF_INET, ("10.0.0.1", 443), id="private"),
        pytest.param(socket.AF_INET6, ("::1", 443, 0, 0), id="IPv6"),
        pytest.param(socket.AF_INET6, ("::ffff:7f00:1", 443, 0, 0), id="mapped"),
        pytest.param(socket.AF_UNIX, ("/run/x.sock", 0), id="no address"),
    ],
)
def test_guarded_socket_for_a_private_address_is_not_opened(
    family: socket.AddressFamily, address: tuple[str, int] | tuple[str, int, int, int]
) -> None:
    open_socket = guarded_socket(PUBLIC_ONLY)

    with pytest.raises(AddressRefused):
        open_socket((family, socket.SOCK_STREAM, 0, "", address))


async def test_request_with_proxies_in_the_environment_goes_straight(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(http_answer()) as proxy, serving(http_answer()) as double, calling(LOOPBACK) as http:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await get(http, f"http://127.0.0.1:{double.port}/")

    assert (proxy.connections, len(double.requests)) == (0, 1)


async def test_request_redirected_to_a_private_address_does_not_follow() -> None:
    async with serving(http_answer()) as inner:
        elsewhere = http_answer(status="307 Temporary", location=f"http://127.0.0.1:{inner.port}/")
        async with serving(elsewhere) as double, calling(LOOPBACK) as http:
            found = await failure(http, f"http://127.0.0.1:{double.port}/")

    assert found == ("contract", "status_307")
    assert inner.connections == 0


@pytest.mark.parametrize(
    ("certified", "issued_at", "is_trusted"),
    [
        pytest.param(PARTNER, None, False, id="unknown authority"),
        pytest.param("other.example", None, True, id="another name"),
        pytest.param(PARTNER, datetime(2020, 1, 1, tzinfo=UTC), True, id="expired"),
        pytest.param("127.0.0.1", None, True, id="address in place of the name"),
    ],
)
async def test_request_to_a_server_that_does_not_prove_its_name_fails_as_tls_unsent(
    authority: CertificateAuthority, certified: str, issued_at: datetime | None, is_trusted: bool
) -> None:
    tls = authority.server_context(certified, issued_at=issued_at)
    ca_file = authority.file if is_trusted else None

    async with serving(http_answer(), tls=tls) as double, calling(LOOPBACK, ["127.0.0.1"], ca_file) as http:
        found = await failure(http, f"https://{PARTNER}:{double.port}/")

    assert found == ("tls", "handshake_failed")
    assert double.requests == []


async def test_request_by_tls_to_a_server_without_it_fails_as_tls() -> None:
    def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server, calling(LOOPBACK, ["127.0.0.1"]) as http:
        found = await failure(http, f"https://{PARTNER}:{server.sockets[0].getsockname()[1]}/")

    assert found == ("tls", "handshake_failed")


async def test_safe_http_with_an_unreadable_ca_file_does_not_open(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("not a certificate")

    with pytest.raises(ConfigurationError):
        async with calling(LOOPBACK, ca_file=file):
            pass


async def test_threads_resolver_of_a_name_returns_its_addresses() -> None:
    resolver = ThreadsResolver()

    found = await resolver.resolve("localhost", 443)
    await resolver.close()

    assert {result["host"] for result in found} <= {"127.0.0.1", "::1"}
    assert {result["port"] for result in found} == {443}


async def test_threads_resolver_finds_a_name_while_two_hundred_others_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    answered, look_up = threading.Event(), socket.getaddrinfo

    def hang(host: str, *arguments: Any, **options: Any) -> Any:
        if host.endswith(".example"):
            answered.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    resolver = ThreadsResolver()

    hanging = [asyncio.ensure_future(resolver.resolve(f"dead{number}.example", 443)) for number in range(200)]
    await asyncio.sleep(0)
    try:
        found = await asyncio.wait_for(resolver.resolve("localhost", 443), timeout=5)
    finally:
        answered.set()
        failures = await asyncio.gather(*hanging, return_exceptions=True)
        await resolver.close()

    assert found
    assert {type(failure) for failure in failures} == {socket.gaierror}
