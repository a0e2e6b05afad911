"""The Authorization API over HTTP: `/oauth/token` (RFC 6749), and the keys of our access tokens.

Two grants: client credentials, and a partner's own signed token as a bearer assertion (RFC 7523). Refusals are those of
RFC 6749 section 5.2, not problem details: OAuth clients read them.
"""

import asyncio
import binascii
import time
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final
from urllib.parse import parse_qsl, unquote

from aiohttp import web

from app.domain.scopes import Scope
from app.errors import RateLimited
from app.steps.assertion_grant import IssueForAssertion
from app.steps.authorize import Grant, GrantError, GrantRefused, IssueAccessToken, IssuedToken
from app.steps.configure import is_document_id
from app.steps.secrets import SigningKeys
from app.web.bodies import json_response, media_type, read_body
from app.web.client_address import client_address_of
from app.web.limits import TokenBuckets, address_key
from app.web.openapi.oauth import FORM, ISSUE_TOKEN, PUBLISH_KEYS, SHOW_METADATA, TOKEN_PATH
from app.web.openapi.operation import OperationRoute
from app.web.store_threads import StoreThreads

PATIENCE_SECONDS: Final = 2.0
"""How long a token request waits for those before it."""

_MAX_BODY_BYTES = 32 * 1024
_MAX_PARAMETERS = 32
_UNAUTHORIZED = 401
_BAD_REQUEST = 400
_NEVER_STORED: Mapping[str, str] = {"Cache-Control": "no-store", "Pragma": "no-cache"}  # RFC 6749 section 5.1
_KEYS_STORED: Mapping[str, str] = {"Cache-Control": "public, max-age=300"}


def token_buckets() -> TokenBuckets:
    """Return the limit of one address at the token address: two a second, sixty at once."""
    return TokenBuckets(per_second=2, burst=60)


@dataclass(frozen=True, slots=True)
class OauthCalls:
    """The calls of the Authorization API."""

    issue: IssueAccessToken
    issue_for_assertion: IssueForAssertion
    keys: SigningKeys
    threads: StoreThreads
    buckets: TokenBuckets
    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    async def token(self, request: web.Request) -> web.Response:
        """Answer with an access token, or with why there is none."""
        wait = self.buckets.take(address_key(client_address_of(request)), time.monotonic())
        if wait:
            raise RateLimited("Too many token requests from this address.", retry_after_seconds=wait)
        try:
            issued = await self._granted(request, await _form(request))
        except GrantRefused as refusal:
            return _refused(refusal)
        answer = {
            "access_token": issued.access_token,
            "token_type": "Bearer",
            "expires_in": issued.expires_in,
            "scope": issued.scope,
        }
        return json_response(answer, headers=_NEVER_STORED)

    async def _granted(self, request: web.Request, form: Mapping[str, str]) -> IssuedToken:
        scope = form.get("scope")
        match form.get("grant_type"):
            case Grant.CLIENT_CREDENTIALS:
                client_id, client_secret = _credentials(request, form)
                return await self.in_turn(partial(self.issue, client_id, client_secret, scope))
            case Grant.JWT_BEARER:
                partner_id, assertion = _assertion(request, form)
                return await self.threads.call(partial(self.issue_for_assertion, partner_id, assertion, scope))
            case None:
                raise GrantRefused(GrantError.INVALID_REQUEST, "The grant_type is missing.")
            case _:
                raise GrantRefused(GrantError.UNSUPPORTED_GRANT_TYPE, "This grant_type is not supported.")

    async def in_turn(self, issue: Callable[[], IssuedToken]) -> IssuedToken:
        """Return what `issue` returns, one call at a time: a hash keeps one of the few threads of all requests busy."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.turn.acquire()
        except TimeoutError:
            raise RateLimited("Too many clients authenticate at the same moment.") from None
        try:
            return await self.threads.call(issue)
        finally:
            self.turn.release()

    async def metadata(self, _: web.Request) -> web.Response:
        """Answer with what OAuth clients may find out by themselves (RFC 8414 section 2)."""
        issuer = self.issue.base_url
        return json_response(
            {
                "issuer": issuer,
                "token_endpoint": issuer + TOKEN_PATH,
                "jwks_uri": issuer + PUBLISH_KEYS.path,
                "scopes_supported": [scope.value for scope in Scope],
                "grant_types_supported": [grant.value for grant in Grant],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
                "response_types_supported": [],  # there is no authorization endpoint
                "service_documentation": f"{issuer}/docs",
            },
            headers=_KEYS_STORED,
        )

    async def jwks(self, _: web.Request) -> web.Response:
        """Answer with the public keys of our access tokens (RFC 7517)."""
        keys = await self.threads.call(self.keys.load)
        return json_response({"keys": [dict(key.public) for key in keys]}, headers=_KEYS_STORED)


def oauth_routes(
    issue: IssueAccessToken,
    issue_for_assertion: IssueForAssertion,
    keys: SigningKeys,
    threads: StoreThreads,
    buckets: TokenBuckets,
) -> list[OperationRoute]:
    """Return the routes of the Authorization API."""
    calls = OauthCalls(issue, issue_for_assertion, keys, threads, buckets)
    return [
        OperationRoute(ISSUE_TOKEN, calls.token),
        OperationRoute(PUBLISH_KEYS, calls.jwks),
        OperationRoute(SHOW_METADATA, calls.metadata),
    ]


async def _form(request: web.Request) -> dict[str, str]:
    if media_type(request) != FORM:
        raise GrantRefused(GrantError.INVALID_REQUEST, f"The body must be {FORM}.")
    body = await read_body(request, _MAX_BODY_BYTES)
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), strict_parsing=bool(body), errors="strict", max_num_fields=_MAX_PARAMETERS
        )
    except ValueError:
        raise GrantRefused(GrantError.INVALID_REQUEST, f"The body is not {FORM}.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise GrantRefused(GrantError.INVALID_REQUEST, "A parameter stands twice.")
    return form


def _credentials(request: web.Request, form: Mapping[str, str]) -> tuple[str, str]:
    sent = request.headers.get("Authorization")
    if sent is None:
        if "client_id" not in form or "client_secret" not in form:
            raise GrantRefused(GrantError.INVALID_CLIENT, "The client must authenticate.")
        return form["client_id"], form["client_secret"]
    if "client_secret" in form:
        raise GrantRefused(GrantError.INVALID_REQUEST, "The client must authenticate in one way only.")
    client_id, client_secret = _basic(sent)
    if form.get("client_id", client_id) != client_id:
        raise GrantRefused(GrantError.INVALID_REQUEST, "The client_id differs from the one that authenticates.")
    return client_id, client_secret


def _assertion(request: web.Request, form: Mapping[str, str]) -> tuple[str, str]:
    if "Authorization" in request.headers or "client_secret" in form:
        raise GrantRefused(GrantError.INVALID_REQUEST, "With an assertion there is no client to authenticate.")
    missing = [name for name in ("client_id", "assertion") if not form.get(name)]
    if missing:
        raise GrantRefused(GrantError.INVALID_REQUEST, f"The {missing[0]} is missing.")
    if not is_document_id(form["client_id"]):
        raise GrantRefused(GrantError.INVALID_CLIENT, "There is no partner of this client_id.")
    return form["client_id"], form["assertion"]


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    try:
        decoded = b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        decoded = ""
    name, colon, password = decoded.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise GrantRefused(GrantError.INVALID_CLIENT, "The Authorization header is not one of Basic authentication.")
    # RFC 6749 section 2.3.1 has both form-encoded. A plus is left alone, since many clients encode nothing at all.
    return unquote(name), unquote(password)


def _refused(refusal: GrantRefused) -> web.Response:
    is_client = refusal.error is GrantError.INVALID_CLIENT
    challenge = {"WWW-Authenticate": 'Basic realm="vestibule", charset="UTF-8"'} if is_client else {}
    return json_response(
        {"error": refusal.error, "error_description": refusal.description},
        _UNAUTHORIZED if is_client else _BAD_REQUEST,
        {**_NEVER_STORED, **challenge},
    )
