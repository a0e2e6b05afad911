"""Encryption over HTTP: the public halves of our key pairs for each partner, and the Crypto API that uses them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from aiohttp import web

from app.domain.scopes import Scope
from app.errors import EncryptionKeysUnknown, Mistake, PartnerUnknown, RequestInvalid
from app.steps.authorize import Caller
from app.steps.configure import is_document_id
from app.steps.encrypt import EncryptToken
from app.steps.key_pairs import PublishKeyPairs
from app.web.bearer import BearerGuard
from app.web.bodies import json_response, read_json
from app.web.store_threads import StoreThreads

_MAX_BODY_BYTES: Final = 32 * 1024
_KEYS_STORED: Final[Mapping[str, str]] = {"Cache-Control": "public, max-age=300"}
"""Far shorter than the overlap of a rotation."""
_MEMBERS: Final = frozenset({"token", "partner_id"})


@dataclass(frozen=True, slots=True)
class CryptoCalls:
    """The calls around encrypted tokens."""

    encrypt_token: EncryptToken
    publish: PublishKeyPairs
    threads: StoreThreads

    def routes(self, guard: BearerGuard) -> list[web.RouteDef]:
        """Return the routes by method and pattern."""
        return [
            web.get("/v1/partners/{id}/encryption-keys", self.show_keys),
            web.post("/v1/crypto/encrypt", guard.requires(Scope.CRYPTO_ENCRYPT, self.encrypt)),
        ]

    async def show_keys(self, request: web.Request) -> web.Response:
        """Answer with the JWK Set that a partner's tokens may be encrypted with (RFC 7517 section 5); public."""
        partner_id = request.match_info["id"]
        if not is_document_id(partner_id):
            raise EncryptionKeysUnknown
        keys = await self.threads.call(partial(self.publish, partner_id))
        return json_response({"keys": keys}, headers=_KEYS_STORED)

    async def encrypt(self, request: web.Request, caller: Caller) -> web.Response:
        """Answer with the JWE around a JWS."""
        token, partner_id = _asked(await read_json(request, _MAX_BODY_BYTES))
        if partner_id is not None and not is_document_id(partner_id):
            raise PartnerUnknown
        encrypted = await self.threads.call(partial(self.encrypt_token, token, partner_id, caller))
        return json_response({"token": encrypted})


def _asked(body: Mapping[str, object]) -> tuple[str, str | None]:
    token, partner_id = body.get("token"), body.get("partner_id")
    mistakes = [Mistake(name, "There is no member of this name.") for name in body if name not in _MEMBERS]
    if "token" not in body:
        mistakes.append(Mistake("token", "This member is required."))
    elif not isinstance(token, str):
        mistakes.append(Mistake("token", "This must be text."))
    if not isinstance(partner_id, str | None):
        mistakes.append(Mistake("partner_id", "This must be text."))
    if mistakes or not isinstance(token, str) or not isinstance(partner_id, str | None):
        raise RequestInvalid(tuple(mistakes))
    return token, partner_id
