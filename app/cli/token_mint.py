"""`vestibule token mint`: tokens for tests, made as a partner would make them, by every method.

The token alone goes to stdout, so that it can be piped; what was signed with goes to stderr.
"""

import json
import secrets
from pathlib import Path
from typing import Any, TextIO

import click

from app.adapters.clock import SystemClock
from app.cli.output import json_option, remark, show_json, wants_json
from app.cli.private_keys import usual_algorithm
from app.cli.sample_encryption import encrypted_sample
from app.cli.sample_keys import ENCODINGS, signing_sample
from app.domain.partner import SignatureMethod
from app.domain.strict_json import NotStrictJson, parse
from app.jose.encryption import CONTENT_ENCODINGS, KEY_ALGORITHMS
from app.jose.signature import SIGNATURE_ALGORITHMS
from app.jose.signing import sign

_DEFAULT_LIFE_SECONDS = 3600
_MAX_LINE = 8192
"""Characters of a file's first line, far beyond any secret."""
_EXAMPLES = """\b
Examples:
  vestibule token mint --campaign spring --alg EdDSA
  vestibule token mint --campaign spring --alg HS256
  vestibule token mint --campaign spring --secret-file - < secret.txt
  vestibule token mint --campaign spring --method jwks --new-key key.json
  vestibule token mint --campaign spring --key key.json --encrypt-for acme
"""


def _pairs(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    if not all(name and equals for name, equals, _ in pairs):
        raise click.BadParameter("give name=value")
    return {name: text for name, _, text in pairs}


def _json_pairs(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    try:
        claims = {name: parse(text) for name, text in _pairs(context, parameter, values).items()}
    except NotStrictJson:
        raise click.BadParameter("give name=JSON, e.g. sub='\"42\"' or nb=3") from None
    try:
        json.dumps(claims, allow_nan=False)
    except ValueError:
        raise click.BadParameter("a number is too large") from None
    return claims


def _line(_: click.Context, __: click.Parameter, file: TextIO | None) -> str | None:
    try:
        return None if file is None else file.readline(_MAX_LINE).removesuffix("\n")
    except UnicodeDecodeError:
        raise click.BadParameter("this must be text, in UTF-8") from None


@click.command(epilog=_EXAMPLES)
@click.option("--key", "key_file", type=click.File("rb"), help="Private key, PEM or JWK; else a new one is made.")
@click.option("--new-key", "new_key_file", type=click.Path(path_type=Path), help="Make a new key and write it here.")
@click.option(
    "--method",
    type=click.Choice([str(method) for method in SignatureMethod]),
    help="How the partner is to know a new key.",
)
@click.option("--secret-file", type=click.File(), callback=_line, help="Sign with the shared secret in this file.")
@click.option("--secret", help="Sign with this one; arguments show in the list of processes.")
@click.option("--encoding", type=click.Choice(ENCODINGS), default="text", show_default=True, help="Of the secret.")
@click.option("--alg", type=click.Choice(sorted(SIGNATURE_ALGORITHMS)), help="By default what the key is for.")
@click.option("--kid", help="Key id in the header; by default the key's own.")
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
@click.option("--encrypt-secret-file", type=click.File(), callback=_line, help="Encrypt with the secret in this file.")
@click.option("--encrypt-secret", help="Encrypt with this one; arguments show in the list of processes.")
@click.option("--encrypt-encoding", type=click.Choice(ENCODINGS), help="Of that secret; else the one that fits.")
@click.option("--new-encrypt-secret", is_flag=True, help="Encrypt with a new shared secret.")
@click.option("--encrypt-jwks", type=click.File("rb"), help="Encrypt for a key of this JWK Set, as we publish it.")
@click.option("--encrypt-for", metavar="PARTNER_ID", help="Encrypt for our key pair for this partner.")
@click.option("--encrypt-alg", type=click.Choice(sorted(KEY_ALGORITHMS)), help="By default dir, or the first key's.")
@click.option("--encrypt-enc", type=click.Choice(sorted(CONTENT_ENCODINGS)), help="By default what the secret fits.")
@json_option
def mint(**options: Any) -> None:
    """Make a token for a campaign, with a key of yours or with a new one.

    What the partner's document has to say of a new key is shown beside the token.
    """
    sample = signing_sample(options)
    claims = _claims(options)
    kid = options["kid"] or sample.key.kid
    header = {"typ": "JWT", **({"kid": kid} if kid else {})}
    alg = options["alg"] or usual_algorithm(sample.key)
    made = sign(json.dumps(claims, ensure_ascii=False).encode(), sample.key, alg, header)
    made, encryption = encrypted_sample(made, options)
    members = {"signature": sample.signature, "encryption": encryption}
    if wants_json():
        show_json({"token": made, "claims": claims, **members, "jwks": sample.jwks})
        return
    new = {name: value for name, value in members.items() if value is not None}
    if new:
        remark("Made with a new key. In the partner's document:")
        remark(json.dumps(new, indent=2))
    if sample.jwks is not None:
        remark("What has to stand at the jwks_url:")
        remark(json.dumps(sample.jwks, indent=2))
    click.echo(made)


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
