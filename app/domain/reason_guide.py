"""What each reason means and what to do about it; the same words stand in docs/reasons.md, and a test compares them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.domain.inspection import Reason
from app.reasons import ParticipationReason, PrefillReason, TokenReason

GUIDE: Final = "docs/reasons.md"
"""Where each reason has a heading of its own; it is the anchor."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a reason comes about, and how it is mended; words in backticks are spelt so in documents and tokens."""

    cause: str
    cure: str


def guide_link(reason: Reason) -> str:
    """Return where a reason is explained."""
    return f"{GUIDE}#{reason}"


def explain(reason: Reason) -> Explanation:
    """Return what a reason means."""
    return next(reasons[reason] for reasons in EXPLANATIONS.values() if reason in reasons)


EXPLANATIONS: Final[Mapping[str, Mapping[Reason, Explanation]]] = {
    "Why a token was refused": {
        TokenReason.TOKEN_TOO_LARGE: Explanation(
            "Longer than 16 KiB.",
            "Keep the claims small; let us fetch the participant's data instead.",
        ),
        TokenReason.TOKEN_MALFORMED: Explanation(
            "Not three (JWS) or five (JWE) parts of canonical base64url; a header that is not strict JSON, or that "
            "holds `crit`, `b64`, `zip`, `jwk`, `jku` or `x5u`; a JWE whose content is not a JWS, or whose `cty` is "
            "not `JWT`. Seldom ours: judging it ended three of our processes, and it was set aside (`session.poisoned` "
            "in our log).",
            "Send the compact serialization exactly as your library printed it. Leave header members out that are "
            "never allowed. Sign first, then encrypt. Where a session has this reason and the inspector finds nothing "
            "wrong with its token, tell us the session's id.",
        ),
        TokenReason.TOKEN_NOT_ENCRYPTED: Explanation(
            "A JWS, and the partner's `encryption.required` is set.",
            "Encrypt the token, or unset `encryption.required` in the partner's document.",
        ),
        TokenReason.TOKEN_UNEXPECTEDLY_ENCRYPTED: Explanation(
            "A JWE, and the partner has no `encryption`.",
            "Configure `encryption` in the partner's document, or send the JWS.",
        ),
        TokenReason.DECRYPTION_FAILED: Explanation(
            "None of the keys opens the JWE with an `alg` and `enc` that the partner's method allows.",
            "Compare the secret, its encoding and its length with `alg` and `enc`: `dir` with A256GCM needs exactly "
            "32 bytes. With a key pair, take the key anew from the partner's `encryption-keys`.",
        ),
        TokenReason.ALG_NOT_ALLOWED: Explanation(
            "The header's `alg` is not in the partner's `algorithms` (nor ever: `none`, RSA1_5, PBES2).",
            "Sign with an algorithm that the partner's document lists, or list yours. Of a JWE `alg` and `enc` have "
            "to be among those of the partner's encryption method.",
        ),
        TokenReason.KID_MISSING: Explanation(
            "Method `jwks`, and the header has no `kid` of 1 to 256 printable characters.",
            "Set `kid` in the header to that of the key in your JWK Set.",
        ),
        TokenReason.KID_UNKNOWN: Explanation(
            "The JWK Set was fetched after the token came in, or less than a minute before, and has no such key that "
            "we use; or it could not be fetched anew within 90 s.",
            "Publish a key before you sign with it. See whether the key set names it among those that are dropped.",
        ),
        TokenReason.KEY_REVOKED: Explanation(
            "The key was revoked here, by its thumbprint; also where it had accepted the token before.",
            "Sign with another key; a revocation stays, whatever is published.",
        ),
        TokenReason.KEYS_UNAVAILABLE: Explanation(
            "The JWK Set could not be fetched for as long as a session waits (15 minutes, never longer than the token"
            " lives).",
            "See the `last_error` of the key set: its URL has to answer with a JWK Set.",
        ),
        TokenReason.SIGNATURE_INVALID: Explanation(
            "No configured key of the right type verifies the signature.",
            "Compare the public key, or the secret and its encoding, with what signed. A signature over changed bytes"
            " never holds: send the token as it was made.",
        ),
        TokenReason.CLAIMS_MALFORMED: Explanation(
            "The payload is not one strict JSON object: syntax, a name twice, NaN, nested deeper than 16.",
            "Print the claims with a JSON library, each name once.",
        ),
        TokenReason.CLAIM_MISSING: Explanation(
            "`sub`, `campaignId` or `exp` is absent; or `jti` where the campaign is `single_use`; or `iat` where the "
            "partner has a `max_age_seconds`.",
            "Add the claim.",
        ),
        TokenReason.CLAIM_INVALID: Explanation(
            "A claim has another type or size than the table says; the log names the claim.",
            "Send numbers as numbers and booleans as booleans, within the sizes of the table of claims.",
        ),
        TokenReason.TOKEN_EXPIRED: Explanation(
            "`exp` had passed, by more than the leeway, when the token came in.",
            "Mint tokens when the page is served, with `exp` in seconds; compare your clock.",
        ),
        TokenReason.TOKEN_NOT_YET_VALID: Explanation(
            "`nbf` or `iat` lies further in the future than the leeway.",
            "Compare your clock; `nbf` and `iat` are in seconds.",
        ),
        TokenReason.TOKEN_TOO_OLD: Explanation(
            "`iat` is longer ago than the partner's `max_age_seconds`.",
            "Mint tokens when the page is served, not ahead of time.",
        ),
        TokenReason.ISSUER_MISMATCH: Explanation(
            "`iss` is not the partner's `issuer`.",
            "Make `iss` and the partner's `issuer` equal, letter by letter.",
        ),
        TokenReason.AUDIENCE_MISMATCH: Explanation(
            "The partner's `audience` is not among `aud`.",
            "Make `aud`, or one of its entries, equal to the partner's `audience`.",
        ),
        TokenReason.CAMPAIGN_MISMATCH: Explanation(
            "`campaignId` is neither the campaign's id nor one of its `aliases`.",
            "Send the participant to the campaign that the token names, or give the campaign that name as an alias.",
        ),
        TokenReason.TOKEN_REUSED: Explanation(
            "`single_use`, and the `jti` was already played with in another session.",
            "Mint a new token, with a new `jti`, for each visit.",
        ),
    },
    "Why a participant may not play": {
        ParticipationReason.NOT_ELIGIBLE: Explanation(
            "The token says `limit.canPlay: false`.",
            "Nothing is broken. To let the participant play, leave `canPlay` out or say true.",
        ),
        ParticipationReason.LIMIT_REACHED: Explanation(
            "The participant has played `limit.nb` times, or `limit.nb` is 0.",
            "Nothing is broken. To let the participant play again, raise `limit.nb`.",
        ),
        ParticipationReason.TOKEN_REJECTED: Explanation(
            "The campaign's mode is `required` and the token was refused; `token.reason` says why.",
            "See the reason of the token.",
        ),
    },
    "Why a prefill could not be had": {
        PrefillReason.TIMEOUT: Explanation(
            "The partner's API took longer than `timeout_seconds`, or 2 s to connect; or it answered 408.",
            "Answer sooner, or raise `timeout_seconds` in the partner's document.",
        ),
        PrefillReason.CONNECT: Explanation(
            "No connection, or it was reset.",
            "See that the API listens, and that no firewall is between.",
        ),
        PrefillReason.DNS: Explanation(
            "The API's host name does not resolve.",
            "See that the host name in the API's URL is right and public.",
        ),
        PrefillReason.TLS: Explanation(
            "No valid certificate.",
            "Renew the certificate; it has to be of a public authority and for this host name.",
        ),
        PrefillReason.HTTP_429: Explanation(
            "The API asks for a pause; `Retry-After` is honoured up to an hour.",
            "Allow more, or set `rate_per_second` in the partner's document to what is allowed.",
        ),
        PrefillReason.HTTP_5XX: Explanation(
            "The API failed.",
            "See the API's own logs.",
        ),
        PrefillReason.HTTP_4XX: Explanation(
            "The API refuses the request.",
            "See that the URL template is right, and that the API knows this `sub`.",
        ),
        PrefillReason.AUTH: Explanation(
            "401 or 403; or the token does not hold the claim that should be the access token.",
            "Put the access token into the claim that the partner's document names, or see why the API does not take "
            "the credential.",
        ),
        PrefillReason.CONTRACT: Explanation(
            "Not a JSON object, too large, a redirect, another content type or coding, or the mapping does not fit.",
            "Answer with one JSON object as `application/json`, without redirects or compression, that the mapping "
            "fits.",
        ),
        PrefillReason.POLICY: Explanation(
            "The API's address is not one that we call: private, or not https.",
            "Give the API a public https address.",
        ),
        PrefillReason.BREAKER_OPEN: Explanation(
            "Calls to this partner are paused because most of them failed.",
            "Mend what the other reasons say, or wait; `POST /v1/partners/{partner_id}/resume` ends it.",
        ),
        PrefillReason.INTERNAL: Explanation(
            "Our side failed.",
            "Tell whoever runs this service.",
        ),
        PrefillReason.POISON: Explanation(
            "Working on the session ended its process three times.",
            "Tell whoever runs this service; a replay tries again.",
        ),
        PrefillReason.DEADLINE: Explanation(
            "The participant's deadline passed before an answer came; a later one may still bring it.",
            "Answer sooner, or raise the campaign's `prefill_deadline_seconds`.",
        ),
    },
}
"""By the heading that they stand under."""
