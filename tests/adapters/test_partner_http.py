"""Calling a partner's API: what is sent, and what its answer is mapped to."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from ipaddress import IPv4Network

import pytest

from app.adapters.partner_http import HttpPartnerApi, SinglePartnerCalls
from app.adapters.safe_http import SafeHttp
from app.domain.outside import OutboundPolicy
from app.domain.prefill import PartnerAnswer, PrefillCall
from app.errors import OutsideError
from app.reasons import PrefillReason
from tests.doubles.http_double import http_answer, sends, serving

TOKEN_CHARACTERS = "".join(map(chr, range(0x21, 0x7F)))


@pytest.fixture
async def api() -> AsyncIterator[HttpPartnerApi]:
    async with SafeHttp(OutboundPolicy((IPv4Network("127.0.0.0/8"),)), "vestibule/test") as http:
        yield HttpPartnerApi(http)


def call(
    port: int = 1,
    *,
    method: str = "GET",
    bearer: str | None = None,
    timeout_seconds: float = 5,
    form_mapping: Mapping[str, str] | None = None,
    optin_mapping: Mapping[str, str] | None = None,
    partner_id: str = "brand",
) -> PrefillCall:
    return PrefillCall(
        partner_id=partner_id,
        url=f"http://127.0.0.1:{port}/participants/a%2Fb",
        method=method,
        bearer=bearer,
        timeout=timedelta(seconds=timeout_seconds),
        max_concurrency=10,
        form_mapping=form_mapping,
        optin_mapping=optin_mapping,
    )


async def test_fetch_by_get_sends_bearer_and_no_body(api: HttpPartnerApi) -> None:
    async with serving(http_answer()) as double:
        await api.fetch(call(double.port, bearer=TOKEN_CHARACTERS))

    assert double.requests[0].startswith(b"GET /participants/a%2Fb HTTP/1.1\r\n")
    assert double.requests[0].endswith(b"\r\n\r\n")
    assert double.header("authorization") == f"Bearer {TOKEN_CHARACTERS}"
    assert double.header("accept") == "application/json"


async def test_fetches_for_partners_behind_one_gateway_share_no_connection(api: HttpPartnerApi) -> None:
    async with serving(http_answer()) as double:
        for partner_id in ("brand", "other", "brand", "other"):
            await api.fetch(call(double.port, partner_id=partner_id))

    assert (len(double.requests), double.connections) == (4, 2)


async def test_fetch_by_post_sends_an_empty_object_and_no_bearer_without_one(api: HttpPartnerApi) -> None:
    async with serving(http_answer()) as double:
        await api.fetch(call(double.port, method="POST"))

    assert double.requests[0].startswith(b"POST /participants/a%2Fb HTTP/1.1\r\n")
    assert double.requests[0].endswith(b"\r\n\r\n{}")
    assert double.header("content-type") == "application/json"
    assert double.header("authorization") is None


async def test_fetch_of_a_whole_signed_token_as_bearer_sends_it(api: HttpPartnerApi) -> None:
    token = "x" * 16 * 1024

    async with serving(http_answer()) as double:
        # The double reads heads of 64 KiB; what servers in the world take is theirs to say.
        await api.fetch(call(double.port, bearer=token))

    assert double.header("authorization") == f"Bearer {token}"


@pytest.mark.parametrize(
    "bearer",
    [
        pytest.param("", id="empty"),
        pytest.param("a b", id="space"),
        pytest.param("a\r\nX-Admin: 1", id="line break"),
        pytest.param("a\x00", id="NUL"),
        pytest.param("é", id="not ASCII"),
        pytest.param("a\n", id="trailing line feed"),
        pytest.param("a" * 16385, id="too long"),
    ],
)
async def test_fetch_with_a_bearer_that_no_header_can_carry_breaks_the_contract_unsent(
    api: HttpPartnerApi, bearer: str
) -> None:
    async with serving(http_answer()) as double:
        with pytest.raises(OutsideError) as failed:
            await api.fetch(call(double.port, bearer=bearer))

    assert failed.value.error_class is PrefillReason.CONTRACT
    assert double.connections == 0


async def test_fetch_by_another_method_breaks_the_contract(api: HttpPartnerApi) -> None:
    with pytest.raises(OutsideError) as failed:
        await api.fetch(call(method="DELETE"))

    assert failed.value.error_class is PrefillReason.CONTRACT


BODY = b"""{
    "form": {"firstName": "Ada", "age": 36},
    "optin": {"news": true},
    "person": {"name": {"first": "Grace", "last": "Hopper"}, "emails": [{"kind": "home", "at": "g@x.example"}]},
    "consents": [{"type": "sms", "given": false}, {"type": "mail", "given": true}]
}"""


@pytest.mark.parametrize(
    ("form_mapping", "optin_mapping", "form", "optin"),
    [
        pytest.param(None, None, {"firstName": "Ada", "age": 36}, {"news": True}, id="without mapping"),
        pytest.param(
            {"first": "person.name.first", "full": "join(' ', [person.name.first, person.name.last])"},
            {"mail": "consents[?type=='mail'].given | [0]"},
            {"first": "Grace", "full": "Grace Hopper"},
            {"mail": True},
            id="both mapped",
        ),
        pytest.param(
            {"email": "person.emails[?kind=='home'] | [0].at"},
            None,
            {"email": "g@x.example"},
            {"news": True},
            id="form mapped",
        ),
        pytest.param({"x": "nothing.here"}, {}, {"x": None}, {}, id="nothing found"),
        pytest.param({"x": "person.name"}, {}, {"x": {"first": "Grace", "last": "Hopper"}}, {}, id="raw value"),
    ],
)
async def test_fetch_of_an_answer_maps_it(
    api: HttpPartnerApi,
    form_mapping: Mapping[str, str] | None,
    optin_mapping: Mapping[str, str] | None,
    form: Mapping[str, object],
    optin: Mapping[str, object],
) -> None:
    async with serving(http_answer(BODY)) as double:
        found = await api.fetch(call(double.port, form_mapping=form_mapping, optin_mapping=optin_mapping))

    assert found == PartnerAnswer(form, optin, 200)


@pytest.mark.parametrize(
    ("body", "form", "optin"),
    [
        pytest.param(b"{}", {}, {}, id="empty object"),
        pytest.param(b'{"form": null, "optin": {}}', {}, {}, id="null"),
        pytest.param(b'{"optin": {"a": null}}', {}, {"a": None}, id="one of two"),
    ],
)
async def test_fetch_of_an_answer_without_values_is_empty(
    api: HttpPartnerApi, body: bytes, form: Mapping[str, object], optin: Mapping[str, object]
) -> None:
    async with serving(http_answer(body)) as double:
        found = await api.fetch(call(double.port))

    assert found == PartnerAnswer(form, optin, 200)


@pytest.mark.parametrize(
    ("answer", "mapping", "error_class"),
    [
        pytest.param(http_answer(b"[]"), None, "contract", id="array"),
        pytest.param(http_answer(b""), None, "contract", id="empty"),
        pytest.param(http_answer(b"<html>", content_type="text/html"), None, "contract", id="HTML"),
        pytest.param(http_answer(b'{"form": []}'), None, "contract", id="form is an array"),
        pytest.param(http_answer(b'{"optin": "yes"}'), None, "contract", id="optin is text"),
        pytest.param(http_answer(b'{"form": {"a": 1, "a": 2}}'), None, "contract", id="a name twice"),
        pytest.param(http_answer(b" " * (256 * 1024 + 1)), None, "contract", id="too large"),
        pytest.param(http_answer(), {"x": "a["}, "contract", id="mapping broken"),
        pytest.param(http_answer(b'{"a": 1}'), {"x": "length(a)"}, "contract", id="mapping fails on a value"),
        pytest.param(b"HTTP/1.1 304 Not Modified\r\n\r\n", None, "contract", id="not modified"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", None, "contract", id="no content"),
        pytest.param(http_answer(status="401 No"), None, "auth", id="unauthenticated"),
        pytest.param(http_answer(status="403 No"), None, "auth", id="forbidden"),
        pytest.param(http_answer(status="404 None"), None, "http_4xx", id="not found"),
        pytest.param(http_answer(status="429 Slow", retry_after="3"), None, "http_429", id="too many"),
        pytest.param(http_answer(status="502 Bad"), None, "http_5xx", id="bad gateway"),
    ],
)
async def test_fetch_of_anything_else_fails_with_its_class(
    api: HttpPartnerApi, answer: bytes, mapping: Mapping[str, str] | None, error_class: str
) -> None:
    async with serving(answer) as double:
        with pytest.raises(OutsideError) as failed:
            await api.fetch(call(double.port, form_mapping=mapping))

    assert failed.value.error_class == error_class


async def test_fetch_of_a_hostile_answer_stops_mapping_within_the_budget_of_all_variables(api: HttpPartnerApi) -> None:
    body = b'{"a": [' + b"1," * 40_000 + b"1]}"
    mapping = {"one": "a[*] | [0]", "two": "a[*] | [0]"}

    async with serving(http_answer(body)) as double:
        alone = await api.fetch(call(double.port, form_mapping={"one": mapping["one"]}))
        with pytest.raises(OutsideError) as failed:
            await api.fetch(call(double.port, form_mapping=mapping))

    assert alone.form == {"one": 1}
    assert (failed.value.error_class, failed.value.detail) == (PrefillReason.CONTRACT, "form_mapping_failed")


async def test_fetch_from_a_partner_slower_than_its_time_fails_as_timeout(api: HttpPartnerApi) -> None:
    async with serving(sends(b"")) as double:
        with pytest.raises(OutsideError) as failed:
            await api.fetch(call(double.port, timeout_seconds=0.1))

    assert failed.value.error_class is PrefillReason.TIMEOUT


async def test_single_call_keeps_no_connection_and_goes_through_the_guard() -> None:
    loopback = OutboundPolicy((IPv4Network("127.0.0.0/8"),))
    allowed = SinglePartnerCalls(lambda: SafeHttp(loopback, "vestibule/test"))
    guarded = SinglePartnerCalls(lambda: SafeHttp(OutboundPolicy(), "vestibule/test"))

    async with serving(http_answer()) as double:
        answers = [await allowed.fetch(call(double.port)) for _ in range(2)]
        with pytest.raises(OutsideError) as refused:
            await guarded.fetch(call(double.port))

    assert [answer.status for answer in answers] == [200, 200]
    assert len(double.requests) == 2
    assert refused.value.error_class is PrefillReason.POLICY
