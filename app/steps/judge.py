"""Judge one token against one partner's configuration: from compact text to signed claims.

The order is the gate's: shape, encryption, algorithm, key, signature, strict claims. Says nothing yet of what the
claims mean. Touches no store: the key set is handed in as it was read for the whole batch.
"""

from dataclasses import dataclass
from datetime import datetime

from app.domain.claims import numeric_date
from app.domain.keyset import Keyset, KeysetPolicy, Park, Refuse, Serve, decide_lookup
from app.domain.partner import EncryptionMethod, Partner, SignatureMethod
from app.domain.strict_json import NotStrictJson, parse_object
from app.domain.token import SignedClaims
from app.errors import TokenRejected
from app.jose.encryption import CONTENT_ENCODINGS, KEY_ALGORITHMS, decrypt, open_nested
from app.jose.gate import UnverifiedToken, open_token, require_kid
from app.jose.keys import UsableKey
from app.jose.signature import verify
from app.reasons import TokenReason
from app.steps.keyring import Keyring

_AGREED = frozenset(alg for alg in KEY_ALGORITHMS if alg.startswith(("RSA-", "ECDH-")))
_KEY_ALGORITHMS = {
    EncryptionMethod.SHARED_SECRET: KEY_ALGORITHMS - _AGREED,
    EncryptionMethod.KEY_PAIR: _AGREED,
    EncryptionMethod.CRYPTO_API: frozenset({"ECDH-ES+A256KW"}),
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """The token cannot be judged yet: its key is to be fetched; `kid` is missing from `source`."""

    park: Park
    source: str
    kid: str | None


@dataclass(frozen=True, slots=True)
class JudgeToken:
    """Verifies a token's encryption and signature with the keys that its partner is configured with."""

    keyring: Keyring
    policy: KeysetPolicy

    def __call__(
        self, text: str, partner: Partner, keyset: Keyset | None, received_at: datetime, now: datetime
    ) -> SignedClaims | Waiting:
        """Return the signed claims, or that the token has to wait for its key; raise TokenRejected."""
        token = self._decrypted(open_token(text), partner, now)
        if token.alg not in partner.signature.algorithms:
            raise TokenRejected(TokenReason.ALG_NOT_ALLOWED)
        if partner.signature.method is not SignatureMethod.JWKS:
            key = verify(token, self.keyring.signature_keys(partner, now), partner.signature.algorithms)
            return _signed(token, key, None)
        published = self._published_key(token, partner, keyset, received_at, now)
        if isinstance(published, Waiting):
            return published
        key = verify(token, (published,), partner.signature.algorithms)
        return _signed(token, key, keyset.version if keyset else None)

    def _decrypted(self, token: UnverifiedToken, partner: Partner, now: datetime) -> UnverifiedToken:
        encryption = partner.encryption
        if not token.encrypted:
            if encryption is not None and encryption.required:
                raise TokenRejected(TokenReason.TOKEN_NOT_ENCRYPTED)
            return token
        if encryption is None:
            raise TokenRejected(TokenReason.TOKEN_UNEXPECTEDLY_ENCRYPTED)
        keys = self.keyring.encryption_keys(partner, now)
        named = [key for key in keys if key.kid is not None and key.kid == token.kid]
        plaintext = decrypt(token, named or keys, _KEY_ALGORITHMS[encryption.method], CONTENT_ENCODINGS)
        return open_nested(plaintext, token.header)

    def _published_key(
        self, token: UnverifiedToken, partner: Partner, keyset: Keyset | None, received_at: datetime, now: datetime
    ) -> UsableKey | Waiting:
        kid = require_kid(token)
        lookup = decide_lookup(keyset, kid, received_at, _ends_at(token), now, self.policy)
        match lookup:
            case Refuse(reason):
                raise TokenRejected(reason, "kid")
            case Park():
                is_missing_kid = keyset is not None and bool(keyset.keys)
                return Waiting(lookup, partner.signature.jwks_url or "", kid if is_missing_kid else None)
            case Serve():
                key = self.keyring.keyset_keys(keyset).get(kid) if keyset else None
                if key is None:
                    raise TokenRejected(TokenReason.KID_UNKNOWN, "kid")
                if keyset and key.thumbprint in keyset.revoked:
                    raise TokenRejected(TokenReason.KEY_REVOKED, "kid")
                return key


def _signed(token: UnverifiedToken, key: UsableKey, keyset_version: int | None) -> SignedClaims:
    try:
        claims = parse_object(token.payload)
    except NotStrictJson as refusal:
        raise TokenRejected(TokenReason.CLAIMS_MALFORMED, str(refusal)) from None
    return SignedClaims(
        claims=claims,
        key_thumbprint=key.thumbprint if key.kty != "oct" else None,
        keyset_version=keyset_version,
        signing_input=token.signing_input,
        signature=token.signature,
    )


def _ends_at(token: UnverifiedToken) -> datetime | None:
    """Return when an unverified token says that it ends: it bounds how long it waits, and proves nothing."""
    try:
        return numeric_date(parse_object(token.payload).get("exp"))
    except NotStrictJson:
        return None
