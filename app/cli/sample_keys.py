"""Keys that sample tokens are signed with: one of the caller's, or a new one with what its partner has to be told."""

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from app.cli.private_keys import as_text, public_half, read_private_jwk, usable
from app.domain.partner import SignatureMethod
from app.jose import base64url
from app.jose.keys import SecretEncoding, UsableKey, import_secret
from app.jose.signature import RULES
from app.jose.signing import generate_key

ENCODINGS: Final[tuple[SecretEncoding, ...]] = ("base64url", "hex", "text")
_USUAL: Final = {SignatureMethod.SYMMETRIC: "HS256"}
_WHERE: Final = "https://YOUR-HOST/jwks.json"


@dataclass(frozen=True, slots=True)
class SigningSample:
    """A key; `signature` is the member of the partner's document that fits it, `jwks` what is to be published."""

    key: UsableKey = field(repr=False)
    signature: dict[str, Any] | None = field(default=None, repr=False)
    jwks: dict[str, Any] | None = None


def signing_sample(options: dict[str, Any]) -> SigningSample:
    """Return the key that the options name, or a new one; raise click.UsageError or KeyRefused."""
    key_file: BinaryIO | None = options["key_file"]
    if sum(options[way] is not None for way in ("key_file", "secret_file", "secret", "new_key_file")) > 1:
        raise click.UsageError("Give one of --key, --secret-file, --secret and --new-key.")
    secret = options["secret"] if options["secret_file"] is None else options["secret_file"]
    if secret is not None:
        return SigningSample(import_secret(secret, options["encoding"]))
    if key_file is not None:
        return SigningSample(usable(read_private_jwk(key_file.read())))
    method = options["method"] and SignatureMethod(options["method"])
    alg = options["alg"] or _USUAL.get(method, "ES256")
    is_shared = RULES[alg].kty == "oct"
    if method is not None and is_shared is not (method is SignatureMethod.SYMMETRIC):
        raise click.UsageError(f"{alg} is not for the method {method}.")
    return _new_secret(alg, options) if is_shared else _new_pair(alg, method, options)


def _new_secret(alg: str, options: dict[str, Any]) -> SigningSample:
    if options["new_key_file"] is not None:
        raise click.UsageError("A shared secret is shown, not written: leave --new-key out.")
    secret = base64url.encode(os.urandom(RULES[alg].min_bits // 8))
    keys = [{"secret": secret, "encoding": "base64url"}]
    signature = {"method": SignatureMethod.SYMMETRIC, "keys": keys, "algorithms": [alg]}
    return SigningSample(import_secret(secret, "base64url"), signature)


def _new_pair(alg: str, method: SignatureMethod | None, options: dict[str, Any]) -> SigningSample:
    private, _ = generate_key(alg, options["kid"] or f"test-{secrets.token_hex(4)}")
    public = public_half(private)
    if options["new_key_file"] is not None:
        _write_private(options["new_key_file"], as_text(private))
    if method is SignatureMethod.JWKS:
        published = {"method": method, "jwks_url": _WHERE, "algorithms": [alg]}
        return SigningSample(usable(private), published, {"keys": [public]})
    configured = {"method": SignatureMethod.PUBLIC_KEY, "keys": [{"jwk": public}], "algorithms": [alg]}
    return SigningSample(usable(private), configured)


def _write_private(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise click.BadParameter(f"{path} cannot be created: {error.strerror}", param_hint="--new-key") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
