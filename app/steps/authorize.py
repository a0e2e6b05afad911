"""Our Authorization API: giving out access tokens to management clients, and judging those that come back.

An access token is a JWT of RFC 9068, signed by us. What it says is never more than what the client may do at the moment
of the call: a revoked client, or a scope taken away, counts within a second. Knows nothing of HTTP.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType
from typing import ClassVar, Final

from app.domain.claims import numeric_date
from app.domain.scopes import ALL_SCOPES, Scope, granted_scopes
from app.domain.strict_json import NotStrictJson, parse_object
from app.errors import TokenRejected, Unauthenticated, VestibuleError
from app.jose.gate import open_token
from app.jose.signature import verify
from app.jose.signing import sign
from app.management_ports import ApiClient, AuditEntry, ClientStore
from app.ports import Clock
from app.steps.client_secrets import ClientSecrets
from app.steps.secrets import SIGNING_ALGORITHM, SigningKeys

ACCESS_TOKEN_LIFE: Final = timedelta(hours=1)
ACCESS_TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - RFC 9068 section 2.1
_PARTNER_SCOPES = frozenset({Scope.CRYPTO_ENCRYPT})
"""What a partner may do that has no client, but shows a token of its own."""
_FRESH_FOR = timedelta(seconds=1)
_BEARERS_KEPT = 1024


class Grant(StrEnum):
    """How an access token may be asked for; the value is its `grant_type`."""

    CLIENT_CREDENTIALS = "client_credentials"  # RFC 6749 section 4.4
    JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"  # RFC 7523 section 2.1


class GrantError(StrEnum):
    """What may be wrong with a request for a token (RFC 6749 section 5.2)."""

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    INVALID_SCOPE = "invalid_scope"


class GrantRefused(VestibuleError):
    """No access token is given; `error` says why in the words of RFC 6749, `description` to a person."""

    code: ClassVar[str] = "grant_refused"

    def __init__(self, error: GrantError, description: str) -> None:
        super().__init__(error, description)
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a management call: what it may do, and the one partner that it is bound to, if it is."""

    client_id: str
    scopes: frozenset[Scope]
    partner_id: str | None = None
    request_id: str | None = None

    def sees(self, partner_id: str) -> bool:
        """Tell whether that partner, and what belongs to it, exists for this caller."""
        return self.partner_id in {None, partner_id}

    def did(
        self,
        action: str,
        subject: str,
        at: datetime,
        detail: Mapping[str, object] = MappingProxyType({}),
        partner_id: str | None = None,
    ) -> AuditEntry:
        """Return the record of what this caller did to `subject`, which belongs to that partner."""
        return AuditEntry(at, self.client_id, action, subject, detail, partner_id, self.request_id)


LOCAL_CALLER: Final = Caller("command-line", ALL_SCOPES)
"""Whoever may run commands beside the database."""


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """An access token and what it allows; `expires_in` is in seconds."""

    access_token: str = field(repr=False)
    expires_in: int
    scope: str


@dataclass(frozen=True, slots=True)
class IssueAccessToken:
    """Gives an access token for client credentials (RFC 6749 section 4.4)."""

    clients: ClientStore
    client_secrets: ClientSecrets
    keys: SigningKeys
    clock: Clock
    base_url: str

    def __call__(self, client_id: str, client_secret: str, scope: str | None) -> IssuedToken:
        """Return a token for `scope` (space-separated; None: all that the client may); raise GrantRefused."""
        now = self.clock.now()
        client = self.clients.find(client_id) if client_id.isprintable() else None  # no store keeps U+0000
        known = client if client is not None and client.revoked_at is None else None
        is_right = self.client_secrets.matches(client_secret, known.secret_hash if known else None, now)
        if known is None or not is_right:
            raise GrantRefused(GrantError.INVALID_CLIENT, "The client is unknown, or its secret is wrong.")
        return self.issue(known, _asked_scopes(known, scope), now)

    def issue(self, client: ApiClient, scopes: frozenset[Scope], now: datetime) -> IssuedToken:
        """Return a token for a client that has proved who it is."""
        return self._signed({"sub": client.id, "client_id": client.id}, scopes, ACCESS_TOKEN_LIFE, now)

    def issue_to_partner(self, partner_id: str, life: timedelta) -> IssuedToken:
        """Return a token for a partner that has shown a token of its own; `partner_id` tells it from a client's."""
        parties = {"sub": partner_id, "client_id": partner_id, "partner_id": partner_id}
        return self._signed(parties, _PARTNER_SCOPES, life, self.clock.now())

    def _signed(
        self, parties: Mapping[str, str], scopes: frozenset[Scope], life: timedelta, now: datetime
    ) -> IssuedToken:
        scope = " ".join(sorted(scopes))
        claims = {
            "iss": self.base_url,
            "aud": self.base_url,
            **parties,
            "scope": scope,
            "jti": secrets.token_urlsafe(16),
            "iat": int(now.timestamp()),
            "exp": int((now + life).timestamp()),
        }
        signing = self.keys.current()
        header = {"typ": ACCESS_TOKEN_TYPE, "kid": signing.kid}
        token = sign(json.dumps(claims).encode(), signing.key, SIGNING_ALGORITHM, header)
        return IssuedToken(token, int(life.total_seconds()), scope)


@dataclass(frozen=True, slots=True)
class _Judged:
    """A bearer that was let in, and for how long nobody looks at it again."""

    caller: Caller
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class AuthorizeRequest:
    """Judges the bearer of a management call."""

    clients: ClientStore
    keys: SigningKeys
    clock: Clock
    base_url: str
    _judged: dict[bytes, _Judged] = field(default_factory=dict, repr=False)

    def __call__(self, bearer: str) -> Caller:
        """Return who calls (RFC 9068 section 4); raise Unauthenticated."""
        known = self.recall(bearer)
        if known is not None:
            return known
        now = self.clock.now()
        caller, expires_at = self._judge(bearer, now)
        if len(self._judged) >= _BEARERS_KEPT:
            self._judged.clear()
        self._judged[_digest(bearer)] = _Judged(caller, now, min(now + _FRESH_FOR, expires_at))
        return caller

    def recall(self, bearer: str) -> Caller | None:
        """Return who calls with a bearer that was judged within the last second, asking no store; else None."""
        judged = self._judged.get(_digest(bearer))
        return judged.caller if judged is not None and judged.at <= self.clock.now() < judged.until else None

    def _judge(self, bearer: str, now: datetime) -> tuple[Caller, datetime]:
        claims = self._verified(bearer)
        expires_at = numeric_date(claims.get("exp"))
        client_id, scope = claims.get("client_id"), claims.get("scope")
        is_ours = claims.get("iss") == self.base_url and claims.get("aud") == self.base_url
        if not is_ours or not isinstance(client_id, str) or not isinstance(scope, str) or expires_at is None:
            raise Unauthenticated("The access token is not one of ours.")
        if now >= expires_at:
            raise Unauthenticated("The access token has expired.")
        if "partner_id" in claims:
            return Caller(f"partner:{client_id}", _PARTNER_SCOPES, client_id), expires_at
        client = self.clients.find(client_id)
        if client is None or client.revoked_at is not None:
            raise Unauthenticated("The client has been revoked.")
        scopes = granted_scopes(client.scopes).intersection(scope.split())
        return Caller(client.id, scopes, client.partner_id), expires_at

    def _verified(self, bearer: str) -> Mapping[str, object]:
        try:
            token = open_token(bearer)
            signing = self.keys.find(token.kid)
            if signing is None or token.header.get("typ") != ACCESS_TOKEN_TYPE:
                raise Unauthenticated("The access token is not one of ours.")
            verify(token, (signing.key,), {SIGNING_ALGORITHM})
            return parse_object(token.payload)
        except (TokenRejected, NotStrictJson):
            raise Unauthenticated("The access token is not one of ours.") from None


def _digest(bearer: str) -> bytes:
    return sha256(bearer.encode("utf-8", "surrogatepass")).digest()


def _asked_scopes(client: ApiClient, scope: str | None) -> frozenset[Scope]:
    allowed = granted_scopes(client.scopes)
    if scope is None:
        return allowed
    asked = frozenset(scope.split())
    if not asked or not asked <= allowed:
        raise GrantRefused(GrantError.INVALID_SCOPE, "The client may not have every scope that it asks for.")
    return frozenset(Scope(name) for name in asked)
