"""Errors as problem details (RFC 9457): the one table of statuses, titles and words.

Knows nothing of how a request is served. The text of an error on our own side never leaves the process.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from app import errors, keyset_errors, play_errors
from app.compact_json import encode
from app.documents.mistakes import MAX_PATH_CHARACTERS

PROBLEM_JSON: Final = "application/problem+json"
CONTENT_LANGUAGE: Final = "Content-Language"
"""Says which language the screen of an answer is in."""
MAX_MISTAKES: Final = 100
"""Of one request that are listed; an answer is not to be many times its request."""
DEFAULT_RETRY_AFTER_SECONDS: Final = 1.0
"""Where an error knows no better: the background probe looks for the database this often."""


@dataclass(frozen=True, slots=True)
class Status:
    """What a class of errors looks like from outside; `detail` is used where the error itself has none."""

    status: int
    title: str
    detail: str


STATUSES: Final[Mapping[type[errors.VestibuleError], Status]] = {
    errors.RequestError: Status(422, "Invalid request", "The request says something that is not possible here."),
    errors.RequestMalformed: Status(400, "Malformed request", "The request could not be read."),
    errors.RequestInvalid: Status(422, "Invalid request", "The request has mistakes; each is listed in errors."),
    errors.CampaignUnknown: Status(404, "Unknown campaign", "There is no campaign of this id."),
    errors.PartnerUnknown: Status(404, "Unknown partner", "There is no partner of this id."),
    errors.PartnerInUse: Status(409, "Partner in use", "The partner is still named by a campaign."),
    keyset_errors.KeysetNotUsed: Status(
        409, "No key set", "This partner's tokens are verified with configured keys, not with a key set."
    ),
    keyset_errors.KeysetShared: Status(
        409, "Shared key set", "Other partners rely on this key set; only a client that sees them all may do this."
    ),
    errors.EncryptionKeysUnknown: Status(
        404, "Unknown encryption keys", "There are no key pairs of ours for this partner."
    ),
    errors.TokenRejected: Status(422, "Token rejected", "The token was judged and refused; reason says why."),
    errors.SessionUnknown: Status(404, "Unknown session", "There is no session of this id and key."),
    errors.SessionExpired: Status(410, "Expired session", "This session's life is over."),
    play_errors.NotSettled: Status(409, "Not settled", "The session's token is not judged yet; try again in a moment."),
    play_errors.SessionRejected: Status(
        409, "Token rejected", "The session's token was refused; reading the session tells why."
    ),
    play_errors.TokenReused: Status(
        409, "Token reused", "The token counts once, and another session has played with it."
    ),
    play_errors.NotEligible: Status(409, "Not eligible", "The token says that this participant may not play."),
    play_errors.LimitReached: Status(409, "Limit reached", "This participant has used all participations."),
    errors.ReplayUnknown: Status(404, "Unknown replay", "There is no replay of this id."),
    errors.ReplayActive: Status(409, "Replay active", "A replay of the same partner is running or paused."),
    errors.ReplayOver: Status(409, "Replay over", "The replay is done or cancelled."),
    errors.TokenTooLarge: Status(413, "Token too large", "The token is longer than 16 KiB."),
    errors.TokenMalformed: Status(422, "Malformed token", "The token has not the shape of a compact JWS or JWE."),
    errors.TokenMissing: Status(422, "Missing token", "This campaign requires a token."),
    errors.BodyTooLarge: Status(413, "Request too large", "The body is larger than this call takes."),
    errors.MediaTypeUnsupported: Status(415, "Unsupported media type", "This call does not take a body of this type."),
    errors.OriginNotAllowed: Status(
        403, "Origin not allowed", "This origin is not among the campaign's allowed origins."
    ),
    errors.RateLimited: Status(429, "Too many requests", "Too many requests; try again later."),
    errors.Overloaded: Status(429, "Overloaded", "More requests arrive than can be served; try again later."),
    errors.Unauthenticated: Status(401, "Unauthenticated", "A valid bearer token is required."),
    errors.BearerRefused: Status(401, "Unauthenticated", "A valid bearer token is required."),
    errors.ScopeMissing: Status(403, "Scope missing", "The bearer token lacks the scope of this call."),
    errors.PreconditionFailed: Status(
        412, "Precondition failed", "If-Match names another version than the stored one."
    ),
    errors.NotFound: Status(404, "Not found", "There is nothing at this address."),
    errors.MethodNotAllowed: Status(405, "Method not allowed", "This address does not know the method."),
    errors.InsideError: Status(500, "Internal error", "Something failed on our side."),
    errors.StoreUnavailable: Status(503, "Service unavailable", "The service cannot store or read this at the moment."),
    errors.SchemaOutdated: Status(500, "Internal error", "Something failed on our side."),
    errors.SealBroken: Status(500, "Internal error", "Something failed on our side."),
    errors.MasterKeyMissing: Status(500, "Internal error", "Something failed on our side."),
    errors.VestibuleError: Status(500, "Internal error", "Something failed on our side."),
}
"""Every error that can reach a caller; a class that is not listed counts as its nearest listed base."""

_CHALLENGES: Final[Mapping[type[errors.VestibuleError], str]] = {
    errors.Unauthenticated: 'Bearer realm="vestibule"',
    errors.BearerRefused: 'Bearer realm="vestibule", error="invalid_token"',
    errors.ScopeMissing: 'Bearer realm="vestibule", error="insufficient_scope"',
}
"""RFC 6750 section 3."""


def status_of(error: errors.VestibuleError) -> Status:
    """Return how `error` looks from outside."""
    return _status_of(type(error))


@dataclass(frozen=True, slots=True)
class Problem:
    """An answer in its parts."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def problem(error: errors.VestibuleError, instance: str, request_id: str) -> web.Response:
    """Return the answer to a request that failed with `error`; `instance` is its path without the query."""
    parts = problem_parts(error, instance, request_id)
    return web.Response(body=parts.body, status=parts.status, headers=parts.headers)


def problem_parts(error: errors.VestibuleError, instance: str, request_id: str) -> Problem:
    """Return the parts of that answer."""
    status = status_of(error)
    code = code_of(type(error))
    body: dict[str, object] = {
        "type": problem_type(code),
        "title": status.title,
        "status": status.status,
        "detail": _public_detail(error) or status.detail,
        "instance": instance,
        "code": code,
        "request_id": request_id,
    }
    if isinstance(error, errors.RequestInvalid):
        body["errors"] = _shown(error.mistakes)
    if isinstance(error, errors.TokenRejected):
        body["reason"] = error.reason
    if isinstance(error, errors.RequestError) and error.screen is not None:
        body["screen"], _ = error.screen
    return Problem(status.status, {"Content-Type": PROBLEM_JSON, **_headers(error, status)}, encode(body))


def _shown(mistakes: Sequence[errors.Mistake]) -> list[dict[str, str]]:
    shown = [{"path": one.path[:MAX_PATH_CHARACTERS], "reason": one.reason} for one in mistakes[:MAX_MISTAKES]]
    more = len(mistakes) - len(shown)
    return [*shown, {"path": "", "reason": f"There are {more} more mistakes."}] if more else shown


def code_of(error: type[errors.VestibuleError]) -> str:
    """Return the code that a caller is told; of what failed on our side it is always the same."""
    is_ours = _status_of(error).status == 500  # noqa: PLR2004 - Internal Server Error
    return "internal" if is_ours else error.code


def statuses_by_code() -> dict[str, list[Status]]:
    """Return how each problem looks, by its code; one code may stand for several."""
    found: dict[str, dict[int, Status]] = {}
    for error, status in STATUSES.items():  # of one code and status, the class further below says it best
        found.setdefault(code_of(error), {})[status.status] = status
    return {code: list(statuses.values()) for code, statuses in found.items()}


def problem_type(code: str) -> str:
    """Return the URI reference that names a kind of problem: stable, and where it is documented."""
    return f"/docs/problems#{code}"


def _status_of(error: type[errors.VestibuleError]) -> Status:
    return next(STATUSES[base] for base in error.__mro__ if base in STATUSES)


def _public_detail(error: errors.VestibuleError) -> str:
    if isinstance(error, errors.TokenRejected):
        return f"The token was refused: {error}."
    return error.detail if isinstance(error, errors.RequestError) else ""


def _headers(error: errors.VestibuleError, status: Status) -> dict[str, str]:
    challenge = _CHALLENGES.get(type(error))
    headers = {"WWW-Authenticate": challenge} if challenge else {}
    if status.status in (429, 503):
        wanted = error.retry_after_seconds if isinstance(error, errors.RequestError) else None
        headers["Retry-After"] = str(max(1, math.ceil(wanted or DEFAULT_RETRY_AFTER_SECONDS)))
    if isinstance(error, errors.RequestError) and error.screen is not None:
        _, headers[CONTENT_LANGUAGE] = error.screen
    return headers
