"""The operations around encrypted tokens."""

from typing import Final

from app import errors
from app.documents.orders import EncryptionOrder
from app.domain.scopes import Scope
from app.web.openapi import parameters
from app.web.openapi.oauth import JwkSetShape
from app.web.openapi.operation import ManagementOperation, Operation, Tag, json_answer, json_content
from app.web.openapi.shapes import Shape


class EncryptedShape(Shape):
    """The token that we alone can read: a compact JWE."""

    token: str


_KEYS: Final = {
    "keys": [
        {"kid": "enc-1-5f3a", "use": "enc", "alg": "RSA-OAEP-256", "kty": "RSA", "n": "…", "e": "AQAB"},
        {"kid": "enc-1-9c1e", "use": "enc", "alg": "ECDH-ES", "kty": "EC", "crv": "P-256", "x": "…", "y": "…"},
    ]
}

SHOW_KEYS: Final = Operation(
    method="GET",
    path="/v1/partners/{partner_id}/encryption-keys",
    id="getEncryptionKeys",
    tag=Tag.ENCRYPTION,
    summary="The keys that a partner's tokens are encrypted with",
    description="Public. Of partners whose encryption method is `key_pair` or `crypto_api`.",
    parameters=(parameters.PARTNER_ID,),
    answers=(json_answer(200, "A JWK Set.", JwkSetShape, _KEYS, {"Cache-Control": parameters.KEPT}),),
    errors=(errors.EncryptionKeysUnknown,),
)
ENCRYPT_TOKEN: Final = ManagementOperation(
    method="POST",
    path="/v1/crypto/encrypt",
    id="encryptToken",
    tag=Tag.ENCRYPTION,
    summary="Encrypt a signed token",
    description=(
        "The Crypto API: judges the token by its partner's configuration, as when it comes in, and encrypts it for us "
        "alone. A client that is bound to no partner says whose token it is."
    ),
    scope=Scope.CRYPTO_ENCRYPT,
    body=json_content(EncryptionOrder, {"token": parameters.JWS, "partner_id": parameters.PARTNER}),
    answers=(json_answer(200, "The encrypted token.", EncryptedShape, {"token": parameters.JWE}),),
    errors=(errors.PartnerUnknown, errors.EncryptionKeysUnknown, errors.TokenRejected, errors.Overloaded),
)
