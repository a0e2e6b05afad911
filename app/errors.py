"""Every error that Vestibule raises, by family.

VestibuleError
├── TokenRejected          an outcome: the token was judged and refused; never retried
├── OutsideError           a partner's side failed us (carries the class that decides about a retry)
├── InsideError            our own side failed
│   ├── StoreUnavailable   the database cannot be reached, or does not answer in time
│   ├── SchemaOutdated     the database was not migrated to what this version needs
│   └── SealBroken         a sealed value does not open: the row was tampered with, or
│       └── MasterKeyMissing   another process's master key sealed it
├── RequestError           the caller said something wrong; `web/problems.py` knows the status of each code
│   ├── RequestMalformed   not strict JSON
│   ├── RequestInvalid     well-formed, but wrong; lists every mistake with its path
│   ├── PlayRefused        nobody plays; in `app.play_errors`, one class per code
│   ├── Keyset…            about a partner's key set; in `app.keyset_errors`
│   └── …                  one class per code, see below
└── ConfigurationError     the process cannot start; lists every mistake

Each class carries a stable `code`; the text of an exception is for people and never holds a token, a claim or a key.
All of them survive pickling, since Celery may carry them between processes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from app.reasons import PrefillReason, TokenReason


class VestibuleError(Exception):
    """The root of the tree."""

    code: ClassVar[str] = "internal"


class TokenRejected(VestibuleError):
    """The token was judged and refused, for `reason`; `detail` names the rule or claim, never its value."""

    code = "token_rejected"

    def __init__(self, reason: TokenReason, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else str(self.reason)


class OutsideError(VestibuleError):
    """A call to a partner failed.

    `error_class` says how, `status` is the HTTP status where there was one, `retry_after` what the partner asked for.
    """

    code = "outside_failed"

    def __init__(
        self,
        error_class: PrefillReason,
        detail: str = "",
        status: int | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(error_class, detail, status, retry_after)
        self.error_class = error_class
        self.detail = detail
        self.status = status
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.error_class}: {self.detail}" if self.detail else str(self.error_class)


class InsideError(VestibuleError):
    """Our own side failed."""


class StoreUnavailable(InsideError):
    """The database cannot be reached, or did not answer in time; `only_reads` if it answers, and stores nothing."""

    code = "store_unavailable"
    only_reads = False


class SchemaOutdated(InsideError):
    """The database is not at this version's revision: it lacks a table or a column.

    No StoreUnavailable, since the database answers: no circuit and no retry has anything to wait for.
    """

    code = "schema_outdated"


class SealBroken(InsideError):
    """A sealed value does not open: the row was tampered with, or a subclass says what else."""

    code = "seal_broken"


class MasterKeyMissing(SealBroken):
    """The value was sealed under a key that is not in this process's ring; another process may have it."""

    code = "master_key_missing"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong with a document: where (dotted path, e.g. `signature.keys[0].pem`) and why."""

    path: str
    reason: str


class RequestError(VestibuleError):
    """The caller said what we refuse; `detail` tells a person why, `screen` a participant, beside its language."""

    code = "request_invalid"
    screen: tuple[Mapping[str, object], str] | None = None

    def __init__(self, detail: str = "", retry_after_seconds: float | None = None) -> None:
        super().__init__(detail, retry_after_seconds)
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code


class RequestMalformed(RequestError):
    """The body is not strict JSON: its syntax, a name twice, NaN, or too deep."""

    code = "request_malformed"


class RequestInvalid(RequestError):
    """The body is well-formed and says the wrong thing; every mistake is listed."""

    code = "request_invalid"

    def __init__(
        self, mistakes: tuple[Mistake, ...], detail: str = "The request has mistakes; each is listed in errors."
    ) -> None:
        super().__init__(detail)
        self.args = (mistakes, detail)
        self.mistakes = mistakes


class CampaignUnknown(RequestError):
    """There is no campaign of that id."""

    code = "campaign_unknown"


class PartnerUnknown(RequestError):
    """There is no partner of that id, or the client may not see it."""

    code = "partner_unknown"


class PartnerInUse(RequestError):
    """The partner is still named by a campaign."""

    code = "partner_in_use"


class EncryptionKeysUnknown(RequestError):
    """There are no key pairs of ours for a partner of that id, whether it exists or not."""

    code = "encryption_keys_unknown"


class SessionUnknown(RequestError):
    """No such session, or a wrong key: the caller is not told which."""

    code = "session_unknown"


class SessionExpired(RequestError):
    """The session's life is over."""

    code = "session_expired"


class ReplayUnknown(RequestError):
    """There is no replay of that id, or the client may not see it."""

    code = "replay_unknown"


class ReplayActive(RequestError):
    """A replay of the same partner is running or paused."""

    code = "replay_active"


class ReplayOver(RequestError):
    """The replay is done or cancelled, so it can be steered no more."""

    code = "replay_over"


class TokenNotTaken(RequestError):
    """No session comes of what was given for a token."""


class TokenTooLarge(TokenNotTaken):
    """The token is longer than 16 KiB."""

    code = "token_too_large"


class TokenMalformed(TokenNotTaken):
    """The token has not the shape of a compact JWS or JWE."""

    code = "token_malformed"


class TokenMissing(TokenNotTaken):
    """The campaign requires a token and none was given."""

    code = "token_missing"


class BodyTooLarge(RequestError):
    """The request's body is larger than this call takes."""

    code = "request_too_large"


class MediaTypeUnsupported(RequestError):
    """The content type is not one that this call takes."""

    code = "media_type_unsupported"


class OriginNotAllowed(RequestError):
    """The browser's origin is not among the campaign's allowed origins."""

    code = "origin_not_allowed"


class RateLimited(RequestError):
    """Too many requests from this caller."""

    code = "rate_limited"


class Overloaded(RequestError):
    """The ingress holds as many requests as it may; `retry_after_seconds` comes from the measured drain rate."""

    code = "overloaded"


class Unauthenticated(RequestError):
    """No bearer, or one that we do not accept."""

    code = "unauthenticated"


class BearerRefused(Unauthenticated):
    """A bearer came, and it is not one that we accept (RFC 6750 section 3.1)."""


class ScopeMissing(RequestError):
    """The bearer lacks the scope that this call needs."""

    code = "scope_missing"


class PreconditionFailed(RequestError):
    """If-Match names another version than the stored one."""

    code = "precondition_failed"


class NotFound(RequestError):
    """There is nothing at this address."""

    code = "not_found"


class MethodNotAllowed(RequestError):
    """The address exists, the method does not."""

    code = "method_not_allowed"


class ConfigurationError(VestibuleError):
    """The process cannot start; `problems` lists every mistake, one line each."""

    code = "configuration_invalid"

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(self.problems)
