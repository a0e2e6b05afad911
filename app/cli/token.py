"""`vestibule token`: tokens for tests, made as a partner would make them.

The token alone goes to stdout, so that it can be piped; what was signed with goes to stderr.
"""

import json
import os
import secrets
from pathlib import Path
from typing import Any, BinaryIO

import click

from app.adapters.clock import SystemClock
from app.cli.output import json_option, remark, show_json, wants_json
from app.cli.private_keys import as_text, public_half, read_private_jwk, usable, usual_algorithm
from app.domain.strict_json import NotStrictJson, parse
from app.jose.encryption import CONTENT_ENCODINGS, encrypt
from app.jose.keys import KeyRefused, SecretEncoding, UsableKey, import_secret
from app.jose.signature import SIGNATURE_ALGORITHMS
from app.jose.signing import generate_key, sign

_ENCODINGS: tuple[SecretEncoding, ...] = ("base64url", "hex", "text")
_ENCRYPTION_ALGORITHMS = ("dir", "A128KW", "A192KW", "A256KW", "A128GCMKW", "A256GCMKW")
_ENC_OF_BITS = {128: "A128GCM", 256: "A256GCM", 512: "A256CBC-HS512"}
_DEFAULT_LIFE_SECONDS = 3600


@click.group
def token() -> None:
    """Make tokens for tests."""


def _pairs(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    if not all(name and equals for name, equals, _ in pairs):
        raise click.BadParameter("give name=value")
    return {name: text for name, _, text in pairs}


def _json_pairs(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    try:
        return {name: parse(text) for name, text in _pairs(context, parameter, values).items()}
    except NotStrictJson:
        raise click.BadParameter("give name=JSON, e.g. sub='\"42\"' or nb=3") from None


@token.command
@click.option("--key", "key_file", type=click.File("rb"), help="Private key, PEM or JWK; else a new one is made.")
@click.option("--new-key", "new_key_file", type=click.Path(path_type=Path), help="Make a new key and write it here.")
@click.option("--secret", help="Sign with this shared secret instead of a key.")
@click.option("--encoding", type=click.Choice(_ENCODINGS), default="text", show_default=True, help="Of --secret.")
@click.option("--alg", type=click.Choice(sorted(SIGNATURE_ALGORITHMS)), help="By default what the key is for.")
@click.option("--kid", help="Key id in the header.")
@click.option("--campaign", required=True, help="Claim campaignId.")
@click.option("--sub", help="Claim sub; by default a new one.")
@click.option("--exp-in", type=int, default=_DEFAULT_LIFE_SECONDS, show_default=True, help="Seconds; 0: no exp.")
@click.option("--iss", help="Claim iss.")
@click.option("--aud", help="Claim aud.")
@click.option("--nb", type=click.IntRange(min=0), help="Claim limit.nb.")
@click.option("--can-play/--cannot-play", "can_play", default=None, help="Claim limit.canPlay.")
@click.option("--form", multiple=True, callback=_pairs, help="name=value; may be repeated.")
@click.option("--optin", multiple=True, callback=_pairs, help="name=value; may be repeated.")
@click.option("--claim", multiple=True, callback=_json_pairs, help="name=JSON; wins over the others.")
@click.option("--encrypt-secret", help="Encrypt with this shared secret.")
@click.option("--encrypt-encoding", type=click.Choice(_ENCODINGS), help="Of --encrypt-secret; else the one that fits.")
@click.option("--encrypt-alg", type=click.Choice(_ENCRYPTION_ALGORITHMS), default="dir", show_default=True)
@click.option("--encrypt-enc", type=click.Choice(sorted(CONTENT_ENCODINGS)), help="By default what the secret fits.")
@json_option
def mint(**options: Any) -> None:
    """Make a token for a campaign, with a key of yours or with a new one."""
    key, snippet = _signing_key(options)
    claims = _claims(options)
    header = {"typ": "JWT", **({"kid": options["kid"]} if options["kid"] else {})}
    alg = options["alg"] or usual_algorithm(key)
    made = sign(json.dumps(claims, ensure_ascii=False).encode(), key, alg, header)
    if options["encrypt_secret"]:
        made = _encrypted(made, options)
    if wants_json():
        show_json({"token": made, "claims": claims, "signature": snippet})
        return
    if snippet is not None:
        remark("Signed with a new key. In the partner's document:")
        remark(json.dumps({"signature": snippet}, indent=2))
    click.echo(made)


def _signing_key(options: dict[str, Any]) -> tuple[UsableKey, dict[str, Any] | None]:
    """Return the key, and the `signature` member that fits it where it is new."""
    key_file: BinaryIO | None = options["key_file"]
    if sum(map(bool, (key_file, options["secret"], options["new_key_file"]))) > 1:
        raise click.UsageError("Give one of --key, --secret and --new-key.")
    if options["secret"]:
        return import_secret(options["secret"], options["encoding"]), None
    if key_file is not None:
        return usable(read_private_jwk(key_file.read())), None
    alg = options["alg"] or "ES256"
    if alg.startswith("HS"):
        raise click.UsageError("For a shared secret give --secret.")
    private, _ = generate_key(alg, options["kid"] or f"test-{secrets.token_hex(4)}")
    options["kid"] = private["kid"]
    if options["new_key_file"] is not None:
        _write_private(options["new_key_file"], as_text(private))
    return usable(private), {"method": "public_key", "keys": [{"jwk": public_half(private)}], "algorithms": [alg]}


def _write_private(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise click.BadParameter(f"{path} cannot be created: {error.strerror}", param_hint="--new-key") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _claims(options: dict[str, Any]) -> dict[str, Any]:
    now = int(SystemClock().now().timestamp())
    limit = {"nb": options["nb"], "canPlay": options["can_play"]}
    claims: dict[str, Any] = {
        "sub": options["sub"] or f"test-{secrets.token_hex(6)}",
        "campaignId": options["campaign"],
        "iat": now,
        "exp": now + options["exp_in"] if options["exp_in"] else None,
        "jti": secrets.token_urlsafe(12),
        "iss": options["iss"],
        "aud": options["aud"],
        "limit": {name: value for name, value in limit.items() if value is not None} or None,
        "form": options["form"] or None,
        "optin": options["optin"] or None,
    }
    return {**{name: value for name, value in claims.items() if value is not None}, **options["claim"]}


def _encrypted(signed: str, options: dict[str, Any]) -> str:
    encodings = [options["encrypt_encoding"]] if options["encrypt_encoding"] else _ENCODINGS
    for encoding in encodings:
        try:
            key = import_secret(options["encrypt_secret"], encoding)
            return encrypt(signed, key, options["encrypt_alg"], _enc(key, options), None)
        except KeyRefused:
            continue
    raise KeyRefused("encrypt_secret_fits_no_algorithm")


def _enc(key: UsableKey, options: dict[str, Any]) -> str:
    chosen: str | None = options["encrypt_enc"]
    if chosen is not None:
        return chosen
    return _ENC_OF_BITS.get(key.bits, "A256GCM") if options["encrypt_alg"] == "dir" else "A256GCM"
