"""A partner's endpoints asked once, for a check-up: what they answer, how fast, by whose certificate and clock."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter

from app.adapters.jwks_http import ask_for_keys, keyset_answer
from app.adapters.outside_faults import parse_http_date
from app.adapters.partner_http import ask_partner, mapped_answer
from app.adapters.safe_http import SafeAnswer, SafeHttp
from app.domain.checkup_endpoints import Reached
from app.domain.prefill import PartnerAnswer, PrefillCall


@dataclass(frozen=True, slots=True)
class HttpPartnerProbe:
    """Implements `fetch_ports.PartnerProbe`; each call over a connection of its own, so that a handshake is made."""

    open_http: Callable[[], SafeHttp]

    async def ask_for_keys(self, url: str) -> tuple[Reached, object]:
        """Return what the endpoint of a key set says, and its document; raise OutsideError."""
        async with self.open_http() as http:
            began = perf_counter()
            answer = await ask_for_keys(http, url, {})
            return _reached(answer, perf_counter() - began), answer.json_object()

    async def ask_for_participant(self, call: PrefillCall) -> tuple[Reached, PartnerAnswer]:
        """Return what the participant API says, and its mapped answer; raise OutsideError."""
        async with self.open_http() as http:
            began = perf_counter()
            answer = await ask_partner(http, call)
            return _reached(answer, perf_counter() - began), mapped_answer(answer, call)


def _reached(answer: SafeAnswer, seconds: float) -> Reached:
    caching = keyset_answer(answer, None)
    return Reached(
        status=answer.status,
        took=timedelta(seconds=seconds),
        answered_at=parse_http_date(answer.headers.get("date", "")),
        certificate_ends_at=answer.certificate_ends_at,
        max_age=caching.max_age,
        no_store=caching.no_store,
        has_validator=bool(caching.etag or caching.last_modified),
    )
