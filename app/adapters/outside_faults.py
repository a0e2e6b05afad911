"""How an outside call failed: exceptions of aiohttp and HTTP statuses as classes of ours (see the table in docs).

The text of a foreign exception goes nowhere: it names hosts, URLs and what the partner sent.
"""

import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import aiohttp

from app.adapters.address_guard import AddressRefused
from app.errors import OutsideError
from app.ports import Clock
from app.reasons import PrefillReason

_SECONDS = re.compile(r"[0-9]+")
_MAX_SECONDS = 2**31  # what a larger number counts as, as in caching (RFC 9111 section 1.2.2)
_MAY_ASK_TO_WAIT = frozenset({429, 503})
_STATUSES = {
    401: PrefillReason.AUTH,
    403: PrefillReason.AUTH,
    408: PrefillReason.TIMEOUT,  # the server, or a proxy before it, gave up waiting: its side, not our request
    429: PrefillReason.HTTP_429,
}
_STATUS_CLASSES = {4: PrefillReason.HTTP_4XX, 5: PrefillReason.HTTP_5XX}

# The first that fits counts. ClientConnectorError stands below its own kinds, ClientConnectionError below all of them.
_EXCEPTIONS: tuple[tuple[tuple[type[Exception], ...], PrefillReason, str], ...] = (
    ((TimeoutError,), PrefillReason.TIMEOUT, "no_answer_in_time"),
    ((aiohttp.ClientConnectorDNSError,), PrefillReason.DNS, "name_not_resolved"),
    ((aiohttp.ClientSSLError, ssl.SSLError), PrefillReason.TLS, "handshake_failed"),
    ((aiohttp.ClientConnectorError,), PrefillReason.CONNECT, "connection_not_made"),
    ((aiohttp.ClientPayloadError,), PrefillReason.CONNECT, "body_cut_short"),
    ((aiohttp.ClientConnectionError, OSError), PrefillReason.CONNECT, "connection_lost"),
    ((aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError), PrefillReason.POLICY, "url_refused"),
    ((aiohttp.ClientResponseError,), PrefillReason.CONTRACT, "not_http"),
)


def classify_exception(exc: Exception) -> OutsideError:
    """Return what `exc`, raised by aiohttp or beneath it, means."""
    if isinstance(exc, aiohttp.ClientConnectorError) and isinstance(exc.os_error, AddressRefused):
        return OutsideError(PrefillReason.POLICY, "address_refused")
    for kinds, error_class, detail in _EXCEPTIONS:
        if isinstance(exc, kinds):
            return OutsideError(error_class, detail)
    return OutsideError(PrefillReason.INTERNAL, type(exc).__name__)


def classify_status(status: int, headers: Mapping[str, str], clock: Clock) -> OutsideError:
    """Return what a status means that is neither 200 nor 304; a redirect breaks the contract, wherever it points."""
    error_class = _STATUSES.get(status) or _STATUS_CLASSES.get(status // 100, PrefillReason.CONTRACT)
    retry_after = parse_retry_after(headers, clock) if status in _MAY_ASK_TO_WAIT else None
    return OutsideError(error_class, f"status_{status}", status, retry_after)


def parse_retry_after(headers: Mapping[str, str], clock: Clock) -> timedelta | None:
    """Return how long `Retry-After` asks to wait (RFC 9110 section 10.2.3), or None if it is absent or makes no sense.

    A date counts from the answer's own `Date`, so that neither side's clock need be right, and from our clock if the
    answer has none. Bounds are the caller's.
    """
    value = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(value):
        return timedelta(seconds=min(float(value), _MAX_SECONDS))
    wanted_at = parse_http_date(value)
    if wanted_at is None:
        return None
    answered_at = parse_http_date(headers.get("Date", "")) or clock.now()
    return max(timedelta(0), wanted_at - answered_at)


def parse_http_date(value: str) -> datetime | None:
    """Return the moment that an HTTP date names (RFC 9110 section 5.6.7), or None if it names none."""
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
