"""The keys in a partner's document: each is read here as it will be read when a token comes, and refused with a reason.

Knows no key set of a partner's own (those are fetched) and keeps nothing: what is stored is the text that was sent.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final, Self

from pydantic import ConfigDict, Field, JsonValue, SerializerFunctionWrapHandler, model_serializer, model_validator

from app.documents.fields import Document, Identifier, Moment, said
from app.documents.mistakes import SeveralMistakes
from app.domain.key_guide import told_refusal
from app.domain.partner import KeyMaterial
from app.errors import Mistake
from app.jose.encryption_rules import CONTENT_ENCODINGS, encryption_key_fits
from app.jose.keys import (
    KeyPolicy,
    KeyRefused,
    SecretEncoding,
    UsableKey,
    import_keys,
    import_pem,
    import_secret,
    public_jwk,
)

MAX_KEYS: Final = 20
"""Of one method: enough for any rotation."""
SHARED_SECRET_ALGORITHMS: Final = ("dir", "A128KW", "A192KW", "A256KW", "A128GCMKW", "A256GCMKW")

_MAX_JWK_CHARACTERS = 16 * 1024
_PUBLIC_ONLY = KeyPolicy(allows_symmetric=False, allows_private=False, only_verifying=True)
_ENCODINGS: tuple[SecretEncoding, ...] = ("base64url", "hex", "text")


class PublicKeyEntry(Document):
    """A public key as PEM or as JWK; `kid` is a remark, tokens are tried against every key."""

    model_config = ConfigDict(
        json_schema_serialization_defaults_required=False,  # it is stored in one form
        json_schema_extra={"oneOf": [said("pem"), said("jwk")]},
    )

    pem: Annotated[str, Field(min_length=1, max_length=64 * 1024)] | None = None
    """A public key or certificate."""
    jwk: dict[str, JsonValue] | None = None
    """A public key as JWK."""
    kid: Identifier | None = None
    """A remark."""
    not_after: Moment | None = None
    """From when on the key is used no more."""

    @model_validator(mode="after")
    def _one_usable_key(self) -> Self:
        if (self.pem is None) == (self.jwk is None):
            raise ValueError("Give each key exactly one of pem and jwk.")
        _imported("pem" if self.jwk is None else "jwk", self.key)
        return self

    @model_serializer(mode="wrap")
    def _one_form(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        members: dict[str, Any] = serialize(self)
        if self.jwk is not None:
            members["jwk"] = public_jwk(self.key())  # of the members that it may have, those that we know
        return {name: value for name, value in members.items() if name not in {"pem", "jwk"} or value is not None}

    def key(self) -> UsableKey:
        """Return the key; raise KeyRefused."""
        return _pem_key(self.pem) if self.pem is not None else _jwk_key(self.jwk or {})


class SharedSecret(Document):
    """A secret that the partner shares with us."""

    secret: Annotated[str, Field(min_length=1, max_length=2048)]
    """Write-only: an answer shows a mask, which keeps what is stored when it is sent back."""
    kid: Identifier | None = None
    not_after: Moment | None = None
    """From when on the secret is used no more."""


class SignatureSecret(SharedSecret):
    """A shared secret that signs; `kid` is a remark."""

    encoding: SecretEncoding = "text"
    """What the text of the secret spells."""

    @model_validator(mode="after")
    def _usable(self) -> Self:
        _imported("secret", self.key)
        return self

    def key(self) -> UsableKey:
        """Return the secret as a key; raise KeyRefused."""
        return import_secret(self.secret, self.encoding)


class EncryptionSecret(SharedSecret):
    """A shared secret that encrypts, of the length of an AES key; without an encoding each reading may be meant."""

    encoding: SecretEncoding | None = None
    """What the text of the secret spells; null: whatever makes an AES key of it."""

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if self.encoding is not None:
            _imported("secret", partial(import_secret, self.secret, self.encoding))
        if not any(map(_can_decrypt, self._readings())):
            reason = "An encryption secret must have 16, 24, 32 or 64 octets, since it is an AES key."
            raise SeveralMistakes([Mistake("secret", reason)])
        return self

    def _readings(self) -> Iterator[UsableKey]:
        for encoding in _ENCODINGS if self.encoding is None else (self.encoding,):
            with suppress(KeyRefused):  # not in this encoding, or no AES key
                yield import_secret(self.secret, encoding)


def key_material(entry: Mapping[str, Any]) -> KeyMaterial:
    """Return a key of a canonical document as the journey needs it."""
    not_after = entry["not_after"]
    return KeyMaterial(
        pem=entry.get("pem"),
        jwk=entry.get("jwk"),
        secret=entry.get("secret"),
        encoding=entry.get("encoding"),
        kid=entry["kid"],
        not_after=None if not_after is None else datetime.fromisoformat(not_after.upper()),
    )


def _imported(member: str, load: Callable[[], UsableKey]) -> UsableKey:
    try:
        return load()
    except KeyRefused as refusal:
        raise SeveralMistakes([Mistake(member, told_refusal(refusal.reason))]) from None


def _can_decrypt(key: UsableKey) -> bool:
    uses = ((alg, enc) for alg in SHARED_SECRET_ALGORITHMS for enc in CONTENT_ENCODINGS)
    return any(encryption_key_fits(key, alg, enc, "decrypt") for alg, enc in uses)


def _pem_key(pem: str) -> UsableKey:
    keys = import_pem(pem)
    if len(keys) != 1:  # of a pasted chain, the authorities' keys would come to sign tokens
        raise SeveralMistakes([Mistake("pem", "This must hold exactly one key; give each its own entry.")])
    return keys[0]


def _jwk_key(jwk: Mapping[str, JsonValue]) -> UsableKey:
    if "keys" in jwk:
        raise SeveralMistakes([Mistake("jwk", "This must be one JWK, not a JWK Set.")])
    if len(json.dumps(jwk)) > _MAX_JWK_CHARACTERS:
        raise SeveralMistakes([Mistake("jwk", "This JWK is too large.")])
    imported = import_keys(jwk, _PUBLIC_ONLY)
    if imported.dropped:
        raise KeyRefused(imported.dropped[0].reason)
    return imported.keys[0]
