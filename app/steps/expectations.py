"""What each check of the inspector expects of a token, said from the configuration alone, in the journey's order.

Words for integrators; what decides is asked elsewhere.
"""

import json
from datetime import datetime

from app.domain.campaign import Campaign
from app.domain.keyset import Keyset, KeysetState, keyset_state, source_label
from app.domain.partner import EncryptionConfig, Partner, SignatureMethod
from app.domain.session import rfc3339
from app.jose.encryption import CONTENT_ENCODINGS
from app.steps.judge import KEY_ALGORITHMS_OF

_MAX_NAMES = 10
"""Of kids and campaign names that are listed."""


def expectations(partner: Partner, campaign: Campaign, keyset: Keyset | None, received_at: datetime) -> dict[str, str]:
    """Return what is expected, by the name of the check."""
    return {
        "shape": "three parts (JWS) or five (JWE) of base64url without padding, with dots between; at most 16 KiB",
        "header": "one object in strict JSON: no name twice, no NaN, at most 16 deep",
        "header_members": "alg as text, of a JWE enc too; none of b64, crit, jku, jwk, x5u, zip",
        "encryption": _encryption(partner.encryption),
        "decryption": _decryption(partner.encryption),
        "content": "a compact JWS; cty is JWT or absent",
        "algorithm": " or ".join(sorted(partner.signature.algorithms)),
        "key": _key(partner, keyset, received_at),
        "signature": "made by that key, over these very bytes",
        "claims": "one object in strict JSON: no name twice, no NaN, at most 16 deep",
        **_claims(partner, campaign, received_at),
        "single_use": "a jti that nobody has played with"
        if campaign.single_use
        else "nothing: tokens count repeatedly",
        "participation": "canPlay is not false, and fewer participations than nb are recorded",
        "prefill": _prefill(partner),
    }


def _encryption(encryption: EncryptionConfig | None) -> str:
    if encryption is None:
        return "a JWS: the partner has no encryption configured"
    return f"a JWE by {encryption.method}" if encryption.required else f"a JWS, or a JWE by {encryption.method}"


def _decryption(encryption: EncryptionConfig | None) -> str:
    if encryption is None:
        return "nothing: the partner has no encryption configured"
    algorithms, encodings = sorted(KEY_ALGORITHMS_OF[encryption.method]), sorted(CONTENT_ENCODINGS)
    return f"alg {' or '.join(algorithms)}; enc {' or '.join(encodings)}; a key of this partner opens it"


def _key(partner: Partner, keyset: Keyset | None, now: datetime) -> str:
    match partner.signature.method:
        case SignatureMethod.PUBLIC_KEY:
            return "any of the public keys of the partner's document; kid does not matter"
        case SignatureMethod.SYMMETRIC:
            return "any of the shared secrets of the partner's document; kid does not matter"
        case SignatureMethod.JWKS:
            return f"a kid of the key set at {source_label(partner.signature.jwks_url or '')}: {_kids(keyset, now)}"


def _kids(keyset: Keyset | None, now: datetime) -> str:
    state = KeysetState.EMPTY if keyset is None else keyset_state(keyset, now)
    if keyset is None or state in (KeysetState.EMPTY, KeysetState.EXPIRED, KeysetState.DISABLED):
        return f"none is known (the set is {state})"
    kids = [str(key.get("kid")) for key in keyset.keys]
    fetched = f", fetched at {rfc3339(keyset.fetched_at)}" if keyset.fetched_at else ""
    return f"{_listed(kids)} (version {keyset.version}, {state}{fetched})"


def _claims(partner: Partner, campaign: Campaign, received_at: datetime) -> dict[str, str]:
    earliest, latest = rfc3339(received_at - partner.leeway), rfc3339(received_at + partner.leeway)
    oldest = "" if partner.max_age is None else rfc3339(received_at - partner.leeway - partner.max_age)
    anything = "anything: the partner is configured without"
    return {
        "claims.sub": "text of 1 to 256 characters, or an integer",
        "claims.campaignId": "text or an integer",
        "claims.exp": f"a number of seconds, after {earliest}{'' if partner.require_exp else '; or absent'}",
        "claims.nbf": f"absent, or a number of seconds, not after {latest}",
        "claims.iat": f"a number of seconds, after {oldest} and not after {latest}"
        if oldest
        else f"absent, or a number of seconds, not after {latest}",
        "claims.iss": f"{anything} an issuer" if partner.issuer is None else json.dumps(partner.issuer),
        "claims.aud": f"{anything} an audience"
        if partner.audience is None
        else f"{json.dumps(partner.audience)}, alone or in an array",
        "campaign": f"campaignId is {_listed(sorted(campaign.names))}",
        "claims.limit": 'absent, or {"nb": integer from 0, "canPlay": boolean}, both optional',
        "claims.gift": 'absent, or {"label": text, "cw": boolean}, both optional',
        "claims.jti": "text of 1 to 256 characters"
        if campaign.single_use
        else "anything: the campaign does not count it",
        "claims.custom": "absent, or an object of at most 8 KiB",
    }


def _prefill(partner: Partner) -> str:
    if partner.prefill is None:
        return "form or optin in the token; the partner has no prefill API"
    source = partner.prefill.authorization
    credential = f", called with the claim {source.name or 'access_token'}" if source.source == "claim" else ""
    return f"form or optin in the token, else the partner's API{credential}"


def _listed(names: list[str]) -> str:
    shown = " or ".join(names[:_MAX_NAMES])
    return shown if len(names) <= _MAX_NAMES else f"{shown} or one of {len(names) - _MAX_NAMES} more"
