"""Which URLs a configuration may hold: a row is a rule."""

from ipaddress import IPv4Network, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.outside import (
    MAX_TEMPLATE_CHARACTERS,
    MAX_URL_CHARACTERS,
    OutboundPolicy,
    OutsideUrl,
    UrlReason,
    UrlRefused,
    check_url,
    check_url_template,
)

STRICT = OutboundPolicy()
EXCEPTING = OutboundPolicy((IPv4Network("127.0.0.0/8"), IPv4Network("10.1.0.0/16"), IPv6Network("::1/128")))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://api.example", OutsideUrl("https", "api.example", 443, "/"), id="no path"),
        pytest.param("HTTPS://API.Example/a", OutsideUrl("https", "api.example", 443, "/a"), id="upper case"),
        pytest.param("https://a.example:8443/b?c=%2F", OutsideUrl("https", "a.example", 8443, "/b?c=%2F"), id="port"),
        pytest.param(
            "https://a.example?c=/../d", OutsideUrl("https", "a.example", 443, "/?c=/../d"), id="only a query"
        ),
        pytest.param("https://bücher.example/", OutsideUrl("https", "xn--bcher-kva.example", 443, "/"), id="Unicode"),
        pytest.param(
            "https://BÜCHER.example/", OutsideUrl("https", "xn--bcher-kva.example", 443, "/"), id="Unicode, upper"
        ),
        pytest.param("https://例え.example/", OutsideUrl("https", "xn--r8jz45g.example", 443, "/"), id="Japanese"),
        pytest.param("https://0x7f.example/", OutsideUrl("https", "0x7f.example", 443, "/"), id="hex not at the end"),
    ],
)
def test_check_url_of_an_acceptable_url_takes_it_apart(url: str, expected: OutsideUrl) -> None:
    assert check_url(url, STRICT) == expected
    assert check_url(str(expected), STRICT) == expected


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param("", UrlReason.MALFORMED, id="empty"),
        pytest.param("api.example/x", UrlReason.MALFORMED, id="no scheme"),
        pytest.param("https:/api.example", UrlReason.MALFORMED, id="one slash"),
        pytest.param("https:///x", UrlReason.HOST, id="no host"),
        pytest.param("https://:443/", UrlReason.HOST, id="only a port"),
        pytest.param("http://api.example/", UrlReason.SCHEME, id="http"),
        pytest.param("ftp://api.example/", UrlReason.SCHEME, id="ftp"),
        pytest.param("file:///etc/passwd", UrlReason.SCHEME, id="file"),
        pytest.param("https://a.example/#f", UrlReason.FRAGMENT, id="fragment"),
        pytest.param("https://a.example#@b.example/", UrlReason.FRAGMENT, id="fragment before an at"),
        pytest.param("https://u:p@a.example/", UrlReason.USERINFO, id="userinfo"),
        pytest.param("https://@a.example/", UrlReason.USERINFO, id="empty userinfo"),
        pytest.param("https://a.example\\@b.example/", UrlReason.CHARACTER, id="backslash"),
        pytest.param("https://a.example/ b", UrlReason.CHARACTER, id="space"),
        pytest.param(" https://a.example/", UrlReason.CHARACTER, id="leading space"),
        pytest.param("https://a.example/\r\nX: y", UrlReason.CHARACTER, id="line break"),
        pytest.param("https://a.ex\tample/", UrlReason.CHARACTER, id="tab in the host"),
        pytest.param("https://a.example/\x00", UrlReason.CHARACTER, id="NUL"),
        pytest.param("https://a.example/\x85", UrlReason.CHARACTER, id="C1 control"),
        pytest.param("https://a.example/é", UrlReason.CHARACTER, id="unencoded letter"),
        pytest.param("https://a.example/\ud800", UrlReason.CHARACTER, id="lone surrogate in the path"),
        pytest.param("https://a.example/%zz", UrlReason.CHARACTER, id="broken percent-encoding"),
        pytest.param("https://a.example/<x>", UrlReason.CHARACTER, id="angle brackets"),
        pytest.param("https://a.example/{sub}", UrlReason.PLACEHOLDER, id="placeholder outside a template"),
        pytest.param("https://a.example:/", UrlReason.PORT, id="empty port"),
        pytest.param("https://a.example:0/", UrlReason.PORT, id="port zero"),
        pytest.param("https://a.example:65536/", UrlReason.PORT, id="port too large"),
        pytest.param("https://a.example:٤٤٣/", UrlReason.PORT, id="port in other digits"),
        pytest.param("https://a.example:+443/", UrlReason.PORT, id="port with a sign"),
        pytest.param("https://a.example:80:90/", UrlReason.PORT, id="two ports"),
        pytest.param("https://a..example/", UrlReason.HOST, id="empty label"),
        pytest.param("https://.example/", UrlReason.HOST, id="leading dot"),
        pytest.param("https://-a.example/", UrlReason.HOST, id="leading hyphen"),
        pytest.param("https://a_b.example/", UrlReason.HOST, id="underscore"),
        pytest.param("https://a%2eexample/", UrlReason.HOST, id="percent in the host"),
        pytest.param("https://*.example/", UrlReason.HOST, id="wildcard"),
        pytest.param(f"https://{'a' * 64}.example/", UrlReason.HOST, id="label too long"),
        pytest.param(f"https://{'a.' * 130}example/", UrlReason.HOST, id="host too long"),
        pytest.param(f"https://{'ü' * 70}.example/", UrlReason.HOST, id="Unicode label too long"),
        pytest.param("https://\ud800.example/", UrlReason.HOST, id="lone surrogate in the host"),
        pytest.param("https://\u200b.example/", UrlReason.HOST, id="zero width"),
        pytest.param("https://a.example./", UrlReason.HOST_TRAILING_DOT, id="trailing dot"),
        pytest.param("https://127.0.0.1./", UrlReason.HOST_TRAILING_DOT, id="address with a trailing dot"),
        pytest.param("https://localhost./", UrlReason.HOST_TRAILING_DOT, id="localhost with a trailing dot"),
        pytest.param("https://localhost/", UrlReason.HOST_LOCAL, id="localhost"),
        pytest.param("https://LOCALHOST/", UrlReason.HOST_LOCAL, id="localhost in upper case"),
        pytest.param("https://a.localhost/", UrlReason.HOST_LOCAL, id="below localhost"),
        pytest.param("https://printer.local/", UrlReason.HOST_LOCAL, id="local"),
        pytest.param("https://metadata.google.internal/", UrlReason.HOST_LOCAL, id="internal"),
        pytest.param("https://93.184.216.34/", UrlReason.HOST_IS_ADDRESS, id="public literal"),
        pytest.param("https://127.0.0.1/", UrlReason.HOST_IS_ADDRESS, id="loopback literal"),
        pytest.param("https://[::1]/", UrlReason.HOST_IS_ADDRESS, id="IPv6 literal"),
        pytest.param("https://[::ffff:127.0.0.1]/", UrlReason.HOST_IS_ADDRESS, id="mapped literal"),
        pytest.param("https://[fe80::1%25eth0]/", UrlReason.HOST_IS_ADDRESS, id="literal with a scope"),
        pytest.param("https://[::1/", UrlReason.HOST, id="open bracket"),
        pytest.param("https://[a.example]/", UrlReason.HOST, id="name in brackets"),
        pytest.param("https://[v1.x]/", UrlReason.HOST, id="future literal"),
        pytest.param("https://::1/", UrlReason.HOST, id="IPv6 without brackets"),
        pytest.param("https://2130706433/", UrlReason.HOST_NUMERIC, id="one decimal"),
        pytest.param("https://0x7f000001/", UrlReason.HOST_NUMERIC, id="one hex"),
        pytest.param("https://0X7F000001/", UrlReason.HOST_NUMERIC, id="one hex in upper case"),
        pytest.param("https://017700000001/", UrlReason.HOST_NUMERIC, id="one octal"),
        pytest.param("https://127.1/", UrlReason.HOST_NUMERIC, id="two parts"),
        pytest.param("https://0177.0.0.1/", UrlReason.HOST_NUMERIC, id="octal part"),
        pytest.param("https://0x7f.0.0.1/", UrlReason.HOST_NUMERIC, id="hex part"),
        pytest.param("https://127.0.0.0x1/", UrlReason.HOST_NUMERIC, id="hex last part"),
        pytest.param("https://127.0.0.256/", UrlReason.HOST_NUMERIC, id="part too large"),
        pytest.param("https://1.2.3.4.5/", UrlReason.HOST_NUMERIC, id="five parts"),
        pytest.param("https://a.example.0x/", UrlReason.HOST_NUMERIC, id="bare 0x"),
        pytest.param("https://\uff11\uff12\uff17.0.0.1/", UrlReason.HOST_NOT_NORMAL, id="full-width digits"),
        pytest.param("https://①②⑦.0.0.1/", UrlReason.HOST_NOT_NORMAL, id="circled digits"),
        pytest.param("https://127。0。0。1/", UrlReason.HOST_NOT_NORMAL, id="ideographic full stops"),
        pytest.param("https://127\uff0e0\uff0e0\uff0e1/", UrlReason.HOST_NOT_NORMAL, id="full-width full stops"),
        pytest.param("https://\uff4cocalhost/", UrlReason.HOST_NOT_NORMAL, id="full-width letter"),
        pytest.param("https://℀.example/", UrlReason.HOST_NOT_NORMAL, id="ligature that holds a slash"),
        pytest.param("https://straße.example/", UrlReason.HOST_NOT_NORMAL, id="sharp s"),
        pytest.param("https://βόλος.example/", UrlReason.HOST_NOT_NORMAL, id="final sigma"),
        pytest.param("https://a\u200dü.example/", UrlReason.HOST_NOT_NORMAL, id="joiner"),
        pytest.param("https://a\u00adb.example/", UrlReason.HOST_NOT_NORMAL, id="soft hyphen"),
        pytest.param("https://bu\u0308cher.example/", UrlReason.HOST_NOT_NORMAL, id="decomposed letter"),
        pytest.param("https://a.example/..", UrlReason.DOT_SEGMENT, id="dot segment"),
        pytest.param("https://a.example/p/../q", UrlReason.DOT_SEGMENT, id="dot segment inside"),
        pytest.param("https://a.example/p/./q", UrlReason.DOT_SEGMENT, id="single dot"),
        pytest.param("https://a.example/p/%2E%2e/q?r", UrlReason.DOT_SEGMENT, id="encoded dot segment"),
        pytest.param("https://a.example/" + "x" * MAX_URL_CHARACTERS, UrlReason.TOO_LONG, id="too long"),
    ],
)
def test_check_url_of_a_refused_url_names_the_rule(url: str, reason: UrlReason) -> None:
    with pytest.raises(UrlRefused) as refused:
        check_url(url, STRICT)

    assert refused.value.reason is reason


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("http://127.0.0.1:8080/x", OutsideUrl("http", "127.0.0.1", 8080, "/x"), id="http"),
        pytest.param("https://10.1.2.3/", OutsideUrl("https", "10.1.2.3", 443, "/"), id="https"),
        pytest.param("http://[::1]/", OutsideUrl("http", "::1", 80, "/"), id="IPv6"),
        pytest.param("http://[0:0::0:1]:81", OutsideUrl("http", "::1", 81, "/"), id="IPv6 spelled out"),
    ],
)
def test_check_url_of_an_excepted_address_takes_it_apart(url: str, expected: OutsideUrl) -> None:
    assert check_url(url, EXCEPTING) == expected
    assert check_url(str(expected), EXCEPTING) == expected


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param("http://api.example/", UrlReason.SCHEME, id="http of a name"),
        pytest.param("http://10.2.0.1/", UrlReason.HOST_IS_ADDRESS, id="another private address"),
        pytest.param("https://93.184.216.34/", UrlReason.HOST_IS_ADDRESS, id="public literal"),
        pytest.param("https://127.1/", UrlReason.HOST_NUMERIC, id="other spelling of an excepted address"),
        pytest.param("https://localhost/", UrlReason.HOST_LOCAL, id="name of an excepted address"),
    ],
)
def test_check_url_with_exceptions_still_refuses_what_is_not_excepted(url: str, reason: UrlReason) -> None:
    with pytest.raises(UrlRefused) as refused:
        check_url(url, EXCEPTING)

    assert refused.value.reason is reason


def test_check_url_template_with_placeholders_keeps_them_in_the_target() -> None:
    template = "https://API.example/v1/{campaign_id}/participants/{sub}?for={campaign_id}"

    checked = check_url_template(template, STRICT)

    assert checked == OutsideUrl("https", "api.example", 443, "/v1/{campaign_id}/participants/{sub}?for={campaign_id}")
    assert str(checked) == template.replace("API", "api")


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        pytest.param("https://{sub}.example/", UrlReason.PLACEHOLDER, id="in the host"),
        pytest.param("https://a.example:{sub}/", UrlReason.PLACEHOLDER, id="in the port"),
        pytest.param("{sub}://a.example/", UrlReason.MALFORMED, id="in the scheme"),
        pytest.param("{sub}", UrlReason.MALFORMED, id="alone"),
        pytest.param("https://a.example/{email}", UrlReason.PLACEHOLDER, id="unknown"),
        pytest.param("https://a.example/{Sub}", UrlReason.PLACEHOLDER, id="other case"),
        pytest.param("https://a.example/{{sub}}", UrlReason.PLACEHOLDER, id="doubled"),
        pytest.param("https://a.example/{su{sub}b}", UrlReason.PLACEHOLDER, id="nested"),
        pytest.param("https://a.example/{}", UrlReason.PLACEHOLDER, id="nameless"),
        pytest.param("https://a.example/}", UrlReason.PLACEHOLDER, id="closing only"),
        pytest.param("https://{sub}@a.example/", UrlReason.PLACEHOLDER, id="in the userinfo"),
        pytest.param("https://a.example/{sub}#{sub}", UrlReason.FRAGMENT, id="in the fragment"),
        pytest.param("https://a.example/../{sub}", UrlReason.DOT_SEGMENT, id="dot segment"),
        pytest.param("https://127.0.0.1/{sub}", UrlReason.HOST_IS_ADDRESS, id="literal"),
        pytest.param("https://a.example/" + "x" * MAX_TEMPLATE_CHARACTERS, UrlReason.TOO_LONG, id="too long"),
    ],
)
def test_check_url_template_of_a_refused_template_names_the_rule(template: str, reason: UrlReason) -> None:
    with pytest.raises(UrlRefused) as refused:
        check_url_template(template, STRICT)

    assert refused.value.reason is reason


@given(st.one_of(st.text(max_size=30), st.from_regex(r"https://[^/\x00-\x20]{1,20}(/.{0,10})?", fullmatch=True)))
def test_check_url_of_any_text_refuses_it_or_gives_an_ascii_url_that_checks_again(text: str) -> None:
    try:
        checked = check_url(text, EXCEPTING)
    except UrlRefused as refused:
        assert text not in str(refused) or text in UrlReason(refused.reason)  # noqa: PT017 - both outcomes are right
        return

    assert str(checked).isascii()
    assert check_url(str(checked), EXCEPTING) == checked
