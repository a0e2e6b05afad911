"""The prefill: what fills the form, where it may come from, and which values are usable.

Knows nothing of HTTP or JMESPath: a partner's answer arrives here as two plain objects.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import quote

from app.reasons import PrefillReason
from app.values import light_value

MAX_VALUE_CHARACTERS = 1024
MAX_KEYS = 64
MAX_WARNINGS = 64
"""A warning for each value that a form may have; an answer could earn tens of thousands."""
MAX_CUSTOM_BYTES = 8 * 1024
_KEY = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_OPTIN_TEXTS = {"1": "1", "true": "1", "0": "0", "false": "0"}


class PrefillStatus(StrEnum):
    """What the form step may expect, in journey order."""

    PENDING = "pending"  # a call is under way or due, the participant's deadline has not passed
    READY = "ready"  # there are values
    UNAVAILABLE = "unavailable"  # there is none now; a later retry or replay may bring it
    NONE = "none"  # there is none, and none will come


class PrefillSource(StrEnum):
    """Who gave the values."""

    TOKEN = "token"  # noqa: S105 - a source's name, not a password
    PARTNER = "partner"


@light_value
class Prefill:
    """What the form step is given; `form` and `optin` map field names to text, `warnings` name what was left out."""

    status: PrefillStatus
    source: PrefillSource | None = None
    reason: PrefillReason | None = None
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    optin: Mapping[str, str] = field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()


@light_value
class PrefillRequest:
    """What a prefill call needs of the accepted claims; kept sealed while the session waits for its call.

    `bearer` is None where the partner is called with our own credential, or none; `bearer_expires_at` is when the
    participant's access token ends, where that is known.
    """

    sub: str = field(repr=False)
    bearer: str | None = field(default=None, repr=False)
    bearer_expires_at: datetime | None = None


@light_value
class PrefillCall:
    """One call to a partner's API, ready to be made; the mappings are JMESPath expressions by variable, or None."""

    partner_id: str
    url: str = field(repr=False)
    method: str
    bearer: str | None = field(repr=False)
    timeout: timedelta
    max_concurrency: int
    form_mapping: Mapping[str, str] | None = None
    optin_mapping: Mapping[str, str] | None = None


@light_value
class PartnerAnswer:
    """A partner's answer after its mapping: raw values by variable, not yet judged; `status` is the HTTP status."""

    form: Mapping[str, object] = field(repr=False)
    optin: Mapping[str, object] = field(repr=False)
    status: int = 200


NO_PREFILL = Prefill(PrefillStatus.NONE)


def prefill_from_claims(form: object, optin: object) -> Prefill:
    """Return the prefill that the claims carry; `none`, with its warnings, if no key is usable (a partner is asked).

    A null fills nothing: an opt-in that is null beside others is "", by itself it keeps nobody from asking the partner.
    """
    prefill = _usable(form, optin, PrefillSource.TOKEN)
    fills = prefill.form or _usable(None, _without_nulls(optin), PrefillSource.TOKEN).optin
    return prefill if fills else Prefill(PrefillStatus.NONE, warnings=prefill.warnings)


def prefill_from_answer(answer: PartnerAnswer) -> Prefill:
    """Return the prefill that a partner's answer holds; an answer without a usable key is ready and empty."""
    return _usable(answer.form, answer.optin, PrefillSource.PARTNER)


def found_in_answer(answer: PartnerAnswer) -> Prefill:
    """Return that prefill without the opt-ins for which the answer had nothing, and which a session has as ""."""
    return _usable(answer.form, _without_nulls(answer.optin), PrefillSource.PARTNER)


def unavailable(reason: PrefillReason, warnings: tuple[str, ...] = ()) -> Prefill:
    """Return the prefill of a session whose values could not be had."""
    return Prefill(PrefillStatus.UNAVAILABLE, reason=reason, warnings=warnings)


def with_earlier_warnings(prefill: Prefill, earlier: Sequence[str]) -> Prefill:
    """Return `prefill` with the warnings about what was looked at before it in front: the token's own values."""
    return replace(prefill, warnings=_few([*earlier, *prefill.warnings])) if earlier else prefill


def expand_url(template: str, sub: str, campaign_id: str) -> str:
    """Fill `{sub}` and `{campaign_id}` into a URL template, percent-encoded whole (RFC 3986 section 2.1)."""
    values = {"{sub}": quote(sub, safe=""), "{campaign_id}": quote(campaign_id, safe="")}
    return re.sub(r"\{sub\}|\{campaign_id\}", lambda match: values[match.group()], template)


def _usable(form: object, optin: object, source: PrefillSource) -> Prefill:
    warnings: list[str] = []
    return Prefill(
        PrefillStatus.READY,
        source,
        form=_usable_values("form", form, _form_value, warnings),
        optin=_usable_values("optin", optin, _optin_value, warnings),
        warnings=_few(warnings),
    )


def _without_nulls(values: object) -> object:
    if not isinstance(values, Mapping):
        return values
    return {name: value for name, value in values.items() if value is not None}


def _few(warnings: list[str]) -> tuple[str, ...]:
    few = warnings[:MAX_WARNINGS]
    return tuple(few) if few == warnings else (*few, "too_many_warnings")


def _usable_values(
    name: str, values: object, convert: Callable[[object], str | None], warnings: list[str]
) -> dict[str, str]:
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        warnings.append(f"{name}: not_an_object")
        return {}
    usable: dict[str, str] = {}
    for key, value in values.items():
        if not _KEY.fullmatch(key):
            warnings.append(f"{name}: key_unusable")
            continue
        text = convert(value)
        if text is None:
            if value is not None:
                warnings.append(f"{name}.{key}: value_unusable")
        elif len(usable) == MAX_KEYS:
            warnings.append(f"{name}: too_many_keys")
            break
        else:
            usable[key] = text
    return usable


def _form_value(value: object) -> str | None:
    match value:
        case str():
            text = value.replace("\0", "")
            return text if len(text) <= MAX_VALUE_CHARACTERS else None
        case bool():
            return "true" if value else "false"
        case int():
            return _decimal(value)
        case float() if math.isfinite(value):
            return repr(value)
        case _:
            return None


def _decimal(value: int) -> str | None:
    """Return the digits of `value`, or None past what a field holds (Python refuses to print over 4,300 digits)."""
    return str(value) if value.bit_length() <= 3 * MAX_VALUE_CHARACTERS else None


def _optin_value(value: object) -> str | None:
    match value:
        case int() | float() if value in (0, 1):  # True and False among them
            return "1" if value else "0"
        case None | "":
            return ""
        case str():
            return _OPTIN_TEXTS.get(value.lower())
        case _:
            return None
