"""What to do about each reason; the same words stand in docs/reasons.md, and a test compares them."""

from collections.abc import Mapping
from typing import Final

from app.reasons import ParticipationReason, PrefillReason, TokenReason

GUIDE: Final = "docs/reasons.md"
"""Where each reason has a heading of its own; it is the anchor."""

CURES: Final[Mapping[TokenReason | ParticipationReason | PrefillReason, str]] = {
    TokenReason.TOKEN_TOO_LARGE: "Keep the claims small; let us fetch the participant's data instead.",
    TokenReason.TOKEN_MALFORMED: "Send the compact serialization exactly as your library printed it. Leave header "
    "members out that are never allowed. Sign first, then encrypt.",
    TokenReason.TOKEN_NOT_ENCRYPTED: "Encrypt the token, or unset `encryption.required` in the partner's document.",
    TokenReason.TOKEN_UNEXPECTEDLY_ENCRYPTED: "Configure `encryption` in the partner's document, or send the JWS.",
    TokenReason.DECRYPTION_FAILED: "Compare the secret, its encoding and its length with `alg` and `enc`: `dir` with "
    "A256GCM needs exactly 32 bytes. With a key pair, take the key anew from the partner's `encryption-keys`.",
    TokenReason.ALG_NOT_ALLOWED: "Sign with an algorithm that the partner's document lists, or list yours. Of a JWE "
    "`alg` and `enc` have to be among those of the partner's encryption method.",
    TokenReason.KID_MISSING: "Set `kid` in the header to that of the key in your JWK Set.",
    TokenReason.KID_UNKNOWN: "Publish a key before you sign with it. See whether the key set names it among those that "
    "are dropped.",
    TokenReason.KEY_REVOKED: "Sign with another key; a revocation stays, whatever is published.",
    TokenReason.KEYS_UNAVAILABLE: "See the `last_error` of the key set: its URL has to answer with a JWK Set.",
    TokenReason.SIGNATURE_INVALID: "Compare the public key, or the secret and its encoding, with what signed. A "
    "signature over changed bytes never holds: send the token as it was made.",
    TokenReason.CLAIMS_MALFORMED: "Print the claims with a JSON library, each name once.",
    TokenReason.CLAIM_MISSING: "Add the claim.",
    TokenReason.CLAIM_INVALID: "Send numbers as numbers and booleans as booleans, within the sizes of the table "
    "of claims.",
    TokenReason.TOKEN_EXPIRED: "Mint tokens when the page is served, with `exp` in seconds; compare your clock.",
    TokenReason.TOKEN_NOT_YET_VALID: "Compare your clock; `nbf` and `iat` are in seconds.",
    TokenReason.TOKEN_TOO_OLD: "Mint tokens when the page is served, not ahead of time.",
    TokenReason.ISSUER_MISMATCH: "Make `iss` and the partner's `issuer` equal, letter by letter.",
    TokenReason.AUDIENCE_MISMATCH: "Make `aud`, or one of its entries, equal to the partner's `audience`.",
    TokenReason.CAMPAIGN_MISMATCH: "Send the participant to the campaign that the token names, or give the campaign "
    "that name as an alias.",
    TokenReason.TOKEN_REUSED: "Mint a new token, with a new `jti`, for each visit.",
    ParticipationReason.NOT_ELIGIBLE: "Nothing is broken. To let the participant play, leave `canPlay` out or "
    "say true.",
    ParticipationReason.LIMIT_REACHED: "Nothing is broken. To let the participant play again, raise `limit.nb`.",
    ParticipationReason.TOKEN_REJECTED: "See the reason of the token.",
    PrefillReason.TIMEOUT: "Answer sooner, or raise `timeout_seconds` in the partner's document.",
    PrefillReason.CONNECT: "See that the API listens, and that no firewall is between.",
    PrefillReason.DNS: "See that the host name in the API's URL is right and public.",
    PrefillReason.TLS: "Renew the certificate; it has to be of a public authority and for this host name.",
    PrefillReason.HTTP_429: "Allow more, or set `rate_per_second` in the partner's document to what is allowed.",
    PrefillReason.HTTP_5XX: "See the API's own logs.",
    PrefillReason.HTTP_4XX: "See that the URL template is right, and that the API knows this `sub`.",
    PrefillReason.AUTH: "Put the access token into the claim that the partner's document names, or see why the API "
    "does not take the credential.",
    PrefillReason.CONTRACT: "Answer with one JSON object as `application/json`, without redirects or compression, that "
    "the mapping fits.",
    PrefillReason.POLICY: "Give the API a public https address.",
    PrefillReason.BREAKER_OPEN: "Mend what the other reasons say, or wait; `POST /v1/partners/{partner_id}/resume` "
    "ends it.",
    PrefillReason.INTERNAL: "Tell whoever runs this service.",
    PrefillReason.POISON: "Tell whoever runs this service; a replay tries again.",
    PrefillReason.DEADLINE: "Answer sooner, or raise the campaign's `prefill_deadline_seconds`.",
}


def guide_link(reason: str) -> str:
    """Return where a reason is explained."""
    return f"{GUIDE}#{reason}"
