"""A partner's participant API over HTTP: one call made, its answer mapped to variables.

Judges no value and decides no retry. A POST carries an empty JSON object: everything is said in the URL and the bearer.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from app.adapters.safe_http import CallBounds, SafeAnswer, SafeHttp
from app.documents.mapping import MappingBudget, MappingRefused, evaluate
from app.domain.prefill import PartnerAnswer, PrefillCall
from app.errors import OutsideError
from app.reasons import PrefillReason

_MAX_BODY_BYTES = 256 * 1024
_BEARER = re.compile(r"[\x21-\x7e]{1,16384}")  # what a header can carry, up to the largest token; wider than RFC 6750


@dataclass(frozen=True, slots=True)
class HttpPartnerApi:
    """Calls partners' APIs; how many at once is the caller's to bound."""

    http: SafeHttp

    async def fetch(self, call: PrefillCall) -> PartnerAnswer:
        """Make `call` and return the mapped answer; raise OutsideError with the class of what went wrong."""
        return mapped_answer(await ask_partner(self.http, call), call)


@dataclass(frozen=True, slots=True)
class SinglePartnerCalls:
    """Calls partners' APIs now and then, each over a connection of its own, for who keeps none open."""

    open_http: Callable[[], SafeHttp]

    async def fetch(self, call: PrefillCall) -> PartnerAnswer:
        """Make `call` and return the mapped answer; raise OutsideError with the class of what went wrong."""
        async with self.open_http() as http:
            return await HttpPartnerApi(http).fetch(call)


async def ask_partner(http: SafeHttp, call: PrefillCall) -> SafeAnswer:
    """Make `call` and return the bare answer; raise OutsideError."""
    return await http.request(
        _method(call),
        call.url,
        pool=call.partner_id,
        bounds=CallBounds(whole=call.timeout, max_body_bytes=_MAX_BODY_BYTES),
        headers=_headers(call),
        body=b"{}" if call.method == "POST" else None,
    )


def mapped_answer(answer: SafeAnswer, call: PrefillCall) -> PartnerAnswer:
    """Return what the answer holds by the mapping of `call`; raise OutsideError (a 304 has no body to map)."""
    document = answer.json_object()
    budget = MappingBudget()
    return PartnerAnswer(
        form=_variables("form", call.form_mapping, document, budget),
        optin=_variables("optin", call.optin_mapping, document, budget),
        status=answer.status,
    )


def _method(call: PrefillCall) -> Literal["GET", "POST"]:
    match call.method:
        case "GET":
            return "GET"
        case "POST":
            return "POST"
        case _:
            raise OutsideError(PrefillReason.CONTRACT, "method_not_allowed")


def _headers(call: PrefillCall) -> dict[str, str]:
    headers = {"Accept": "application/json"}
    if call.method == "POST":
        headers["Content-Type"] = "application/json"
    if call.bearer is not None:
        if not _BEARER.fullmatch(call.bearer):
            raise OutsideError(PrefillReason.CONTRACT, "bearer_not_sendable")
        headers["Authorization"] = f"Bearer {call.bearer}"
    return headers


def _variables(
    member: str, mapping: Mapping[str, str] | None, document: dict[str, object], budget: MappingBudget
) -> Mapping[str, object]:
    if mapping is None:
        values = document.get(member)
        if values is None:
            return {}
        if not isinstance(values, dict):
            raise OutsideError(PrefillReason.CONTRACT, f"{member}_not_an_object", HTTPStatus.OK)
        return values
    try:
        return {variable: evaluate(expression, document, budget) for variable, expression in mapping.items()}
    except MappingRefused:
        raise OutsideError(PrefillReason.CONTRACT, f"{member}_mapping_failed", HTTPStatus.OK) from None
