"""How sample tokens are encrypted: with a shared secret, or for a key pair of ours by its published half."""

import os
from collections.abc import Sequence
from typing import Any, Final

import click

from app.cli.documents import read_document
from app.cli.inspecting import key_pair_publisher
from app.cli.sample_keys import ENCODINGS
from app.cli.wiring import opened
from app.domain.partner import EncryptionMethod
from app.jose import base64url
from app.jose.encryption import KEY_ALGORITHMS, encrypt
from app.jose.keys import KeyRefused, UsableKey, import_keys, import_secret

_WAYS: Final = ("encrypt_secret_file", "encrypt_secret", "new_encrypt_secret", "encrypt_jwks", "encrypt_for")
_ENC_OF_BITS: Final = {128: "A128GCM", 256: "A256GCM", 512: "A256CBC-HS512"}
_USUAL_ENC: Final = "A256GCM"
_NEW_SECRET_BYTES: Final = 32


def encrypted_sample(signed: str, options: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
    """Return the token, encrypted if the options say so, and what the partner's document has to say of a new secret."""
    if sum(options[way] not in {None, False} for way in _WAYS) > 1:
        ways = ", ".join(f"--{way.replace('_', '-')}" for way in _WAYS)
        raise click.UsageError(f"Give one of {ways}.")
    if options["new_encrypt_secret"]:
        secret = base64url.encode(os.urandom(_NEW_SECRET_BYTES))
        keys = [{"secret": secret, "encoding": "base64url"}]
        document = {"method": EncryptionMethod.SHARED_SECRET, "keys": keys, "required": True}
        return _with_secret(signed, secret, ("base64url",), options), document
    given = options["encrypt_secret"] if options["encrypt_secret_file"] is None else options["encrypt_secret_file"]
    if given is not None:
        encodings = [options["encrypt_encoding"]] if options["encrypt_encoding"] else ENCODINGS
        return _with_secret(signed, given, encodings, options), None
    if options["encrypt_jwks"] or options["encrypt_for"]:
        return _for_published(signed, _published_keys(options), options), None
    return signed, None


def _with_secret(signed: str, secret: str, encodings: Sequence[Any], options: dict[str, Any]) -> str:
    alg = options["encrypt_alg"] or "dir"
    for encoding in encodings:
        try:
            key = import_secret(secret, encoding)
            return encrypt(signed, key, alg, options["encrypt_enc"] or _usual_enc(key, alg), None)
        except KeyRefused:
            continue
    raise KeyRefused("encrypt_secret_fits_no_algorithm")


def _published_keys(options: dict[str, Any]) -> Sequence[UsableKey]:
    if options["encrypt_jwks"]:
        return import_keys(read_document(options["encrypt_jwks"])).keys
    with opened() as wiring:
        return import_keys({"keys": list(key_pair_publisher(wiring)(options["encrypt_for"]))}).keys


def _for_published(signed: str, keys: Sequence[UsableKey], options: dict[str, Any]) -> str:
    asked = options["encrypt_alg"]
    key = next((key for key in keys if key.alg in KEY_ALGORITHMS and asked in {None, key.alg}), None)
    if key is None or key.alg is None:
        raise KeyRefused("no_published_key_for_algorithm")
    return encrypt(signed, key, key.alg, options["encrypt_enc"] or _USUAL_ENC, key.kid)


def _usual_enc(key: UsableKey, alg: str) -> str:
    return _ENC_OF_BITS.get(key.bits, _USUAL_ENC) if alg == "dir" else _USUAL_ENC
