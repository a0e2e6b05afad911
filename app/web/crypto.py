"""Encryption over HTTP: the public halves of our key pairs for each partner, and the Crypto API that uses them.

Tokens that come at once are encrypted together, as the ingress commits: a change of threads costs half as much as a
token, and is paid once for several.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Self

from aiohttp import web

from app.documents.orders import EncryptionOrder, parsed_order
from app.errors import EncryptionKeysUnknown, PartnerUnknown, RequestError, TokenRejected
from app.steps.authorize import Caller
from app.steps.configure import is_document_id
from app.steps.encrypt import EncryptToken
from app.steps.key_pairs import PublishKeyPairs
from app.web.batching import Batcher, BatchLimits, on_thread
from app.web.bearer import BearerGuard
from app.web.bodies import json_response, read_json
from app.web.openapi.crypto import ENCRYPT_TOKEN, SHOW_KEYS
from app.web.openapi.operation import OperationRoute
from app.web.store_threads import StoreThreads

_MAX_BODY_BYTES: Final = 32 * 1024
_KEYS_STORED: Final[Mapping[str, str]] = {"Cache-Control": "public, max-age=300"}
"""Far shorter than the overlap of a rotation."""


_TOGETHER: Final = BatchLimits(rows=8, wait_seconds=0.0, queue=1024)
"""Eight keep a thread busy for two milliseconds; longer, participants' requests would wait for it."""


@dataclass(frozen=True, slots=True)
class _Asked:
    token: str = field(repr=False)
    partner_id: str | None
    caller: Caller


@dataclass(frozen=True, slots=True)
class CryptoCalls:
    """The calls around encrypted tokens."""

    encryptions: Batcher[_Asked, str | Exception]
    publish: PublishKeyPairs
    threads: StoreThreads

    @classmethod
    def around(cls, encrypt: EncryptToken, publish: PublishKeyPairs, threads: StoreThreads) -> Self:
        """Return the calls to these steps."""
        encrypting = on_thread(partial(_encrypt_each, encrypt), threads)
        return cls(Batcher(encrypting, threads, _TOGETHER), publish, threads)

    def routes(self, guard: BearerGuard) -> list[OperationRoute]:
        """Return the routes."""
        return [OperationRoute(SHOW_KEYS, self.show_keys), guard.serves(ENCRYPT_TOKEN, self.encrypt)]

    async def show_keys(self, request: web.Request) -> web.Response:
        """Answer with the JWK Set that a partner's tokens may be encrypted with (RFC 7517 section 5); public."""
        partner_id = request.match_info["partner_id"]
        if not is_document_id(partner_id):
            raise EncryptionKeysUnknown
        keys = await self.threads.call(partial(self.publish, partner_id))
        return json_response({"keys": keys}, headers=_KEYS_STORED)

    async def encrypt(self, request: web.Request, caller: Caller) -> web.Response:
        """Answer with the JWE around a JWS."""
        order = parsed_order(EncryptionOrder, await read_json(request, _MAX_BODY_BYTES))
        if order.partner_id is not None and not is_document_id(order.partner_id):
            raise PartnerUnknown
        encrypted = await self.encryptions.submit(_Asked(order.token, order.partner_id, caller))
        return json_response({"token": encrypted})


def _encrypt_each(encrypt: EncryptToken, asked: Sequence[_Asked]) -> Sequence[str | Exception]:
    return [_encrypted_or_refused(encrypt, one) for one in asked]


def _encrypted_or_refused(encrypt: EncryptToken, asked: _Asked) -> str | Exception:
    try:
        return encrypt(asked.token, asked.partner_id, asked.caller)
    except (TokenRejected, RequestError) as refusal:  # of one token; the others go on
        return refusal
