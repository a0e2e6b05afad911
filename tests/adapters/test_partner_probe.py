"""A partner's endpoints asked once: caching, clock and certificate are told beside what was answered."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from app.adapters.partner_probe import HttpPartnerProbe
from app.adapters.safe_http import SafeHttp
from app.domain.outside import OutboundPolicy
from app.domain.prefill import PrefillCall
from app.errors import OutsideError
from app.reasons import PrefillReason
from tests.doubles.certificates import CertificateAuthority
from tests.doubles.http_double import http_answer, serving

LOOPBACK = OutboundPolicy((IPv4Network("127.0.0.0/8"),))
DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
OPEN: Callable[[], SafeHttp] = partial(SafeHttp, LOOPBACK, "vestibule/test")


async def test_key_set_is_told_with_its_caching_and_its_clock() -> None:
    answer = http_answer(b'{"keys": []}', cache_control="max-age=600", etag='"7"', date=DATE)

    async with serving(answer) as double:
        reached, document = await HttpPartnerProbe(OPEN).ask_for_keys(f"http://127.0.0.1:{double.port}/jwks")

    assert document == {"keys": []}
    assert (reached.status, reached.max_age, reached.no_store) == (200, timedelta(seconds=600), False)
    assert (reached.has_validator, reached.certificate_ends_at) == (True, None)
    assert reached.answered_at == datetime(2026, 10, 21, 7, 28, tzinfo=UTC)


async def test_certificate_is_told_when_it_ends(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path)
    issued_at = datetime.now(UTC).replace(microsecond=0)
    tls = authority.server_context("127.0.0.1", issued_at=issued_at)
    opened = partial(SafeHttp, LOOPBACK, "vestibule/test", ca_file=authority.file)

    async with serving(http_answer(b'{"keys": []}'), tls=tls) as double:
        reached, _ = await HttpPartnerProbe(opened).ask_for_keys(f"https://127.0.0.1:{double.port}/jwks")

    assert reached.certificate_ends_at == issued_at + timedelta(days=1)


async def test_certificate_of_a_stranger_is_a_failed_handshake(tmp_path: Path) -> None:
    tls = CertificateAuthority(tmp_path).server_context("127.0.0.1")

    async with serving(http_answer(b'{"keys": []}'), tls=tls) as double:
        with pytest.raises(OutsideError) as refused:
            await HttpPartnerProbe(OPEN).ask_for_keys(f"https://127.0.0.1:{double.port}/jwks")

    assert refused.value.error_class is PrefillReason.TLS


async def test_participant_is_asked_for_as_a_session_would() -> None:
    async with serving(http_answer(b'{"form": {"firstname": "Ada"}}')) as double:
        url = f"http://127.0.0.1:{double.port}/ada"
        call = PrefillCall("acme", url, "GET", "credential", timedelta(seconds=5), 50)
        reached, answer = await HttpPartnerProbe(OPEN).ask_for_participant(call)

    assert (reached.status, dict(answer.form)) == (200, {"firstname": "Ada"})
    assert double.header("authorization") == "Bearer credential"


async def test_address_that_is_not_public_is_refused_by_the_guard() -> None:
    guarded = partial(SafeHttp, OutboundPolicy(), "vestibule/test")

    async with serving(http_answer()) as double:
        with pytest.raises(OutsideError) as refused:
            await HttpPartnerProbe(guarded).ask_for_keys(f"http://127.0.0.1:{double.port}/jwks")

    assert (refused.value.error_class, double.connections) == (PrefillReason.POLICY, 0)
