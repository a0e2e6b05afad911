"""Addresses in documents that the service itself will call: checked by the installation's outbound policy.

The policy comes with the validation's context, so that the models stay the same for every installation.
"""

from collections.abc import Callable, Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from app.documents.fields import WEB_SCHEME, Shown
from app.domain.outside import (
    MAX_TEMPLATE_CHARACTERS,
    OutboundPolicy,
    OutsideUrl,
    UrlReason,
    UrlRefused,
    check_url,
    check_url_template,
)

_SENTENCES: Mapping[UrlReason, str] = {
    UrlReason.TOO_LONG: "This address is too long.",
    UrlReason.MALFORMED: "This must be a whole address, such as https://api.example.com/path.",
    UrlReason.CHARACTER: "This address holds a character that must be percent-encoded, or a space or backslash.",
    UrlReason.FRAGMENT: "This address must not have a fragment (#).",
    UrlReason.USERINFO: "This address must not hold a user name or password.",
    UrlReason.SCHEME: "This address must begin with https://.",
    UrlReason.PORT: "The port of this address must be a number from 1 to 65535.",
    UrlReason.HOST: "The host of this address is not a valid name.",
    UrlReason.HOST_NOT_NORMAL: "The host of this address holds characters that stand for others.",
    UrlReason.HOST_NUMERIC: "The host of this address must be a name, not a number.",
    UrlReason.HOST_TRAILING_DOT: "The host of this address must not end in a dot.",
    UrlReason.HOST_LOCAL: "The host of this address is a local name; only public ones may be called.",
    UrlReason.HOST_IS_ADDRESS: "The host of this address must be a name; the settings except no such IP address.",
    UrlReason.DOT_SEGMENT: "The path of this address must not hold . or .. as a step.",
    UrlReason.PLACEHOLDER: "Braces may only hold sub or campaign_id, and only in the path or query.",
}


def _checked(url: str, info: ValidationInfo, check: Callable[[str, OutboundPolicy], OutsideUrl]) -> str:
    policy = info.context
    if not isinstance(policy, OutboundPolicy):
        raise TypeError("documents are validated in the context of an OutboundPolicy")
    try:
        return str(check(url, policy))
    except UrlRefused as refusal:
        raise ValueError(f"{_SENTENCES[refusal.reason]} ({refusal.reason})") from None


def _url(url: str, info: ValidationInfo) -> str:
    return _checked(url, info, check_url)


def _template(url: str, info: ValidationInfo) -> str:
    return _checked(url, info, check_url_template)


_WEB = Shown.pattern(WEB_SCHEME + ".*")
OutsideAddress = Annotated[str, Field(min_length=1, max_length=MAX_TEMPLATE_CHARACTERS), AfterValidator(_url), _WEB]
OutsideTemplate = Annotated[
    str, Field(min_length=1, max_length=MAX_TEMPLATE_CHARACTERS), AfterValidator(_template), _WEB
]
