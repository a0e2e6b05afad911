"""The closed lists of reasons: why a token, a participation or a prefill came out as it did.

Never renamed, never reused: partners' integrations and dashboards match on these words.
`docs/reasons.md` documents each.
"""

from enum import StrEnum


class TokenReason(StrEnum):
    """Why a token was refused."""

    TOKEN_MALFORMED = "token_malformed"
    TOKEN_TOO_LARGE = "token_too_large"
    TOKEN_NOT_ENCRYPTED = "token_not_encrypted"
    TOKEN_UNEXPECTEDLY_ENCRYPTED = "token_unexpectedly_encrypted"
    DECRYPTION_FAILED = "decryption_failed"
    ALG_NOT_ALLOWED = "alg_not_allowed"
    KID_MISSING = "kid_missing"
    KID_UNKNOWN = "kid_unknown"
    KEY_REVOKED = "key_revoked"
    KEYS_UNAVAILABLE = "keys_unavailable"
    SIGNATURE_INVALID = "signature_invalid"
    CLAIMS_MALFORMED = "claims_malformed"
    CLAIM_MISSING = "claim_missing"
    CLAIM_INVALID = "claim_invalid"
    TOKEN_EXPIRED = "token_expired"
    TOKEN_NOT_YET_VALID = "token_not_yet_valid"
    TOKEN_TOO_OLD = "token_too_old"
    ISSUER_MISMATCH = "issuer_mismatch"
    AUDIENCE_MISMATCH = "audience_mismatch"
    CAMPAIGN_MISMATCH = "campaign_mismatch"
    TOKEN_REUSED = "token_reused"


class ParticipationReason(StrEnum):
    """Why a participant may not play."""

    NOT_ELIGIBLE = "not_eligible"
    LIMIT_REACHED = "limit_reached"
    TOKEN_REJECTED = "token_rejected"


class PrefillReason(StrEnum):
    """Why a prefill could not be had; also the class of a failed attempt."""

    TIMEOUT = "timeout"
    CONNECT = "connect"
    DNS = "dns"
    TLS = "tls"
    HTTP_429 = "http_429"
    HTTP_5XX = "http_5xx"
    HTTP_4XX = "http_4xx"
    AUTH = "auth"
    CONTRACT = "contract"
    POLICY = "policy"
    BREAKER_OPEN = "breaker_open"
    INTERNAL = "internal"
    POISON = "poison"
    DEADLINE = "deadline"
